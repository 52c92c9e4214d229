"""The interface and the authorization server, with a stand-in for the pages that ask the customer."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def _asked(request: HttpRequest, authorisation_id: str) -> HttpResponse:
    return HttpResponse("asked")


_portal = ([path("authorise/<uuid:authorisation_id>/", _asked, name="authorise")], "portal")

urlpatterns = [
    path("", include("apps.authserver.urls")),
    path("v1/", include("apps.xs2a.urls")),
    path("", include(_portal)),
]

handler400 = "apps.web.errors.bad_request"
handler403 = "apps.web.errors.permission_denied"
handler404 = "apps.web.errors.page_not_found"
handler500 = "apps.web.errors.server_error"
