from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.core.legal_limits import RISK_ANALYSIS_BANDS
from apps.fraud.rules import NOTE_LENGTH_MAX, NoticeKind, ReportOutcome, ReportReason, ReportStatus


class FraudReport(models.Model):
    """A booked payment that its customer says he did not authorise (PSD2 art. 71): once for a payment, judged once
    (trigger), and paid back at most once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment = models.OneToOneField(
        "payments.PaymentInitiation",
        on_delete=models.PROTECT,
        related_name="fraud_report",
        verbose_name=_("payment"),
    )
    psu = models.ForeignKey(
        "identity.PSU", on_delete=models.PROTECT, related_name="+", verbose_name=_("customer")
    )
    reason = models.CharField(_("what the customer says"), max_length=11, choices=ReportReason)
    note = models.CharField(_("in the customer’s words"), max_length=NOTE_LENGTH_MAX, blank=True)
    taken_by = models.UUIDField(
        _("taken by"), null=True, help_text="member of staff; empty: reported in the portal"
    )
    reported_at = models.DateTimeField(_("reported"))
    refund_due_on = models.DateField(_("to be paid back by"))
    status = models.CharField(max_length=6, choices=ReportStatus, default=ReportStatus.OPEN)
    outcome = models.CharField(_("outcome"), max_length=9, choices=ReportOutcome, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.UUIDField(_("decided by"), null=True)
    decision_reason = models.CharField(_("reason of the decision"), max_length=NOTE_LENGTH_MAX, blank=True)
    refunded_minor = models.BigIntegerField(_("paid back (minor units)"), null=True)
    refunded_at = models.DateTimeField(_("paid back"), null=True, help_text="by the engine")

    class Meta:
        verbose_name = _("reported payment")
        verbose_name_plural = _("reported payments")
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__in=ReportReason.values), name="fraud_report_reason_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    status=ReportStatus.OPEN,
                    outcome="",
                    decided_at__isnull=True,
                    decided_by__isnull=True,
                    decision_reason="",
                )
                | Q(
                    status=ReportStatus.CLOSED,
                    outcome__in=ReportOutcome.values,
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                )
                & ~Q(decision_reason=""),
                name="fraud_report_decision_whole",
            ),
            models.CheckConstraint(
                condition=Q(refunded_at__isnull=True, refunded_minor__isnull=True)
                | Q(refunded_at__isnull=False, refunded_minor__gte=0, outcome=ReportOutcome.FRAUD),
                name="fraud_report_refund_of_fraud",
            ),
        ]
        indexes = [
            models.Index(fields=["reported_at"], name="fraud_report_open", condition=Q(status="open")),
            models.Index(
                fields=["decided_at"],
                name="fraud_report_counted",
                condition=Q(outcome__in=["fraud", "deceived"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.payment_id)

    @property
    def currency(self) -> str:
        """Of the payment."""
        return self.payment.currency


class CountedDay(models.Model):
    """The value of all remote payments that were booked on one day of the bank: what the fraud is a part of (RTS
    art. 19(1)). The last days are counted again, since another bank may yet refuse a payment."""

    day = models.DateField(primary_key=True)
    total_minor = models.BigIntegerField()
    payments = models.PositiveIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="fraud_day_total_not_negative")
        ]

    def __str__(self) -> str:
        return self.day.isoformat()


class AuthorityNotice(models.Model):
    """That the competent authority was told (RTS art. 20): of a quarter above the reference rate, or that the exemption
    is used again. Only ever added (trigger)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(_("what was told"), max_length=8, choices=NoticeKind)
    etv_minor = models.PositiveIntegerField(_("up to (minor units)"), help_text="the band of the annex")
    year = models.PositiveSmallIntegerField(_("year"))
    quarter = models.PositiveSmallIntegerField(_("quarter"))
    note = models.CharField(_("how it was told"), max_length=NOTE_LENGTH_MAX)
    noted_at = models.DateTimeField(_("noted"))
    noted_by = models.UUIDField(_("noted by"))

    class Meta:
        verbose_name = _("notice to the authority")
        verbose_name_plural = _("notices to the authority")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "etv_minor", "year", "quarter"], name="fraud_notice_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=NoticeKind.values), name="fraud_notice_kind_known"),
            models.CheckConstraint(
                condition=Q(etv_minor__in=[band.etv_minor for band in RISK_ANALYSIS_BANDS]),
                name="fraud_notice_band_known",
            ),
            models.CheckConstraint(
                condition=Q(quarter__gte=1, quarter__lte=4), name="fraud_notice_quarter_range"
            ),
            models.CheckConstraint(condition=~Q(note=""), name="fraud_notice_has_note"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.etv_minor} {self.year}/{self.quarter}"
