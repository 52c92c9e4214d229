from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.ledger.rules import Direction
from apps.pricing.rules import BASIS_POINTS_MAX, ChargeKind, FeeService, Settlement


class Price(models.Model):
    """What a service costs on accounts of a product from a day on. Only ever added (trigger)."""

    product = models.CharField(_("product"), max_length=35)
    service = models.CharField(_("service"), max_length=16, choices=FeeService)
    amount_minor = models.BigIntegerField(_("price (minor units)"), help_text="each time, or each month")
    currency = models.CharField(_("currency"), max_length=3)
    valid_from = models.DateField(_("valid from"))

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(fields=["product", "service", "valid_from"], name="price_once_a_day"),
            models.CheckConstraint(condition=Q(amount_minor__gte=0), name="price_not_negative"),
            models.CheckConstraint(condition=Q(service__in=FeeService.values), name="price_service_known"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="price_currency_form"),
        ]

    def __str__(self) -> str:
        return f"{self.product}: {self.service} {self.amount_minor}"


class InterestTerms(models.Model):
    """The yearly rates of a product from a day on, in basis points. Only ever added (trigger)."""

    product = models.CharField(_("product"), max_length=35)
    overdraft_rate_bp = models.PositiveIntegerField(_("overdraft rate (basis points)"))
    credit_rate_bp = models.PositiveIntegerField(_("credit rate (basis points)"))
    settlement = models.CharField(_("booked"), max_length=9, choices=Settlement)
    valid_from = models.DateField(_("valid from"))

    class Meta:
        verbose_name = _("interest terms")
        verbose_name_plural = _("interest terms")
        constraints = [
            models.UniqueConstraint(fields=["product", "valid_from"], name="interest_terms_once_a_day"),
            models.CheckConstraint(
                condition=Q(overdraft_rate_bp__lte=BASIS_POINTS_MAX, credit_rate_bp__lte=BASIS_POINTS_MAX),
                name="interest_terms_rates_range",
            ),
            models.CheckConstraint(
                condition=Q(settlement__in=Settlement.values), name="interest_terms_settlement_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.valid_from}"


class AccruedDay(models.Model):
    """A closed day of the ledger for which every account's interest was accrued."""

    day = models.DateField(primary_key=True)
    accrued_at = models.DateTimeField(help_text="bank time")

    def __str__(self) -> str:
        return self.day.isoformat()


class Accrual(models.Model):
    """One day on which an account bore interest: its closing balance and the rate. Only ever added (trigger).

    The day's interest is the balance times the rate, divided by 365 and by 10,000. It is kept as the undivided product,
    so that nothing is lost before a settlement rounds. Days without interest have no row.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(
        "accounts.PaymentAccount", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    day = models.DateField(_("day"))
    direction = models.CharField(
        max_length=6, choices=Direction, help_text="DEBIT: the customer owes it, on an overdrawn balance"
    )
    balance_minor = models.BigIntegerField(help_text="closing balance, without its sign")
    rate_bp = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "day"], name="accrual_once_a_day"),
            models.CheckConstraint(
                condition=Q(balance_minor__gt=0, rate_bp__gt=0), name="accrual_bears_interest"
            ),
            models.CheckConstraint(
                condition=Q(direction__in=Direction.values), name="accrual_direction_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}"


class Charge(models.Model):
    """What one account was charged, or credited as interest, for one period; booked in the same transaction.

    ``direction`` is that of the customer's account. ``shortfall_minor`` is the part that the account could not bear: it
    is on ``receivable:charges`` until collected. A charge of nothing says that the period is done; it has no entry.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(
        "accounts.PaymentAccount", on_delete=models.PROTECT, related_name="charges", verbose_name=_("account")
    )
    kind = models.CharField(_("kind"), max_length=18, choices=ChargeKind)
    period_from = models.DateField(_("first day"))
    period_to = models.DateField(_("last day"))
    direction = models.CharField(_("direction"), max_length=6, choices=Direction)
    quantity = models.PositiveIntegerField(_("times"), help_text="how often used; days that bore interest")
    unit_amount_minor = models.BigIntegerField(_("price (minor units)"), null=True, help_text="of fees")
    amount_minor = models.BigIntegerField(_("amount (minor units)"))
    shortfall_minor = models.BigIntegerField(_("not covered (minor units)"), default=0)
    currency = models.CharField(_("currency"), max_length=3)
    booked_at = models.DateTimeField(_("booked"), help_text="bank time")

    class Meta:
        verbose_name = _("charge")
        verbose_name_plural = _("charges")
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "period_from"], name="charge_once_a_period"),
            models.CheckConstraint(condition=Q(kind__in=ChargeKind.values), name="charge_kind_known"),
            models.CheckConstraint(condition=Q(amount_minor__gte=0), name="charge_not_negative"),
            models.CheckConstraint(
                condition=Q(shortfall_minor__gte=0, shortfall_minor__lte=F("amount_minor")),
                name="charge_shortfall_part_of_it",
            ),
            models.CheckConstraint(
                condition=Q(period_to__gte=F("period_from")), name="charge_period_in_order"
            ),
            models.CheckConstraint(
                condition=Q(kind=ChargeKind.CREDIT_INTEREST, direction=Direction.CREDIT, shortfall_minor=0)
                | (~Q(kind=ChargeKind.CREDIT_INTEREST) & Q(direction=Direction.DEBIT)),
                name="charge_direction_of_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(unit_amount_minor__isnull=True)
                | Q(amount_minor=F("unit_amount_minor") * F("quantity")),
                name="charge_is_price_times_quantity",
            ),
        ]
        indexes = [
            models.Index(fields=["account"], name="charge_with_shortfall", condition=Q(shortfall_minor__gt=0))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.period_from}"

    @property
    def reference(self) -> str:
        """Under what its entry is booked: account, kind and period, so that it can be booked once."""
        return f"{self.kind}:{self.account_id}:{self.period_from:%Y%m%d}"


class Collection(models.Model):
    """A part of a shortfall that the account could bear later. Only ever added (trigger)."""

    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="collections")
    number = models.PositiveIntegerField()
    amount_minor = models.BigIntegerField(_("amount (minor units)"))
    collected_at = models.DateTimeField(_("collected"), help_text="bank time")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["charge", "number"], name="collection_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="collection_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.charge_id} {self.number}"
