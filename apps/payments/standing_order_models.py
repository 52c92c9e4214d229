"""The table of standing orders; ``apps.payments.models`` is where Django finds it."""

from datetime import date
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.names.rules import NameMatch
from apps.core.target_calendar import ExecutionRule
from apps.payments.order_models import InitiatedOrder
from apps.payments.recurrence import Frequency, Series
from apps.payments.rules import Channel, PaymentProduct, TransactionStatus

if TYPE_CHECKING:
    from apps.identity.models import PSU


class StandingOrder(InitiatedOrder):
    """A customer's order to pay the same amount to the same payee again and again (RTS art. 14).

    Nothing of it changes once it is taken in: another takes its place (``replaces``), signed with a code of its own.
    ``PATC`` one of two has signed it, ``ACTC`` it runs, ``ACSC`` its last execution was made, ``CANC`` its customer
    or the TPP through which it came ended it.
    """

    app = models.ForeignKey(
        "tpp.App",
        on_delete=models.PROTECT,
        null=True,
        related_name="standing_orders",
        verbose_name=_("app"),
    )
    psu = models.ForeignKey(
        "identity.PSU",
        on_delete=models.PROTECT,
        null=True,
        related_name="standing_orders",
        verbose_name=_("customer"),
    )
    replaces = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="replaced_by", verbose_name=_("replaces")
    )
    debtor_account = models.ForeignKey("accounts.PaymentAccount", on_delete=models.PROTECT, related_name="+")
    frequency = models.CharField(_("frequency"), max_length=14, choices=Frequency)
    start_date = models.DateField(_("first day"))
    end_date = models.DateField(_("last day"), null=True)
    execution_rule = models.CharField(
        _("if banks are closed"), max_length=9, choices=[(rule.value, rule.value) for rule in ExecutionRule]
    )
    day_of_execution = models.PositiveSmallIntegerField(
        _("day of the month"), null=True, help_text="31 is the last day"
    )
    next_due_date = models.DateField(_("next due"), null=True)
    next_execution_date = models.DateField(_("next execution"), null=True)
    origin = models.JSONField(
        default=dict, help_text="where it was ordered from (apps.risk.facts.Origin); empty: not known"
    )

    class Meta:
        verbose_name = _("standing order")
        verbose_name_plural = _("standing orders")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="standing_order_amount_positive"),
            models.CheckConstraint(condition=Q(currency="EUR"), name="standing_order_currency_euro"),
            models.CheckConstraint(
                condition=~Q(creditor_iban=F("debtor_iban")), name="standing_order_not_to_itself"
            ),
            models.CheckConstraint(
                condition=Q(creditor_name_match__in=NameMatch.values), name="standing_order_name_match_known"
            ),
            models.CheckConstraint(
                condition=Q(creditor_name_match="CMTC") ^ Q(matched_creditor_name=""),
                name="standing_order_name_shown_with_close_match",
            ),
            models.CheckConstraint(
                condition=Q(creditor_name_checked_at__isnull=False) | Q(creditor_name_match="NOAP"),
                name="standing_order_name_found_by_a_check",
            ),
            models.CheckConstraint(
                condition=Q(transaction_status__in=["RCVD", "PATC", "ACTC", "ACSC", "RJCT", "CANC"]),
                name="standing_order_status_known",
            ),
            models.CheckConstraint(
                condition=Q(frequency__in=Frequency.values), name="standing_order_frequency_known"
            ),
            models.CheckConstraint(
                condition=Q(execution_rule__in=[rule.value for rule in ExecutionRule]),
                name="standing_order_rule_known",
            ),
            models.CheckConstraint(
                condition=Q(day_of_execution__isnull=True)
                | Q(day_of_execution__gte=1, day_of_execution__lte=31),
                name="standing_order_day_of_month",
            ),
            models.CheckConstraint(
                condition=Q(end_date__isnull=True) | Q(end_date__gte=F("start_date")),
                name="standing_order_ends_after_start",
            ),
            models.CheckConstraint(
                condition=~Q(transaction_status__in=["ACTC", "ACSC"])
                | Q(psu__isnull=False, authorised_at__isnull=False, authorisation_id__isnull=False),
                name="standing_order_runs_only_authorised",
            ),
            models.CheckConstraint(
                condition=Q(signatures_needed__gte=1, signatures_needed__lte=2),
                name="standing_order_signatures_one_or_two",
            ),
            models.CheckConstraint(
                condition=~Q(transaction_status="PATC") | Q(psu__isnull=False, signatures_needed__gt=1),
                name="standing_order_partly_signed_needs_more",
            ),
            models.CheckConstraint(
                condition=Q(
                    transaction_status="ACTC",
                    next_due_date__isnull=False,
                    next_execution_date__isnull=False,
                )
                | (
                    ~Q(transaction_status="ACTC")
                    & Q(next_due_date__isnull=True, next_execution_date__isnull=True)
                ),
                name="standing_order_next_only_while_running",
            ),
            models.CheckConstraint(
                condition=Q(channel=Channel.XS2A, app__isnull=False)
                | Q(channel=Channel.PORTAL, app__isnull=True, psu__isnull=False),
                name="standing_order_channel_has_app",
            ),
            models.CheckConstraint(
                condition=Q(transaction_status__in=["RCVD", "RJCT", "CANC"])
                | Q(vop_requested=False)
                | Q(creditor_name_match="MTCH")
                | Q(creditor_confirmed_at__isnull=False),
                name="standing_order_confirmed_if_asked",
            ),
            models.UniqueConstraint(
                fields=["app", "request_id"],
                condition=Q(app__isnull=False),
                name="standing_order_request_once_per_app",
            ),
            models.UniqueConstraint(
                fields=["psu", "request_id"],
                condition=Q(channel="portal"),
                name="standing_order_request_once_per_customer",
            ),
        ]
        indexes = [
            models.Index(fields=["psu", "-created_at"], name="standing_order_of_psu"),
            models.Index(
                fields=["next_execution_date"],
                name="standing_order_due",
                condition=Q(transaction_status="ACTC"),
            ),
            models.Index(
                fields=["debtor_account"],
                name="standing_order_several_signers",
                condition=Q(signatures_needed__gt=1),
            ),
        ]

    @property
    def series(self) -> Series:
        """When it is due."""
        return Series(
            start_date=self.start_date,
            frequency=Frequency(self.frequency),
            end_date=self.end_date,
            execution_rule=ExecutionRule(self.execution_rule),
            day_of_execution=self.day_of_execution,
        )

    @property
    def first_due_date(self) -> date:
        """The first day of the series (there is one: it was checked when it was taken in)."""
        return self.series.first_due_date() or self.start_date

    @property
    def is_running(self) -> bool:
        """Whether there are executions to come."""
        return self.transaction_status == TransactionStatus.ACTC

    @property
    def reported_status(self) -> str:
        """As :class:`InitiatedOrder`; ``ACSP`` as soon as it has made its first payment and more are to come."""
        has_begun = self.next_due_date is not None and self.next_due_date > self.first_due_date
        return TransactionStatus.ACSP if self.is_running and has_begun else self.transaction_status

    @property
    def payment_product(self) -> str:
        """By what its executions are paid."""
        return PaymentProduct.SEPA_CREDIT_TRANSFERS

    @property
    def fee_minor(self) -> int:
        """What the payer pays with each execution besides the amount: ordinary transfers are charged with the month."""
        return 0

    @property
    def payer(self) -> "PSU":
        """The customer of a signed one (a constraint guarantees there is one)."""
        if self.psu is None:
            raise ValueError("not signed: no customer yet")
        return self.psu
