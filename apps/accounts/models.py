from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.rules import AccountStatus, CashAccountType, HolderRole, SigningRight
from apps.core.ids import new_id


class PaymentAccount(models.Model):
    """A payment account (PSD2 art. 4(12)); its money is on the ledger account behind it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False, help_text="resourceId")
    iban = models.CharField("IBAN", max_length=34, unique=True)
    currency = models.CharField(_("currency"), max_length=3)
    display_name = models.CharField(_("name"), max_length=70)
    owner_name = models.CharField(_("owner"), max_length=140)
    product = models.CharField(_("product"), max_length=35)
    cash_account_type = models.CharField(_("type"), max_length=4, choices=CashAccountType)
    status = models.CharField(_("status"), max_length=8, choices=AccountStatus, default=AccountStatus.ENABLED)
    ledger_account = models.OneToOneField(
        "ledger.LedgerAccount", on_delete=models.PROTECT, related_name="payment_account"
    )
    opened_date = models.DateField(_("opened"))

    class Meta:
        verbose_name = _("payment account")
        verbose_name_plural = _("payment accounts")
        constraints = [
            models.CheckConstraint(
                condition=Q(iban__regex="^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"), name="payment_account_iban_form"
            ),
            models.CheckConstraint(
                condition=Q(status__in=AccountStatus.values), name="payment_account_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.display_name} …{self.iban[-4:]}"


class AccountHolder(models.Model):
    """A customer's right on an account."""

    payment_account = models.ForeignKey(PaymentAccount, on_delete=models.PROTECT, related_name="holders")
    psu = models.ForeignKey("identity.PSU", on_delete=models.PROTECT, related_name="holdings")
    role = models.CharField(max_length=12, choices=HolderRole, default=HolderRole.OWNER)
    may_view = models.BooleanField(default=True)
    may_pay = models.BooleanField(default=True)
    signs = models.CharField(
        _("signs"),
        max_length=7,
        choices=SigningRight,
        default=SigningRight.ALONE,
        db_default=SigningRight.ALONE,
    )

    class Meta:
        verbose_name = _("account holder")
        constraints = [
            models.UniqueConstraint(fields=["payment_account", "psu"], name="account_holder_once"),
            models.CheckConstraint(condition=Q(role__in=HolderRole.values), name="account_holder_role_known"),
            models.CheckConstraint(
                condition=Q(signs__in=SigningRight.values), name="account_holder_signs_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.psu} ({self.role})"
