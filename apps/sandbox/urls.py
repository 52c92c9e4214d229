from django.urls import path

from apps.sandbox.views import clock, feeds, personas, phone

app_name = "sandbox"

urlpatterns = [
    path("", personas.home, name="home"),
    path("phone/<str:user_id>/", phone.phone, name="phone"),
    path("clock/", clock.show, name="clock"),
    path("clock/reset/", clock.reset, name="clock-reset"),
    path("messages.json", feeds.messages, name="messages-json"),
    path("ledger.json", feeds.ledger, name="ledger-json"),
    path("clock.json", feeds.bank_clock, name="clock-json"),
    path("health.json", feeds.health, name="health-json"),
]
