"""The table of standing orders; ``apps.payments.models`` is where Django finds it."""

from datetime import date

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.core.names.rules import NameMatch
from apps.core.target_calendar import ExecutionRule
from apps.payments.recurrence import Frequency, Series
from apps.payments.rules import Channel, TransactionStatus


class StandingOrder(models.Model):
    """A customer's order to pay the same amount to the same payee again and again (RTS art. 14).

    Nothing of it changes once it is taken in: another takes its place (``replaces``), signed with a code of its own.
    ``PATC`` one of two has signed it, ``ACTC`` it runs, ``ACSC`` its last execution was made, ``CANC`` its customer
    ended it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False, help_text="paymentId")
    psu = models.ForeignKey(
        "identity.PSU", on_delete=models.PROTECT, related_name="standing_orders", verbose_name=_("customer")
    )
    replaces = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="replaced_by", verbose_name=_("replaces")
    )
    debtor_account = models.ForeignKey("accounts.PaymentAccount", on_delete=models.PROTECT, related_name="+")
    debtor_iban = models.CharField(_("debtor IBAN"), max_length=34)
    creditor_name = models.CharField(_("creditor"), max_length=70)
    creditor_iban = models.CharField(_("creditor IBAN"), max_length=34)
    creditor_name_match = models.CharField(_("name check"), max_length=4, choices=NameMatch)
    matched_creditor_name = models.CharField(
        _("payee’s name at his bank"), max_length=140, blank=True, help_text="shown with a close match"
    )
    creditor_name_checked_at = models.DateTimeField(
        _("name checked"), null=True, help_text="empty: taken in before names were checked"
    )
    amount_minor = models.BigIntegerField(_("amount (minor units)"))
    currency = models.CharField(_("currency"), max_length=3)
    remittance_information_unstructured = models.CharField(_("reference"), max_length=140, blank=True)
    frequency = models.CharField(_("frequency"), max_length=14, choices=Frequency)
    start_date = models.DateField(_("first day"))
    end_date = models.DateField(_("last day"), null=True)
    execution_rule = models.CharField(
        _("if banks are closed"), max_length=9, choices=[(rule.value, rule.value) for rule in ExecutionRule]
    )
    day_of_execution = models.PositiveSmallIntegerField(
        _("day of the month"), null=True, help_text="31 is the last day"
    )
    transaction_status = models.CharField(
        _("status"), max_length=4, choices=TransactionStatus, default=TransactionStatus.RCVD
    )
    next_due_date = models.DateField(_("next due"), null=True)
    next_execution_date = models.DateField(_("next execution"), null=True)
    request_id = models.CharField(max_length=36, help_text="the form's own key")
    request_hash = models.BinaryField(help_text="of the order, to tell a repeated call from another")
    authorisation_id = models.UUIDField(null=True, help_text="by which it was authorised")
    created_at = models.DateTimeField(_("created"))
    status_changed_at = models.DateTimeField(_("last change"))
    authorised_at = models.DateTimeField(_("authorised"), null=True)
    signatures_needed = models.PositiveSmallIntegerField(
        _("signatures needed"),
        default=1,
        db_default=1,
        help_text="set with the first; never lowered (trigger)",
    )
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
                | Q(authorised_at__isnull=False, authorisation_id__isnull=False),
                name="standing_order_runs_only_authorised",
            ),
            models.CheckConstraint(
                condition=Q(signatures_needed__gte=1, signatures_needed__lte=2),
                name="standing_order_signatures_one_or_two",
            ),
            models.CheckConstraint(
                condition=~Q(transaction_status="PATC") | Q(signatures_needed__gt=1),
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
            models.UniqueConstraint(
                fields=["psu", "request_id"], name="standing_order_request_once_per_customer"
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

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def channel(self) -> Channel:
        """Through which door it came; its executions count against that door's limit."""
        return Channel.PORTAL

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
    def is_partly_signed(self) -> bool:
        """Whether one has signed it, and another has to."""
        return self.transaction_status == TransactionStatus.PATC

    @property
    def is_running(self) -> bool:
        """Whether there are executions to come."""
        return self.transaction_status == TransactionStatus.ACTC
