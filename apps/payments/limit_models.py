"""Tables of the customer's own limits; ``apps.payments.models`` is where Django finds them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id


class LimitColumns(models.Model):
    """The four limits, in minor units of euro."""

    per_payment_minor = models.BigIntegerField(_("per payment"))
    per_day_minor = models.BigIntegerField(_("per day"))
    portal_per_day_minor = models.BigIntegerField(_("per day in the portal"))
    xs2a_per_day_minor = models.BigIntegerField(_("per day through companies"))

    class Meta:
        abstract = True


_NOT_NEGATIVE = Q(
    per_payment_minor__gte=0,
    per_day_minor__gte=0,
    portal_per_day_minor__gte=0,
    xs2a_per_day_minor__gte=0,
)


class PaymentLimits(LimitColumns):
    """A customer's limits, once they were changed; without a row the bank's usual ones hold (PSD2 art. 68(1))."""

    psu = models.OneToOneField(
        "identity.PSU",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="payment_limits",
        verbose_name=_("customer"),
    )
    changed_at = models.DateTimeField(_("last change"))

    class Meta:
        verbose_name = _("payment limits")
        verbose_name_plural = _("payment limits")
        constraints = [models.CheckConstraint(condition=_NOT_NEGATIVE, name="payment_limits_not_negative")]

    def __str__(self) -> str:
        return str(self.psu_id)


class ChangeStatus(models.TextChoices):
    """open → applied | refused (wrong codes, or other limits hold by now)."""

    OPEN = "open"
    APPLIED = "applied"
    REFUSED = "refused"


class PaymentLimitChange(LimitColumns):
    """New limits of which at least one is higher, until the customer has signed them; and the record of it after."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    psu = models.ForeignKey("identity.PSU", on_delete=models.PROTECT, related_name="+")
    replaced = models.JSONField(help_text="the limits that held when the change was asked for")
    status = models.CharField(max_length=7, choices=ChangeStatus, default=ChangeStatus.OPEN)
    created_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    authorisation_id = models.UUIDField(null=True, help_text="by which it was authorised")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_NOT_NEGATIVE, name="payment_limit_change_not_negative"),
            models.CheckConstraint(
                condition=~Q(status="applied") | Q(applied_at__isnull=False, authorisation_id__isnull=False),
                name="payment_limit_change_applied_only_authorised",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.status}"


class PaymentDayUse(models.Model):
    """What went out for a customer on one bank day. The engine writes it, in the transaction that takes the funds."""

    psu = models.ForeignKey("identity.PSU", on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    portal_minor = models.BigIntegerField(default=0)
    xs2a_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["psu", "day"], name="payment_day_use_once_per_day"),
            models.CheckConstraint(
                condition=Q(portal_minor__gte=0, xs2a_minor__gte=0), name="payment_day_use_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.psu_id} {self.day}"
