from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.consents.rules import AccessKind, ConsentModel, ConsentStatus
from apps.core.ids import new_id


class Consent(models.Model):
    """A consent of a customer for account information (PSD2 art. 67)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False, help_text="consentId")
    app = models.ForeignKey(
        "tpp.App", on_delete=models.PROTECT, related_name="consents", verbose_name=_("app")
    )
    tpp = models.ForeignKey("tpp.TPP", on_delete=models.PROTECT, related_name="consents", verbose_name="TPP")
    psu = models.ForeignKey(
        "identity.PSU",
        on_delete=models.PROTECT,
        null=True,
        related_name="consents",
        verbose_name=_("customer"),
    )
    consent_model = models.CharField(max_length=20, choices=ConsentModel)
    access = models.JSONField(_("access"), help_text="as the TPP sent it")
    recurring_indicator = models.BooleanField(_("recurring"))
    valid_until = models.DateField(_("valid until"))
    frequency_per_day = models.PositiveSmallIntegerField(_("frequency per day"))
    combined_service_indicator = models.BooleanField(default=False)
    consent_status = models.CharField(
        _("status"), max_length=20, choices=ConsentStatus, default=ConsentStatus.RECEIVED
    )
    request_id = models.CharField(max_length=36, help_text="X-Request-ID of the creating call")
    request_hash = models.BinaryField(help_text="of the body, to tell a repeated call from another")
    tpp_redirect_uri = models.CharField(max_length=500, blank=True)
    tpp_nok_redirect_uri = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(_("created"))
    status_changed_at = models.DateTimeField(_("last change"))
    authorised_at = models.DateTimeField(_("authorised"), null=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.CheckConstraint(
                condition=Q(consent_status__in=ConsentStatus.values), name="consent_status_known"
            ),
            models.CheckConstraint(condition=Q(frequency_per_day__gte=1), name="consent_frequency_positive"),
            models.CheckConstraint(
                condition=Q(recurring_indicator=True) | Q(frequency_per_day=1),
                name="consent_one_off_once_per_day",
            ),
            models.CheckConstraint(
                condition=~Q(consent_status=ConsentStatus.VALID)
                | Q(psu__isnull=False, authorised_at__isnull=False),
                name="consent_valid_has_customer",
            ),
            models.UniqueConstraint(fields=["app", "request_id"], name="consent_request_once"),
        ]
        indexes = [
            models.Index(fields=["psu", "-created_at"], name="consent_of_psu"),
            models.Index(
                fields=["valid_until"],
                name="consent_live",
                condition=Q(consent_status__in=["received", "valid"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ConsentAccount(models.Model):
    """An account of a consent, and what may be read of it."""

    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, related_name="accounts")
    payment_account = models.ForeignKey("accounts.PaymentAccount", on_delete=models.PROTECT, related_name="+")
    may_balances = models.BooleanField(default=False)
    may_transactions = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["consent", "payment_account"], name="consent_account_once")
        ]

    def __str__(self) -> str:
        return f"{self.consent_id}: {self.payment_account}"


class ConsentAccess(models.Model):
    """One use of a consent: the customer's access history, and what the unattended limit counts."""

    id = models.BigAutoField(primary_key=True)
    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, related_name="accesses", db_index=False)
    kind = models.CharField(max_length=12, choices=AccessKind)
    payment_account = models.ForeignKey(
        "accounts.PaymentAccount", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    psu_present = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=AccessKind.values), name="consent_access_kind")
        ]
        indexes = [models.Index(fields=["consent", "-at"], name="consent_access_recent")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"
