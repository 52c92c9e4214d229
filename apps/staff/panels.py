"""What belongs on a row's page but lives in a room above the row's own: shown in tables below its fields."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import get_balance, list_accounts_for_psu
from apps.bulk.models import PaymentFile, PaymentItem
from apps.bulk.queries import get_place_of_item, list_items_at
from apps.clearing.models import ClearingInstruction
from apps.consents.models import Consent
from apps.consents.queries import list_consents_for_psu
from apps.core.iban import mask_iban
from apps.core.read_only_admin import ReadOnlyAdmin
from apps.identity.models import PSU, StaffProposal, User
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.queries import list_payments_for_psu
from apps.risk.admin import count_by_level
from apps.risk.explanations import explain_factor, factor_label
from apps.risk.models import RiskAssessment, RiskCase
from apps.risk.queries import get_assessment_of, get_result_of_item, list_riskiest_items
from apps.risk.rules import RiskLevel, Subject
from apps.sca.queries import get_authentication_state, get_sms_device, list_authorisations, list_passkeys
from apps.sca.rules import SubjectType
from apps.staff.actions import CHANGE_SIGNING, VIEW_RISK
from apps.staff.cells import Cell, LabelledCell, url_of
from apps.staff.labels import ELEMENTS
from apps.tpp.models import TPP, App

ROWS_MAX = 20
NOTHING = Cell("none", None)


@dataclass(frozen=True, slots=True)
class Panel:
    """A titled table (``headers`` and ``rows``) or list of facts."""

    title: str | Promise
    headers: Sequence[str | Promise] = ()
    rows: list[list[Cell]] = field(default_factory=list)
    facts: list[LabelledCell] = field(default_factory=list)


def panels_for(row: models.Model, *, model_admin: ReadOnlyAdmin, request: HttpRequest) -> list[Panel]:
    """The panels of a row's page."""
    builders = _BUILDERS.get(type(row), ())
    link = _Linker(model_admin, request)
    return [builder(row, link) for builder in builders]


@dataclass(frozen=True, slots=True)
class _Linker:
    """Links to the pages of other rows, where this member of staff may see them."""

    model_admin: ReadOnlyAdmin
    request: HttpRequest

    def __call__(self, row: models.Model | None, text: object = "") -> Cell:
        if row is None:
            return NOTHING
        url = url_of(row, request=self.request, model_admin=self.model_admin)
        return Cell("link", str(text or row), url=url)


def _accounts(psu: PSU, link: _Linker) -> Panel:
    rows = []
    for account in list_accounts_for_psu(psu_id=psu.pk)[:ROWS_MAX]:
        balance = get_balance(account=account)
        rows.append(
            [
                link(account, account.display_name),
                Cell("text", mask_iban(account.iban)),
                Cell("money", balance.booked_minor, currency=balance.currency),
                Cell("badge", account.status),
            ]
        )
    return Panel(_("Accounts"), [_("Name"), "IBAN", _("Booked balance"), _("Status")], rows)


def _sign_in_state(psu: PSU, link: _Linker) -> Panel:
    return _sign_in_state_of(psu.user)


def _sign_in_state_of_user(user: User, link: _Linker) -> Panel:
    return _sign_in_state_of(user)


def _sign_in_state_of(user: User) -> Panel:
    state, device = get_authentication_state(user_id=user.pk), get_sms_device(user_id=user.pk)
    passkeys = [passkey.name for passkey in list_passkeys(user_id=user.pk)]
    if state is None or not (state.blocked_for_good or state.blocked_until):
        status = gettext("open")
    elif state.frozen_at is not None:
        status = gettext("frozen")
    elif state.blocked_for_good:
        status = gettext("closed until the bank reopens it")
    else:
        status = gettext("paused")
    facts = [
        LabelledCell(_("Sign-in"), Cell("text", status)),
        LabelledCell(_("Paused until"), _date(state.blocked_until if state else None)),
        LabelledCell(_("Frozen since"), _date(state.frozen_at if state else None)),
        LabelledCell(_("Failures in a row"), Cell("text", state.consecutive_failures if state else 0)),
        LabelledCell(_("Mobile number"), Cell("text", device.masked_number) if device else NOTHING),
        LabelledCell(_("Passkeys"), Cell("text", ", ".join(passkeys)) if passkeys else NOTHING),
    ]
    return Panel(_("Authentication"), facts=facts)


