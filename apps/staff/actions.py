"""What may be done with the row that is looked at: links to the pages of the acts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import PaymentAccount
from apps.clearing.models import ClearingDifference, ClearingInstruction
from apps.clearing.queries import get_recall_of
from apps.clearing.rules import DifferenceStatus
from apps.consents.models import Consent
from apps.consents.rules import ConsentStatus
from apps.consents.rules import may_change_status as may_change_consent
from apps.core import clock
from apps.fraud.models import FraudReport
from apps.fraud.queries import is_reportable
from apps.fraud.rules import ReportStatus
from apps.identity.models import PSU, StaffProposal, User
from apps.identity.queries import get_open_proposal
from apps.identity.rules import ProposalStatus, StaffAct
from apps.notifications.models import OutboxMessage
from apps.notifications.rules import MessageStatus
from apps.payments.models import PaymentInitiation
from apps.risk.models import CompromisedElement, RiskCase
from apps.risk.rules import CaseStatus
from apps.sca.models import HardwareToken
from apps.sca.queries import get_authentication_state
from apps.screening.models import ScreeningHit
from apps.screening.rules import HitStatus
from apps.tpp.models import TPP, App
from apps.tpp.rules import AppStatus, TPPStatus

BLOCK_TPP = "tpp.change_tpp"
SUSPEND_APP = "tpp.change_app"
REVOKE_CONSENT = "consents.change_consent"
CHANGE_SIGNING = "accounts.change_accountholder"
REOPEN_SIGN_IN = "sca.change_authenticationstate"
# Who may propose an act may confirm one that another has proposed.
PROPOSABLE = dict.fromkeys(StaffAct, REOPEN_SIGN_IN)
CHANGE_TOKEN = "sca.change_hardwaretoken"  # noqa: S105 (a permission)
REPLAY_MESSAGE = "notifications.change_outboxmessage"
SOLVE_DIFFERENCE = "clearing.change_clearingdifference"
RECALL_TRANSFER = "clearing.change_clearinginstruction"
DECIDE_HIT = "screening.change_screeninghit"
CLOSE_CASE = "risk.change_riskcase"
LIST_ELEMENT = "risk.change_compromisedelement"
TAKE_REPORT = "fraud.add_fraudreport"
DECIDE_REPORT = "fraud.change_fraudreport"
NOTE_AUTHORITY = "fraud.change_authoritynotice"
VIEW_REPORTS = "fraud.view_fraudreport"
VIEW_RISK = "risk.view_riskassessment"
VIEW_CHARGES = "pricing.view_charge"
VIEW_TRAIL = "audit.view_auditevent"


@dataclass(frozen=True, slots=True)
class Act:
    """One button of a row's page. ``is_needed`` tells whether the row is in a state for it.

    ``is_post``: the button itself does it, since nothing has to be asked first.
    """

    url_name: str
    label: str | Promise
    icon: str
    permission: str
    is_needed: Callable[[Any], bool]
    is_danger: bool = False
    is_post: bool = False


@dataclass(frozen=True, slots=True)
class ActLink:
    url: str
    label: str | Promise
    icon: str
    is_danger: bool
    is_post: bool


def _is_frozen(user_id: Any) -> bool:
    state = get_authentication_state(user_id=user_id)
    return state is not None and state.frozen_at is not None


def _is_paused(user_id: Any) -> bool:
    """Closed in some way, and nobody has proposed yet to open it."""
    state = get_authentication_state(user_id=user_id)
    return (
        state is not None
        and bool(state.blocked_for_good or state.blocked_until or state.consecutive_failures)
        and get_open_proposal(act=StaffAct.REOPEN_SIGN_IN, object_id=user_id, now=clock.now()) is None
    )


def _waits(proposal: StaffProposal) -> bool:
    return proposal.status == ProposalStatus.OPEN and proposal.expires_at > clock.now()


_ACTS: dict[type[models.Model], tuple[Act, ...]] = {
    TPP: (
        Act(
            "admin:tpp-block",
            _("Block"),
            "ban",
            BLOCK_TPP,
            lambda tpp: tpp.status == TPPStatus.ACTIVE,
            is_danger=True,
        ),
        Act(
            "admin:tpp-unblock", _("Unblock"), "check", BLOCK_TPP, lambda tpp: tpp.status == TPPStatus.BLOCKED
        ),
    ),
    App: (
        Act(
            "admin:app-suspend",
            _("Suspend"),
            "ban",
            SUSPEND_APP,
            lambda app: app.status == AppStatus.ACTIVE,
            is_danger=True,
        ),
        Act(
            "admin:app-resume",
            _("Resume"),
            "check",
            SUSPEND_APP,
            lambda app: app.status == AppStatus.SUSPENDED,
        ),
    ),
    Consent: (
        Act(
            "admin:consent-revoke",
            _("Revoke"),
            "ban",
            REVOKE_CONSENT,
            lambda consent: may_change_consent(
                current=consent.consent_status, new=ConsentStatus.REVOKED_BY_PSU
            ),
            is_danger=True,
        ),
    ),
    PSU: (
        Act(
            "admin:customer-reopen",
            _("Reopen sign-in"),
            "log-in",
            REOPEN_SIGN_IN,
            lambda psu: _is_paused(psu.user_id),
        ),
        Act(
            "admin:customer-activate",
            _("Activation code"),
            "key-round",
            REOPEN_SIGN_IN,
            lambda psu: not _is_frozen(psu.user_id),
        ),
        Act(
            "admin:customer-freeze",
            _("Freeze everything"),
            "ban",
            REOPEN_SIGN_IN,
            lambda psu: not _is_frozen(psu.user_id),
            is_danger=True,
        ),
    ),
    User: (
        Act(
            "admin:user-reopen",
            _("Reopen sign-in"),
            "log-in",
            REOPEN_SIGN_IN,
            lambda user: _is_paused(user.pk),
        ),
    ),
    HardwareToken: (
        Act(
            "admin:token-hand-out",
            _("Hand out"),
            "send",
            CHANGE_TOKEN,
            lambda token: token.revoked_at is None and token.holder_id is None,
        ),
        Act(
            "admin:token-revoke",
            _("Take out of use"),
            "ban",
            CHANGE_TOKEN,
            lambda token: token.revoked_at is None,
            is_danger=True,
        ),
    ),
    StaffProposal: (
        Act("admin:proposal-confirm", _("Confirm and carry out"), "check", REOPEN_SIGN_IN, _waits),
        Act("admin:proposal-decline", _("Decline"), "x", REOPEN_SIGN_IN, _waits, is_danger=True),
    ),
    ClearingDifference: (
        Act(
            "admin:difference-solve",
            _("Mark as solved"),
            "check",
            SOLVE_DIFFERENCE,
            lambda difference: difference.status == DifferenceStatus.OPEN,
        ),
    ),
    ClearingInstruction: (
        Act(
            "admin:transfer-recall",
            _("Recall"),
            "undo-2",
            RECALL_TRANSFER,
            lambda instruction: (
                instruction.was_settled
                and not instruction.return_id
                and get_recall_of(instruction_id=instruction.pk) is None
            ),
            is_danger=True,
        ),
    ),
    PaymentAccount: (
        Act(
            "admin:account-fees",
            _("Statement of fees"),
            "file-text",
            VIEW_CHARGES,
            lambda _account: True,
        ),
    ),
    ScreeningHit: (
        Act(
            "admin:hit-clear",
            _("Not this person"),
            "check",
            DECIDE_HIT,
            lambda hit: hit.status == HitStatus.OPEN,
        ),
        Act(
            "admin:hit-confirm",
            _("True match"),
            "ban",
            DECIDE_HIT,
            lambda hit: hit.status == HitStatus.OPEN,
            is_danger=True,
        ),
    ),
    PaymentInitiation: (
        Act(
            "admin:payment-report",
            _("Take in a report of fraud"),
            "alert-triangle",
            TAKE_REPORT,
            lambda payment: is_reportable(payment=payment, now=clock.now()),
        ),
    ),
    FraudReport: (
        Act(
            "admin:report-decide",
            _("Judge"),
            "check",
            DECIDE_REPORT,
            lambda report: report.status == ReportStatus.OPEN,
        ),
    ),
    RiskCase: (
        Act(
            "admin:case-close",
            _("Close the case"),
            "check",
            CLOSE_CASE,
            lambda case: case.status == CaseStatus.OPEN,
        ),
    ),
    CompromisedElement: (
        Act(
            "admin:element-remove",
            _("Take off the list"),
            "undo-2",
            LIST_ELEMENT,
            lambda element: element.removed_at is None,
        ),
    ),
    OutboxMessage: (
        Act(
            "admin:message-replay",
            _("Replay"),
            "refresh-cw",
            REPLAY_MESSAGE,
            lambda message: message.status == MessageStatus.DEAD,
            is_post=True,
        ),
    ),
}


def act_links(row: models.Model, *, request: HttpRequest) -> list[ActLink]:
    """The acts that fit the row's state and that this member of staff may carry out."""
    return [
        ActLink(reverse(act.url_name, args=[row.pk]), act.label, act.icon, act.is_danger, act.is_post)
        for act in _ACTS.get(type(row), ())
        if request.user.has_perm(act.permission) and act.is_needed(row)
    ]
