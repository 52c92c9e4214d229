"""Tables of the payees whom customers trust; ``apps.payments.models`` is where Django finds them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.payments.limit_models import ChangeStatus


class TrustedPayee(models.Model):
    """A payee on a customer's list of trusted beneficiaries (RTS art. 13). What was removed stays as a record.

    A trigger lets no row in, and no name change, without a finalised authorisation of this customer for his list,
    which nothing else has used.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    psu = models.ForeignKey(
        "identity.PSU", on_delete=models.PROTECT, related_name="trusted_payees", verbose_name=_("customer")
    )
    name = models.CharField(_("payee"), max_length=70)
    iban = models.CharField(_("IBAN"), max_length=34)
    listed_at = models.DateTimeField(_("on the list since"))
    changed_at = models.DateTimeField(_("last change"))
    removed_at = models.DateTimeField(_("removed"), null=True)
    authorisation_id = models.UUIDField(help_text="by which it was put there, or last changed")

    class Meta:
        verbose_name = _("trusted payee")
        verbose_name_plural = _("trusted payees")
        constraints = [
            models.UniqueConstraint(
                fields=["psu", "iban"],
                condition=Q(removed_at__isnull=True),
                name="trusted_payee_once_per_customer",
            ),
            models.UniqueConstraint(fields=["authorisation_id"], name="trusted_payee_once_per_authorisation"),
        ]

    def __str__(self) -> str:
        return self.name


class TrustedPayeeChange(models.Model):
    """A payee to be trusted, or another name for one, until the customer has signed it; and the record of it after.

    ``payee`` and ``former_name`` are empty for one that is to be added.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    psu = models.ForeignKey("identity.PSU", on_delete=models.PROTECT, related_name="+")
    payee = models.ForeignKey(TrustedPayee, on_delete=models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=70)
    iban = models.CharField(max_length=34)
    former_name = models.CharField(max_length=70, blank=True, default="")
    status = models.CharField(max_length=7, choices=ChangeStatus, default=ChangeStatus.OPEN)
    created_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    authorisation_id = models.UUIDField(null=True, help_text="by which it was authorised")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(payee__isnull=True, former_name="") | Q(payee__isnull=False) & ~Q(former_name=""),
                name="trusted_payee_change_adds_or_renames",
            ),
            models.CheckConstraint(
                condition=~Q(status="applied") | Q(applied_at__isnull=False, authorisation_id__isnull=False),
                name="trusted_payee_change_applied_only_authorised",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.status}"