def _proposals_of_psu(psu: PSU, link: _Linker) -> Panel:
    return _proposals(psu.user, link)


def _proposals(user: User, link: _Linker) -> Panel:
    """What waits for a second member of staff, and what became of earlier proposals."""
    rows = [
        [
            link(proposal, proposal.get_act_display()),
            Cell("badge", proposal.status),
            Cell("text", proposal.proposed_by.get_full_name()),
            _date(proposal.proposed_at),
        ]
        for proposal in StaffProposal.objects.filter(object_id=user.pk)
        .select_related("proposed_by")
        .order_by("-proposed_at")[:ROWS_MAX]
    ]
    return Panel(_("Proposals"), [_("What"), _("Status"), _("Proposed by"), _("Proposed")], rows)


def _date(moment: Any) -> Cell:
    if not moment:
        return NOTHING
    return Cell("minute" if isinstance(moment, datetime) else "date", moment)


def _consents_of_psu(psu: PSU, link: _Linker) -> Panel:
    rows = [
        [
            link(consent, consent.tpp.brand_name),
            Cell("badge", consent.consent_status),
            _date(consent.valid_until),
            _date(getattr(consent, "last_used_at", None)),  # Annotated by the query.
        ]
        for consent in list_consents_for_psu(psu_id=psu.pk)[:ROWS_MAX]
    ]
    return Panel(_("Consents"), [_("Company"), _("Status"), _("Valid until"), _("Last used")], rows)


def _payments_of_psu(psu: PSU, link: _Linker) -> Panel:
    return _payments_panel(list_payments_for_psu(psu_id=psu.pk, limit=ROWS_MAX), link)


def _payments_panel(payments: list[PaymentInitiation], link: _Linker) -> Panel:
    rows = [
        [
            link(payment, payment.creditor_name),
            Cell("money", payment.amount_minor, currency=payment.currency),
            Cell("badge", payment.transaction_status),
            _date(payment.created_at),
        ]
        for payment in payments
    ]
    return Panel(_("Latest payments"), [_("Payee"), _("Amount"), _("Status"), _("Created")], rows)


def _authorisations_of_consent(consent: Consent, link: _Linker) -> Panel:
    return _authorisations_panel(SubjectType.CONSENT, consent, link)


def _authorisations_of_payment(payment: PaymentInitiation, link: _Linker) -> Panel:
    return _authorisations_panel(SubjectType.PAYMENT, payment, link)


def _authorisations_of_standing_order(order: StandingOrder, link: _Linker) -> Panel:
    return _authorisations_panel(SubjectType.STANDING_ORDER, order, link)


def _risk_of_payment(payment: PaymentInitiation, link: _Linker) -> Panel:
    """What monitoring made of it when it was ordered: every factor, its points, and why."""
    if not link.request.user.has_perm(VIEW_RISK):
        return _risk_level(payment.risk_assessment.level)
    assessment = payment.risk_assessment
    return _risk_panel(assessment.level, assessment.score, assessment.factors, link, assessment=assessment)


def _risk_of_item(item: PaymentItem, link: _Linker) -> Panel:
    """The same for a payment of a file, from the two bytes that are kept of it."""
    assessment_id = item.batch.file.risk_assessment_id
    result = (
        get_result_of_item(assessment_id=assessment_id, place=get_place_of_item(item=item))
        if assessment_id
        else None
    )
    if result is None:
        return _risk_level(RiskLevel.NONE)
    if not link.request.user.has_perm(VIEW_RISK):
        return _risk_level(result.level)
    factors = [factor.as_dict() for factor in result.factors]
    return _risk_panel(result.level, result.score, factors, link)


