from typing import TYPE_CHECKING, TypeAlias

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.names.rules import NameMatch
from apps.payments.exemption_models import PaymentExemption
from apps.payments.limit_models import PaymentDayUse, PaymentLimitChange, PaymentLimits
from apps.payments.order_models import InitiatedOrder
from apps.payments.rules import (
    Channel,
    ChargeBearer,
    PaymentProduct,
    PaymentService,
    TransactionStatus,
)
from apps.payments.standing_order_models import StandingOrder
from apps.payments.trusted_payee_models import TrustedPayee, TrustedPayeeChange

if TYPE_CHECKING:
    from apps.identity.models import PSU

__all__ = [
    "AnyInitiation",
    "PaymentDayUse",
    "PaymentExemption",
    "PaymentInitiation",
    "PaymentLimitChange",
    "PaymentLimits",
    "StandingOrder",
    "TrustedPayee",
    "TrustedPayeeChange",
]


class PaymentInitiation(InitiatedOrder):
    """An order to pay: single, euro, by one of the products. Amount and payee never change once it is taken in."""

    app = models.ForeignKey(
        "tpp.App", on_delete=models.PROTECT, null=True, related_name="payments", verbose_name=_("app")
    )
    psu = models.ForeignKey(
        "identity.PSU",
        on_delete=models.PROTECT,
        null=True,
        related_name="payments",
        verbose_name=_("customer"),
    )
    payment_service = models.CharField(max_length=20, choices=PaymentService, default=PaymentService.PAYMENTS)
    payment_product = models.CharField(
        max_length=40, choices=PaymentProduct, default=PaymentProduct.SEPA_CREDIT_TRANSFERS
    )
    debtor_account = models.ForeignKey(
        "accounts.PaymentAccount",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,  # By it and the day: payment_of_account.
    )
    charge_bearer = models.CharField(
        _("who pays the fees"), max_length=4, choices=ChargeBearer, default=ChargeBearer.SLEV
    )
    fee_minor = models.BigIntegerField(
        _("fee (minor units)"), default=0, help_text="the payer’s, taken with the amount"
    )
    return_reason = models.CharField(
        _("reason of the return"),
        max_length=4,
        blank=True,
        default="",
        help_text="ISO 20022, by the other bank",
    )
    returned_at = models.DateTimeField(_("came back"), null=True)
    requested_execution_date = models.DateField(
        _("to be carried out on"),
        null=True,
        help_text="empty: at once; a day on which banks are closed: the next one",
    )
    released_at = models.DateTimeField(
        _("handed to the engine"), null=True, help_text="empty: waits for its customer, or for its day"
    )
    standing_order = models.ForeignKey(
        StandingOrder,
        on_delete=models.PROTECT,
        null=True,
        related_name="executions",
        verbose_name=_("standing order"),
    )
    due_date = models.DateField(_("due"), null=True, help_text="the day of the series that it is made for")
    core_user_id = models.CharField(_("core user"), max_length=8, blank=True, help_text="set by the engine")
    risk_assessment = models.OneToOneField(
        "risk.RiskAssessment",
        on_delete=models.PROTECT,
        related_name="payment",
        verbose_name=_("risk assessment"),
        help_text="made for this payment, before it was stored; never another (trigger)",
    )

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(condition=Q(currency="EUR"), name="payment_currency_euro"),
            models.CheckConstraint(condition=Q(fee_minor__gte=0), name="payment_fee_not_negative"),
            models.CheckConstraint(
                condition=Q(charge_bearer__in=ChargeBearer.values), name="payment_charge_bearer_known"
            ),
            models.CheckConstraint(
                condition=~Q(payment_product="cross-border-credit-transfers") | ~Q(creditor_agent=""),
                name="payment_abroad_has_bic",
            ),
            models.CheckConstraint(
                condition=Q(transaction_status__in=TransactionStatus.values), name="payment_status_known"
            ),
            models.CheckConstraint(
                condition=Q(transaction_status__in=["RCVD", "PATC", "RJCT", "CANC"])
                | Q(psu__isnull=False, authorised_at__isnull=False, authorisation_id__isnull=False),
                name="payment_executed_only_authorised",
            ),
            models.CheckConstraint(
                condition=Q(signatures_needed__gte=1, signatures_needed__lte=2),
                name="payment_signatures_one_or_two",
            ),
            models.CheckConstraint(
                condition=~Q(transaction_status="PATC") | Q(psu__isnull=False, signatures_needed__gt=1),
                name="payment_partly_signed_needs_more",
            ),
            models.CheckConstraint(
                condition=~Q(transaction_status="CANC") | Q(released_at__isnull=True),
                name="payment_cancelled_only_unreleased",
            ),
            models.CheckConstraint(
                condition=Q(channel=Channel.XS2A, app__isnull=False)
                | Q(channel=Channel.PORTAL, app__isnull=True),
                name="payment_channel_has_app",
            ),
            models.CheckConstraint(
                condition=Q(creditor_name_match__in=NameMatch.values), name="payment_name_match_known"
            ),
            models.CheckConstraint(
                condition=Q(creditor_name_match="CMTC") ^ Q(matched_creditor_name=""),
                name="payment_name_shown_if_close",
            ),
            models.CheckConstraint(
                condition=Q(transaction_status__in=["RCVD", "RJCT", "CANC"])
                | Q(vop_requested=False)
                | Q(creditor_name_match="MTCH")
                | Q(creditor_confirmed_at__isnull=False),
                name="payment_confirmed_if_asked",
            ),
            models.CheckConstraint(
                condition=~Q(creditor_iban=models.F("debtor_iban")), name="payment_not_to_itself"
            ),
            models.CheckConstraint(
                condition=Q(standing_order__isnull=True, due_date__isnull=True)
                | Q(standing_order__isnull=False, due_date__isnull=False),
                name="payment_of_series_has_due_date",
            ),
            models.UniqueConstraint(
                fields=["standing_order", "due_date"],
                condition=Q(standing_order__isnull=False),
                name="payment_once_per_due_date",
            ),
            models.CheckConstraint(
                condition=Q(returned_at__isnull=True, return_reason="")
                | Q(returned_at__isnull=False, transaction_status="ACSC") & ~Q(return_reason=""),
                name="payment_returned_only_done",
            ),
            models.UniqueConstraint(
                fields=["app", "request_id"],
                condition=Q(app__isnull=False),
                name="payment_request_once_per_app",
            ),
            models.UniqueConstraint(
                fields=["psu", "request_id"],
                condition=Q(channel="portal"),
                name="payment_request_once_per_customer",
            ),
        ]
        indexes = [
            models.Index(fields=["psu", "-created_at"], name="payment_of_psu"),
            models.Index(fields=["debtor_account", "-created_at"], name="payment_of_account"),
            models.Index(
                fields=["created_at"],
                name="payment_unfinished",
                condition=Q(transaction_status__in=["RCVD", "PATC", "ACTC"]),
            ),
            models.Index(
                fields=["released_at"],
                name="payment_booked",
                condition=Q(transaction_status__in=["ACSP", "ACSC"]),
            ),
            models.Index(
                fields=["requested_execution_date"],
                name="payment_waits_for_its_day",
                condition=Q(transaction_status="ACTC", released_at__isnull=True),
            ),
            models.Index(
                fields=["debtor_account", "-created_at"],
                name="payment_of_several_signers",
                condition=Q(signatures_needed__gt=1),
            ),
        ]

    @property
    def is_scheduled(self) -> bool:
        """Whether it is authorised and waits for its day."""
        return self.transaction_status == TransactionStatus.ACTC and self.released_at is None

    @property
    def is_instant(self) -> bool:
        """Whether it reaches the payee within ten seconds or not at all."""
        return self.payment_product == PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS

    @property
    def total_minor(self) -> int:
        """What it takes from the payer's account: the amount and our fee."""
        return self.amount_minor + self.fee_minor

    @property
    def payer(self) -> "PSU":
        """The customer of an authorised payment (a constraint guarantees there is one)."""
        if self.psu is None:
            raise ValueError("not authorised: no customer yet")
        return self.psu


# What a customer signs once: a payment, or a series of them.
AnyInitiation: TypeAlias = PaymentInitiation | StandingOrder
