from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractDeviceGrant,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
)
from oauthlib.common import Request

from apps.authserver.conf import AUTHORIZATION_CODE_TTL_SECONDS
from apps.authserver.rules import AuthorizationOutcome
from apps.core.ids import new_id

SHA256_HEX = "^[0-9a-f]{64}$"


def unusable_secret() -> str:
    """What stands where django-oauth-toolkit keeps a client secret: no password hashes to it, ever."""
    return make_password(None)


def _at_most_one_object(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(consent=None, payment=None)
        | Q(consent=None, standing_order=None)
        | Q(payment=None, standing_order=None),
        name=name,
    )


class OneObject(models.Model):
    """What a request, a grant or a token is for: one consent, one payment or one standing order. A token of an app for
    itself is for none."""

    consent = models.ForeignKey("consents.Consent", null=True, on_delete=models.PROTECT, related_name="+")
    payment = models.ForeignKey(
        "payments.PaymentInitiation", null=True, on_delete=models.PROTECT, related_name="+"
    )
    standing_order = models.ForeignKey(
        "payments.StandingOrder", null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        abstract = True

    @property
    def order_id(self) -> UUID | None:
        """paymentId of NextGenPSD2: of the payment or the standing order."""
        return self.payment_id or self.standing_order_id

    def object_ids(self) -> dict[str, UUID | None]:
        """What it is for, to make something else for the same."""
        return {
            "consent_id": self.consent_id,
            "payment_id": self.payment_id,
            "standing_order_id": self.standing_order_id,
        }


class Application(AbstractApplication):
    """The library's view of a ``tpp.App``, made when the app first speaks to us.

    It copies nothing but ``client_id``; redirect URIs, keys and status are the app's (``self.app``), each
    time.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    app = models.OneToOneField("tpp.App", on_delete=models.PROTECT, related_name="oauth_application")
    client_secret = models.CharField(max_length=255, default=unusable_secret, editable=False)

    class Meta:
        constraints = [
            # Trap 1: an empty secret authenticates with no secret at all. "!" starts what no password can
            # match.
            models.CheckConstraint(
                condition=Q(client_secret__startswith="!"),  # noqa: S106 (no password)
                name="application_secret_unusable",
            ),
            models.CheckConstraint(condition=Q(client_type="confidential"), name="application_confidential"),
            models.CheckConstraint(condition=Q(skip_authorization=False), name="application_always_asks"),
            models.CheckConstraint(condition=Q(redirect_uris=""), name="application_redirect_uris_of_app"),
        ]

    def redirect_uri_allowed(self, uri: str) -> bool:
        """Whether the app registered exactly this text (FAPI 2.0 5.3.2.1-7): no wildcards, no free ports."""
        return uri in self.app.redirect_uris

    def is_usable(self, request: Request | None) -> bool:
        """Whether app and TPP may act now."""
        return self.app.status == "active" and self.app.tpp.status == "active"


class AuthorizationRequest(OneObject):
    """What a TPP asked for at the authorization endpoint. Later steps read it here, never from a form."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="authorization_requests"
    )
    authorisation_id = models.UUIDField(help_text="the SCA authorisation in which the customer answers")
    redirect_uri = models.TextField()
    scope = models.TextField()
    state = models.TextField(blank=True)
    nonce = models.CharField(max_length=255, blank=True)
    code_challenge = models.CharField(max_length=43)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=AuthorizationOutcome, default=AuthorizationOutcome.OPEN)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(consent__isnull=False, payment=None, standing_order=None)
                | Q(consent=None, payment__isnull=False, standing_order=None)
                | Q(consent=None, payment=None, standing_order__isnull=False),
                name="authorization_request_one_object",
            ),
            models.CheckConstraint(
                condition=Q(code_challenge__regex="^[A-Za-z0-9_-]{43}$"),
                name="authorization_request_pkce_s256",
            ),
            models.CheckConstraint(
                condition=Q(outcome="open", answered_at=None)
                | (~Q(outcome="open") & Q(answered_at__isnull=False)),
                name="authorization_request_answered",
            ),
            models.UniqueConstraint(fields=["authorisation_id"], name="authorization_request_one_per_sca"),
        ]
        indexes = [
            models.Index(fields=["application", "scope"], name="authorization_request_again"),
            models.Index(fields=["expires_at"], name="authorization_request_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} ({self.outcome})"


class Grant(OneObject, AbstractGrant):  # type: ignore[django-manager-missing]  # Of IDToken, whose base has no types.
    """An authorization code, and the head of the family of tokens that came of it.

    Only the code's hash is kept. The row stays when the code is used, so that a second use is known for what
    it is and the whole family dies (RFC 6749 4.1.2).
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    authorization_request = models.OneToOneField(
        AuthorizationRequest, on_delete=models.PROTECT, related_name="grant"
    )
    psu = models.ForeignKey("identity.PSU", on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=64, help_text="who the customer is to this TPP: the sub claim")
    auth_time = models.DateTimeField(
        help_text="real time of the strong customer authentication of this grant"
    )
    acr = models.CharField(max_length=100)
    amr = ArrayField(models.CharField(max_length=10))
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=SHA256_HEX), name="grant_code_hashed"),
            models.CheckConstraint(condition=Q(code_challenge_method="S256"), name="grant_pkce_s256"),
            models.CheckConstraint(
                condition=Q(expires__lte=F("created") + timedelta(seconds=AUTHORIZATION_CODE_TTL_SECONDS)),
                name="grant_code_short_lived",
            ),
            _at_most_one_object("grant_one_object"),
        ]


class AccessToken(OneObject, AbstractAccessToken):
    """An opaque access token, known by its checksum only. Of a grant, or of an app for itself."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    grant = models.ForeignKey(Grant, null=True, on_delete=models.CASCADE, related_name="access_tokens")
    psu = models.ForeignKey("identity.PSU", null=True, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(token=""), name="access_token_not_clear"),
            models.CheckConstraint(condition=Q(token_checksum__regex=SHA256_HEX), name="access_token_hashed"),
            models.CheckConstraint(condition=Q(application__isnull=False), name="access_token_of_app"),
            models.CheckConstraint(
                condition=Q(grant=None, psu=None, user=None, consent=None, payment=None, standing_order=None)
                | Q(grant__isnull=False, psu__isnull=False, user__isnull=False),
                name="access_token_grant_or_app",
            ),
            _at_most_one_object("access_token_one_object"),
        ]
        indexes = [models.Index(fields=["expires"], name="access_token_expiry")]


class RefreshToken(AbstractRefreshToken):
    """A refresh token, known by its checksum only; one for each grant, never rotated (FAPI 2.0 5.3.2.1-9)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    grant = models.OneToOneField(Grant, on_delete=models.CASCADE, related_name="refresh_token")
    expires_at = models.DateTimeField()

    class Meta(AbstractRefreshToken.Meta):
        unique_together = None
        constraints = [
            models.UniqueConstraint(fields=["token_checksum"], name="refresh_token_unique"),
            models.CheckConstraint(condition=Q(token=""), name="refresh_token_not_clear"),
            models.CheckConstraint(
                condition=Q(token_checksum__regex=SHA256_HEX), name="refresh_token_hashed"
            ),
        ]
        indexes: list[models.Index] = []


class IDToken(AbstractIDToken):
    """An ID token that was given out: its ``jti``, and the grant that ties it to customer and consent."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="id_tokens")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires"], name="id_token_expiry")]


