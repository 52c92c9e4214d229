from django.urls import path

from apps.rails.views import messages

app_name = "rails"

urlpatterns = [path("messages/", messages.take, name="messages")]
