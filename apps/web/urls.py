from django.urls import path

from apps.web.views import health, preferences, session

app_name = "web"

urlpatterns = [
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("language/", preferences.set_language, name="language"),
    path("theme/", preferences.set_theme, name="theme"),
    path("session/", session.remaining, name="session"),
    path("session/extend/", session.extend, name="session-extend"),
]
