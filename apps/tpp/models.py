from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.tpp.rules import AppStatus, CertificateKind, KeyStatus, Role, TPPStatus


class TPP(models.Model):
    """A third-party provider, as its competent authority licensed it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    legal_name = models.CharField(_("legal name"), max_length=140)
    brand_name = models.CharField(_("brand"), max_length=70)
    authorisation_number = models.CharField(_("authorisation number"), max_length=60, unique=True)
    authority_name = models.CharField(_("authority"), max_length=140)
    country = models.CharField(_("country"), max_length=2)
    roles = ArrayField(
        models.CharField(max_length=5, choices=Role), default=list, blank=True, verbose_name=_("roles")
    )
    status = models.CharField(_("status"), max_length=7, choices=TPPStatus, default=TPPStatus.ACTIVE)
    contact_email = models.EmailField(_("contact"), blank=True)
    registered_at = models.DateTimeField(_("registered"))
    blocked_at = models.DateTimeField(_("blocked since"), null=True, blank=True)
    blocked_reason = models.CharField(_("reason of the block"), max_length=300, blank=True)

    class Meta:
        verbose_name = "TPP"
        verbose_name_plural = "TPPs"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=TPPStatus.values), name="tpp_status_known"),
            models.CheckConstraint(
                condition=Q(status=TPPStatus.BLOCKED, blocked_at__isnull=False)
                | Q(status=TPPStatus.ACTIVE, blocked_at__isnull=True),
                name="tpp_blocked_has_time",
            ),
            models.CheckConstraint(condition=Q(roles__contained_by=Role.values), name="tpp_roles_known"),
        ]

    def __str__(self) -> str:
        return self.legal_name


class TPPMember(models.Model):
    """A person who works for a TPP and manages its apps in the console."""

    tpp = models.ForeignKey(TPP, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey("identity.User", on_delete=models.CASCADE, related_name="tpp_memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tpp", "user"], name="tpp_member_once")]

    def __str__(self) -> str:
        return f"{self.user} at {self.tpp}"


class App(models.Model):
    """A program of a TPP: an OAuth client. What is registered here is the single truth about it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tpp = models.ForeignKey(TPP, on_delete=models.PROTECT, related_name="apps")
    name = models.CharField(_("name"), max_length=70)
    client_id = models.CharField(max_length=64, unique=True)
    redirect_uris = ArrayField(models.CharField(max_length=500), default=list)
    status = models.CharField(_("status"), max_length=9, choices=AppStatus, default=AppStatus.ACTIVE)
    registered_at = models.DateTimeField(_("registered"))

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=AppStatus.values), name="tpp_app_status_known"),
            models.UniqueConstraint(fields=["tpp", "name"], name="tpp_app_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class AppKey(models.Model):
    """A public key of an app. Private keys never come here."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="keys")
    kid = models.CharField(_("key id"), max_length=64)
    jwk = models.JSONField(_("public key"))
    status = models.CharField(_("status"), max_length=7, choices=KeyStatus, default=KeyStatus.ACTIVE)
    added_at = models.DateTimeField(_("added"))
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)

    class Meta:
        verbose_name = _("key")
        constraints = [
            models.UniqueConstraint(fields=["app", "kid"], name="tpp_app_key_kid_once"),
            models.CheckConstraint(condition=Q(status__in=KeyStatus.values), name="tpp_app_key_status_known"),
            models.CheckConstraint(condition=~Q(jwk__has_key="d"), name="tpp_app_key_public_only"),
        ]

    def __str__(self) -> str:
        return self.kid


class TPPCertificate(models.Model):
    """An eIDAS certificate by which a TPP identifies itself (RTS art. 34)."""

    tpp = models.ForeignKey(TPP, on_delete=models.CASCADE, related_name="certificates")
    kind = models.CharField(max_length=6, choices=CertificateKind)
    serial_number = models.CharField(max_length=64)
    issuer = models.CharField(max_length=300)
    sha256_fingerprint = models.CharField(max_length=64, unique=True)
    pem = models.TextField()
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()

    class Meta:
        verbose_name = _("certificate")

    def __str__(self) -> str:
        return f"{self.kind} {self.serial_number}"