class DeviceGrant(AbstractDeviceGrant):
    """Never used: there is no device flow. Swapped so that no table of the library exists beside ours."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")

    class Meta(AbstractDeviceGrant.Meta):
        pass


class SpentAssertion(models.Model):
    """The name (``jti``) of a client assertion that was used: it works once, in whichever process (AS-19)."""

    id = models.BigAutoField(primary_key=True)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    jti_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "jti_hash"], name="spent_assertion_once"),
        ]
        indexes = [models.Index(fields=["expires_at"], name="spent_assertion_expiry")]

    def __str__(self) -> str:
        return f"assertion of {self.application_id}"


class PairwiseSubject(models.Model):
    """Who a customer is to one TPP: a random name of its own, so that two TPPs cannot put theirs together.

    OIDC Core 8.1, pairwise identifiers. Stored, not computed, so that it survives a change of the bank's
    secrets.
    """

    id = models.BigAutoField(primary_key=True)
    tpp = models.ForeignKey("tpp.TPP", on_delete=models.PROTECT, related_name="+")
    psu = models.ForeignKey("identity.PSU", on_delete=models.PROTECT, related_name="+")
    identifier = models.UUIDField(unique=True, default=new_id)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tpp", "psu"], name="pairwise_subject_once")]

    def __str__(self) -> str:
        return str(self.identifier)