def _risk_of_file(file: PaymentFile, link: _Linker) -> Panel:
    """How many payments of each level, and the riskiest of them."""
    assessment = get_assessment_of(subject=Subject.FILE, subject_id=file.pk)
    if assessment is None or not link.request.user.has_perm(VIEW_RISK):
        return _risk_level(assessment.level if assessment else RiskLevel.NONE)
    worst = list_riskiest_items(assessment_id=assessment.pk, limit=ROWS_MAX)
    items = list_items_at(file_id=file.pk, places=[one.place for one in worst])
    counts = count_by_level(assessment)
    rows = [
        [link(assessment, gettext("Score")), Cell("badge", assessment.level), NOTHING, Cell("list", counts)]
    ]
    for place, result in worst:
        item = items.get(place)
        factors = [factor.as_dict() for factor in result.factors if factor.weight]
        rows.append(
            [
                link(item, item.creditor_name if item else ""),
                Cell("badge", result.level),
                Cell("text", result.score),
                Cell("list", [sentence for factor in factors for sentence in explain_factor(factor)]),
            ]
        )
    return Panel(_("Risk: the riskiest payments"), [_("Payment"), _("Level"), _("Points"), _("Why")], rows)


def _risk_level(level: str) -> Panel:
    return Panel(_("Risk"), facts=[LabelledCell(_("Level"), Cell("badge", level))])


def _risk_panel(
    level: str,
    score: int | None,
    factors: Sequence[Mapping[str, Any]],
    link: _Linker,
    *,
    assessment: RiskAssessment | None = None,
) -> Panel:
    rows = [
        [
            Cell("text", factor_label(factor)),
            Cell("badge", factor["state"]),
            Cell("text", factor["weight"]),
            Cell("list", explain_factor(factor)),
        ]
        for factor in factors
    ]
    total = [
        link(assessment, gettext("Score")) if assessment else Cell("text", gettext("Score")),
        Cell("badge", level),
        Cell("text", gettext("%(score)s of 100") % {"score": score}) if score is not None else NOTHING,
        NOTHING,
    ]
    return Panel(_("Risk"), [_("Factor"), _("Found"), _("Points"), _("Why")], [total, *rows])


def _subject_of_assessment(assessment: RiskAssessment, link: _Linker) -> Panel:
    """The payment or the file; of a sign-in, the customer."""
    payment = PaymentInitiation.objects.filter(risk_assessment=assessment).first()
    file = PaymentFile.objects.filter(risk_assessment=assessment).first()
    psu = PSU.objects.filter(pk=assessment.psu_id).first() if assessment.psu_id else None
    facts = [
        LabelledCell(_("Payment"), link(payment, payment.creditor_name if payment else "")),
        LabelledCell(_("Payment file"), link(file)),
        LabelledCell(_("Customer"), link(psu)),
    ]
    return Panel(_("What it is about"), facts=facts)


def _subject_of_case(case: RiskCase, link: _Linker) -> Panel:
    return _subject_of_assessment(case.assessment, link)


def _authorisations_panel(subject_type: SubjectType, row: models.Model, link: _Linker) -> Panel:
    """How and by whom it was authorised: status, times and kinds of elements; never a code, a hash or a number."""
    authorisations = list_authorisations(subject_type=subject_type, subject_id=row.pk)
    rows = [
        [
            link(authorisation.psu) if authorisation.psu else Cell("text", gettext("nobody yet")),
            Cell("badge", authorisation.sca_status),
            Cell("list", [ELEMENTS.get(name, name) for name in authorisation.elements])
            if authorisation.elements
            else NOTHING,
            _date(authorisation.created_at),
            _date(authorisation.finalised_at),
        ]
        for authorisation in authorisations.select_related("psu")[:ROWS_MAX]
    ]
    headers = [_("Customer"), _("Status"), _("Elements"), _("Started"), _("Completed")]
    return Panel(_("Strong customer authentication"), headers, rows)


