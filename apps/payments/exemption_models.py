"""The record of payments that went out without a code; ``apps.payments.models`` is where Django finds it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.core.legal_limits import CHOOSABLE_EXEMPTIONS


class PaymentExemption(models.Model):
    """That a payment was released without strong authentication: by which article, why, and the figures that led to it
    (RTS chapter III). Never changed, never deleted (trigger); and no authorisation is ``exempted`` without its row
    (trigger). ``article`` and ``reason`` are words of ``apps.sca.exemptions``.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment = models.OneToOneField(
        "payments.PaymentInitiation",
        on_delete=models.PROTECT,
        related_name="exemption",
        verbose_name=_("payment"),
    )
    psu = models.ForeignKey(
        "identity.PSU", on_delete=models.PROTECT, related_name="+", verbose_name=_("customer")
    )
    authorisation_id = models.UUIDField(unique=True, help_text="which ended as exempted")
    article = models.CharField(_("article"), max_length=3)
    reason = models.CharField(_("reason"), max_length=32)
    figures = models.JSONField(_("figures"), help_text="that led to it")
    refused = models.JSONField(
        _("other articles"), help_text="that were looked at before and did not fit, and why"
    )
    snapshot_hash = models.BinaryField(help_text="of the payment as it was shown")
    decided_at = models.DateTimeField(_("decided"))

    class Meta:
        verbose_name = _("exemption")
        verbose_name_plural = _("exemptions")
        constraints = [
            models.CheckConstraint(
                condition=Q(article__in=CHOOSABLE_EXEMPTIONS), name="payment_exemption_article_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="payment_exemption_has_reason"),
        ]
        indexes = [models.Index(fields=["psu", "-decided_at"], name="payment_exemption_of_psu")]

    def __str__(self) -> str:
        return f"{self.payment_id}: {self.article}"
