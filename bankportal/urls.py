"""Which door answers which path."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("apps.web.urls")),
    path("", include("apps.authserver.urls")),
    path("v1/", include("apps.xs2a.urls")),
    path("rails/", include("apps.rails.urls")),
    path("developers/", include("apps.console.urls")),
    path("staff/", admin.site.urls),
    path("", include("apps.portal.urls")),
]

if settings.SANDBOX:
    urlpatterns.insert(0, path("sandbox/", include("apps.sandbox.urls")))

handler400 = "apps.web.errors.bad_request"
handler403 = "apps.web.errors.permission_denied"
handler404 = "apps.web.errors.page_not_found"
handler500 = "apps.web.errors.server_error"
