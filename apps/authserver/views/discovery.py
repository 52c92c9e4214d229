from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View

from apps.authserver.errors import method_not_allowed, oauth_error
from apps.authserver.keys import public_keys
from apps.authserver.metadata import build_metadata
from apps.authserver.refusals import SigningKeyMissing

# Short enough that a rotated key is known soon, long enough to spare both sides.
MAX_AGE_SECONDS = 300


class PublicDocumentView(View):
    """A document anyone may read from anywhere, a browser's script included (OIDC Discovery 4: CORS)."""

    http_method_names = ["get", "head"]

    def publish(self, document: object, content_type: str = "application/json") -> HttpResponse:
        response = JsonResponse(document, content_type=content_type)
        response["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
        response["Access-Control-Allow-Origin"] = "*"
        response["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    def http_method_not_allowed(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return method_not_allowed("GET", "HEAD")


class MetadataView(PublicDocumentView):
    """``/.well-known/openid-configuration`` and ``/.well-known/oauth-authorization-server`` (S0-33)."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.publish(build_metadata())


class JWKSView(PublicDocumentView):
    """The public keys of the ID tokens: the one that signs, and the retired ones still in circulation."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.publish({"keys": public_keys()}, content_type="application/jwk-set+json")
        except SigningKeyMissing:
            return oauth_error("server_error", "The bank has no signing key.")