def _clearing_of_payment(payment: PaymentInitiation, link: _Linker) -> Panel:
    rows = [
        [
            link(instruction, gettext("Instruction")),
            Cell("badge", instruction.status),
            Cell("text", instruction.reason) if instruction.reason else NOTHING,
            _date(instruction.submitted_at),
            _date(instruction.answered_at),
        ]
        for instruction in ClearingInstruction.objects.filter(payment_id=payment.pk)
    ]
    headers = [_("Clearing house"), _("Status"), _("Reason"), _("Handed over"), _("Answered")]
    return Panel(_("Clearing"), headers, rows)


def _balance(account: PaymentAccount, link: _Linker) -> Panel:
    balance = get_balance(account=account)
    facts = [
        LabelledCell(_("Booked"), Cell("money", balance.booked_minor, currency=balance.currency)),
        LabelledCell(_("Available"), Cell("money", balance.available_minor, currency=balance.currency)),
        LabelledCell(_("Last booking"), _date(balance.last_change_at)),
    ]
    return Panel(_("Balance"), facts=facts)


def _signers(account: PaymentAccount, link: _Linker) -> Panel:
    """Who signs how; that is changed only where there are several."""
    holders = list(account.holders.filter(may_pay=True).select_related("psu").order_by("pk"))
    may_change = len(holders) > 1 and link.request.user.has_perm(CHANGE_SIGNING)

    def change(holder: AccountHolder) -> Cell:
        text = gettext("Change how %(name)s signs") % {"name": holder.psu.full_name}
        return Cell("link", text, url=reverse("admin:holder-signing", args=[holder.pk]))

    rows = [
        [
            link(holder.psu),
            Cell("text", holder.get_signs_display()),
            change(holder) if may_change else NOTHING,
        ]
        for holder in holders
    ]
    return Panel(_("How they sign"), [_("Customer"), _("Signs"), _("Change")], rows)


def _consents_of_tpp(tpp: TPP, link: _Linker) -> Panel:
    return _consents_panel(Consent.objects.filter(tpp=tpp), link)


def _consents_of_app(app: App, link: _Linker) -> Panel:
    return _consents_panel(Consent.objects.filter(app=app), link)


def _consents_panel(consents: models.QuerySet[Consent], link: _Linker) -> Panel:
    rows = [
        [
            link(consent, consent.psu or gettext("nobody yet")),
            Cell("badge", consent.consent_status),
            _date(consent.valid_until),
            _date(consent.created_at),
        ]
        for consent in consents.select_related("psu").order_by("-created_at")[:ROWS_MAX]
    ]
    return Panel(_("Latest consents"), [_("Customer"), _("Status"), _("Valid until"), _("Created")], rows)


def _payments_of_app(app: App, link: _Linker) -> Panel:
    return _payments_panel(
        list(PaymentInitiation.objects.filter(app=app).order_by("-created_at")[:ROWS_MAX]), link
    )


_BUILDERS: dict[type[models.Model], tuple[Callable[[Any, _Linker], Panel], ...]] = {
    PSU: (_sign_in_state, _proposals_of_psu, _accounts, _consents_of_psu, _payments_of_psu),
    User: (_sign_in_state_of_user, _proposals),
    PaymentAccount: (_balance, _signers),
    Consent: (_authorisations_of_consent,),
    PaymentInitiation: (_authorisations_of_payment, _risk_of_payment, _clearing_of_payment),
    StandingOrder: (_authorisations_of_standing_order,),
    PaymentFile: (_risk_of_file,),
    PaymentItem: (_risk_of_item,),
    RiskAssessment: (_subject_of_assessment,),
    RiskCase: (_subject_of_case,),
    TPP: (_consents_of_tpp,),
    App: (_consents_of_app, _payments_of_app),
}
