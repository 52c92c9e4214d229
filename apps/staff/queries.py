"""Figures of the overview. Doors read through the rooms' queries; what only staff want to know is counted here."""

from dataclasses import dataclass
from datetime import datetime, time

from django.db.models import Max, QuerySet

from apps.audit.models import AuditEvent
from apps.clearing.queries import count_open_differences
from apps.consents.models import Consent
from apps.consents.rules import ConsentStatus
from apps.core.clock import BANK_TIME_ZONE, bank_date
from apps.notifications.queries import OutboxState, get_outbox_state
from apps.payments.models import PaymentInitiation
from apps.payments.rules import FINAL_STATUSES, TransactionStatus
from apps.tpp.models import TPP
from apps.tpp.rules import TPPStatus

# What somebody should look at. Wrong passwords alone are everyday; a pause is not.
SECURITY_EVENTS = (
    "sca.sign_in.paused",
    "sca.sign_in.reopened",
    "sca.sign_in.frozen",
    "tpp.tpp.blocked",
    "tpp.tpp.unblocked",
    "tpp.app.suspended",
    "tpp.app.resumed",
    "accounts.account.blocked",
    "accounts.holder.signing_changed",
    "authserver.refresh_token.reused",
    "authserver.code.replayed",
)
# The trail is large and has no index by event: only its end is searched for them.
_RECENT_EVENTS = 5000


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The bank today."""

    tpps_active: int
    tpps_blocked: int
    consents_live: int
    payments_today: int
    payments_rejected_today: int
    payments_unfinished: int
    clearing_differences: int
    outbox: OutboxState


def get_day_figures(*, now: datetime) -> DayFigures:
    """Counts for the overview."""
    midnight = datetime.combine(bank_date(now), time.min, BANK_TIME_ZONE)
    today = PaymentInitiation.objects.filter(created_at__gte=midnight)
    return DayFigures(
        tpps_active=TPP.objects.filter(status=TPPStatus.ACTIVE).count(),
        tpps_blocked=TPP.objects.filter(status=TPPStatus.BLOCKED).count(),
        consents_live=Consent.objects.filter(consent_status=ConsentStatus.VALID).count(),
        payments_today=today.count(),
        payments_rejected_today=today.filter(transaction_status=TransactionStatus.RJCT).count(),
        payments_unfinished=PaymentInitiation.objects.exclude(transaction_status__in=FINAL_STATUSES).count(),
        clearing_differences=count_open_differences(),
        outbox=get_outbox_state(),
    )


def list_security_events(*, limit: int = 10) -> QuerySet[AuditEvent]:
    """What happened lately that somebody should look at, newest first."""
    newest = AuditEvent.objects.aggregate(newest=Max("id"))["newest"] or 0
    return AuditEvent.objects.filter(event__in=SECURITY_EVENTS, id__gt=newest - _RECENT_EVENTS).order_by(
        "-id"
    )[:limit]
