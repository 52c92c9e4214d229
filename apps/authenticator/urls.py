from django.urls import path

from apps.authenticator.views import messages, shell

app_name = "authenticator"

urlpatterns = [
    path("", shell.app, name="app"),
    path("worker.js", shell.worker, name="worker"),
    path("app.webmanifest", shell.manifest, name="manifest"),
    path("api/activate", messages.activate, name="activate"),
    path("api/requests", messages.requests, name="requests"),
    path("api/answer", messages.answer, name="answer"),
    path("api/verification", messages.verification, name="verification"),
    path("api/add_verification", messages.add_verification, name="add-verification"),
    path("api/subscribe", messages.subscribe, name="subscribe"),
]

handler400 = "apps.authenticator.errors.bad_request"
handler403 = "apps.authenticator.errors.bad_request"
handler404 = "apps.authenticator.errors.not_found"
handler500 = "apps.authenticator.errors.server_error"
