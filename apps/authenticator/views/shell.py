"""The app itself: one page, its worker, and what a telephone needs to install it."""

import hashlib

from csp.constants import SELF
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from apps.sca.device_protocol import SHORT_CODE_DIGITS
from apps.sca.push import public_push_key

_ASSETS = (
    "css/app.css",
    "fonts/ibm-plex-sans-latin-wght-normal.woff2",
    "img/favicon.svg",
    "js/authenticator/app.js",
)
# Asked for by the script itself, under the names that its sources give them.
_MODULES = (
    "js/authenticator/colours.js",
    "js/authenticator/pictures.js",
    "js/authenticator/protocol.js",
    "js/authenticator/store.js",
    "js/webauthn.js",
    "js/vendor/qr/decode.js",
    "js/vendor/qr/index.js",
)


@require_safe
@csp_update({"worker-src": [SELF], "manifest-src": [SELF]})
def app(request: HttpRequest) -> HttpResponse:
    """Every screen of the app; which one is seen, its script decides."""
    response = render(
        request,
        "authenticator/app.html",
        {"push_key": public_push_key(), "digits": SHORT_CODE_DIGITS, "sandbox": settings.SANDBOX},
    )
    # The camera reads pictures, and is asked for by this page alone.
    response["Permissions-Policy"] = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"
    return response


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: keeps the shell for offline, takes what is pushed. Its cache is as old as the files it
    names."""
    assets = [static(path) for path in _ASSETS]
    versions = assets + [static(path) for path in _MODULES]
    version = hashlib.sha256("|".join(versions).encode()).hexdigest()[:16]
    assets += [f"{settings.STATIC_URL}{path}" for path in _MODULES]
    return render(
        request,
        "authenticator/worker.js",
        {"assets": assets, "version": version},
        content_type="text/javascript; charset=utf-8",
    )


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """The web app manifest (W3C)."""
    icon = {"src": static("img/favicon.svg"), "sizes": "any", "type": "image/svg+xml"}
    return JsonResponse(
        {
            "id": "/",
            "name": gettext("%(bank)s app") % {"bank": settings.BANK_NAME},
            "short_name": settings.BANK_NAME,
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#F7F6F2",
            "theme_color": "#0B5A4C",
            "icons": [icon | {"purpose": "any"}, icon | {"purpose": "maskable"}],
        },
        content_type="application/manifest+json",
    )
