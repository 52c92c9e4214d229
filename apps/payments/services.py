import hmac
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import is_holder
from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.clock import bank_date
from apps.core.errors import DomainError
from apps.core.money import Money
from apps.core.names.rules import NameMatch
from apps.identity.models import PSU
from apps.notifications.services import enqueue_message
from apps.payees.rules import Asker, PayeeVerification
from apps.payees.services import verify_payee
from apps.payments.limits import check_limits
from apps.payments.models import PaymentInitiation
from apps.payments.queries import PaymentUnknown, get_payment
from apps.payments.rules import (
    UNAUTHORISED_LIFE,
    Channel,
    PaymentProduct,
    StatusReason,
    TransactionStatus,
    has_to_be_confirmed,
    may_change_status,
)
from apps.payments.scheduling import (
    check_requested_date,
    has_to_wait,
    last_day_to_cancel,
    latest_due_request,
)
from apps.payments.standing_order_evidence import is_covered_by_standing_order
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.rules import Purpose, SubjectType
from apps.sca.services import Proof
from apps.tpp.models import App

EXECUTE_TASK = "engine.execute_payment"
PUSH_STATUS_TASK = "payments.push_status"
SEND_REFUSAL_NOTICE_TASK = "payments.send_refusal_notice"
ENGINE_QUEUE = "engine"


class PaymentStatusInvalid(DomainError):
    """The payment is not in a status in which this can be done."""

    code = "payment_status_invalid"


class CreditorNotConfirmed(PaymentStatusInvalid):
    """The TPP asked for the check of the payee's name, which did not match, and has not had the payee confirmed."""

    code = "creditor_not_confirmed"


class TooLateToCancel(PaymentStatusInvalid):
    """The business day before the payment's day is over: it is irrevocable now (PSD2 art. 80(4))."""

    code = "too_late_to_cancel"


class CurrencyNotSupported(DomainError):
    """The product is paid in euro."""

    code = "currency_not_supported"


class SameAccount(DomainError):
    """Payer's and payee's account are the same."""

    code = "same_account"


class DebtorAccountNotYours(DomainError):
    """The customer who signed in may not pay from the account that the order names (S0-40)."""

    code = "debtor_account_not_yours"


class RequestIdReused(DomainError):
    """The request id was used for another order."""

    code = "request_id_reused"


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What is to be paid, checked and canonical."""

    debtor_account: PaymentAccount
    creditor_name: str
    creditor_iban: str
    instructed_amount: Money
    end_to_end_identification: str = ""
    remittance_information_unstructured: str = ""
    payment_product: PaymentProduct = PaymentProduct.SEPA_CREDIT_TRANSFERS
    requested_execution_date: date | None = None

    @property
    def is_instant(self) -> bool:
        """Whether it is to reach the payee within ten seconds or not at all."""
        return self.payment_product == PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS

    def fingerprint(self) -> bytes:
        """Hash of every field, to tell a repeated order from another under the same request id."""
        return canonical_hash(
            {
                "debtor": self.debtor_account.iban,
                "creditor_name": self.creditor_name,
                "creditor_iban": self.creditor_iban,
                "amount_minor": self.instructed_amount.amount_minor,
                "currency": self.instructed_amount.currency,
                "end_to_end": self.end_to_end_identification,
                "remittance": self.remittance_information_unstructured,
                "product": self.payment_product.value,
                "requested_execution_date": _written(self.requested_execution_date),
            }
        )


@dataclass(frozen=True, slots=True)
class TPPAddresses:
    """Where a TPP wants the customer back, and the status told; each was checked against its registration."""

    redirect_uri: str = ""
    nok_redirect_uri: str = ""
    notification_uri: str = ""


def verify_payee_of_order(
    *,
    channel: Channel,
    order: PaymentOrder,
    psu: PSU | None,
    app: App | None = None,
    request_id: str,
    now: datetime,
) -> PayeeVerification:
    """Whether the payee's name belongs to his IBAN: to be asked before the order is taken in, outside of a transaction.

    An order that was taken in before under this request id keeps what was found then. Never raises, never takes long.
    """
    known = _payments_of(channel=channel, app=app, psu=psu).filter(request_id=request_id).first()
    if known is not None and hmac.compare_digest(bytes(known.request_hash), order.fingerprint()):
        return PayeeVerification(NameMatch(known.creditor_name_match), known.matched_creditor_name)
    if app is not None:
        asker = Asker.app(app.pk, account_id=order.debtor_account.pk)
    elif psu is not None:
        asker = Asker.customer(psu.pk)
    else:
        raise ValueError("an order comes from a customer or through a TPP")
    return verify_payee(name=order.creditor_name, iban=order.creditor_iban, asker=asker, now=now)


@transaction.atomic
def initiate_payment(
    *,
    channel: Channel,
    order: PaymentOrder,
    psu: PSU | None,
    app: App | None = None,
    addresses: TPPAddresses | None = None,
    request_id: str,
    verification: PayeeVerification | None = None,
    vop_requested: bool = False,
    now: datetime,
) -> tuple[PaymentInitiation, bool]:
    """Take in an order; status ``RCVD``, nothing is paid yet. Returns it, and whether it is new.

    ``verification`` is what :func:`verify_payee_of_order` said before; without it the payee is verified here. So there
    is no order whose payee was not verified, and none can be authorised before it was (IPR art. 5c). ``vop_requested``:
    a TPP wants to be told what was found and, unless it is a match, to have its customer confirm the payee first.

    The same request id with the same order gives the same payment again: no second one (RTS art. 35(4)).

    :raises CurrencyNotSupported: not euro.
    :raises SameAccount: to itself.
    :raises DebtorAccountNotYours: the known customer may not pay from the account.
    :raises apps.payments.scheduling.ExecutionDatePast: it is to be carried out on a day that is over.
    :raises apps.payments.scheduling.ExecutionDateTooFar: more than a year ahead.
    :raises apps.payments.limits.LimitExceeded: more than the known customer lets go out.
    :raises RequestIdReused: the request id belongs to another order.
    """
    if order.instructed_amount.currency != "EUR" or order.debtor_account.currency != "EUR":
        raise CurrencyNotSupported(order.instructed_amount.currency)
    if order.creditor_iban == order.debtor_account.iban:
        raise SameAccount
    if psu is not None and not is_holder(psu_id=psu.pk, iban=order.debtor_account.iban):
        raise DebtorAccountNotYours(str(psu.pk))
    check_requested_date(order.requested_execution_date, today=bank_date(now))
    if psu is not None:
        check_limits(
            psu_id=psu.pk,
            amount_minor=order.instructed_amount.amount_minor,
            channel=channel,
            is_for_today=not has_to_wait(
                order.requested_execution_date, is_instant=order.is_instant, today=bank_date(now)
            ),
            now=now,
        )
    verification = verification or verify_payee_of_order(
        channel=channel, order=order, psu=psu, app=app, request_id=request_id, now=now
    )
    addresses = addresses or TPPAddresses()
    payment = PaymentInitiation(
        channel=channel,
        app=app,
        psu=psu,
        payment_product=order.payment_product,
        debtor_account=order.debtor_account,
        debtor_iban=order.debtor_account.iban,
        creditor_name=order.creditor_name,
        creditor_iban=order.creditor_iban,
        creditor_name_match=verification.outcome,
        matched_creditor_name=verification.matched_name,
        creditor_name_checked_at=now,
        vop_requested=vop_requested,
        amount_minor=order.instructed_amount.amount_minor,
        currency=order.instructed_amount.currency,
        end_to_end_identification=order.end_to_end_identification,
        remittance_information_unstructured=order.remittance_information_unstructured,
        requested_execution_date=order.requested_execution_date,
        request_id=request_id,
        request_hash=order.fingerprint(),
        tpp_redirect_uri=addresses.redirect_uri,
        tpp_nok_redirect_uri=addresses.nok_redirect_uri,
        tpp_notification_uri=addresses.notification_uri,
        created_at=now,
        status_changed_at=now,
    )
    try:
        with transaction.atomic():
            payment.save(force_insert=True)
    except IntegrityError:
        return _same_request(channel=channel, app=app, psu=psu, request_id=request_id, order=order), False
    _record(
        payment,
        event="payments.payment.received",
        actor_type="psu" if app is None else "tpp",
        actor_id=psu.pk if app is None and psu else (app.tpp_id if app else ""),
        now=now,
        data={"amount_minor": payment.amount_minor, "currency": payment.currency, "channel": channel.value},
    )
    # What was found, and never the payee's real name: the trail is read by many and kept for long.
    _record(
        payment,
        event="payments.payment.payee_verified",
        actor_type="psu" if app is None else "tpp",
        actor_id=psu.pk if app is None and psu else (app.tpp_id if app else ""),
        now=now,
        data={"outcome": verification.outcome.value, "why": verification.why.value},
    )
    return payment, True


@transaction.atomic
def start_payment_authorisation(*, payment_id: UUID, now: datetime) -> SCAAuthorisation:
    """Open an authorisation for a payment that waits for its customer.

    :raises PaymentStatusInvalid: authorised already, refused or cancelled.
    :raises CreditorNotConfirmed: its TPP has to have the payee confirmed first.
    """
    payment = _lock_payment(payment_id)
    if payment.transaction_status != TransactionStatus.RCVD or _is_stale(payment, now=now):
        raise PaymentStatusInvalid(payment.transaction_status)
    if waits_for_confirmation(payment):
        raise CreditorNotConfirmed(payment.creditor_name_match)
    return sca.open_authorisation(
        subject_type=SubjectType.PAYMENT, subject_id=payment.pk, psu=payment.psu, now=now
    )


@transaction.atomic
def confirm_creditor(*, payment_id: UUID, app_id: UUID, now: datetime) -> PaymentInitiation:
    """A TPP's word that its customer wants to pay this payee in spite of the name; doing so twice changes nothing.

    It takes no part in the authorisation: he is told again on the bank's page, and signs that he was.

    :raises apps.payments.queries.PaymentUnknown: not this app's.
    :raises PaymentStatusInvalid: no longer waits, or there is nothing to confirm.
    """
    payment = _lock_payment(payment_id)
    if payment.app_id != app_id:
        raise PaymentUnknown
    if payment.transaction_status != TransactionStatus.RCVD or _is_stale(payment, now=now):
        raise PaymentStatusInvalid(payment.transaction_status)
    if not payment.vop_requested or payment.creditor_name_match == NameMatch.MTCH:
        raise PaymentStatusInvalid("nothing to confirm")
    if payment.creditor_confirmed_at is None:
        payment.creditor_confirmed_at = now
        payment.save(update_fields=["creditor_confirmed_at"])
        _record(
            payment,
            event="payments.payment.creditor_confirmed",
            actor_type="tpp",
            actor_id=payment.app.tpp_id if payment.app else "",
            now=now,
            data={"outcome": payment.creditor_name_match},
        )
    return payment


def waits_for_confirmation(payment: PaymentInitiation) -> bool:
    """Whether its TPP has yet to have the payee confirmed."""
    return has_to_be_confirmed(
        vop_requested=payment.vop_requested,
        name_match=payment.creditor_name_match,
        is_confirmed=payment.creditor_confirmed_at is not None,
    )


def payment_snapshot(*, payment: PaymentInitiation) -> dict[str, Any]:
    """What the customer's code for a payment is made over, and what he is shown (RTS art. 5(1))."""
    snapshot = {
        "payment_id": str(payment.pk),
        "payment_product": payment.payment_product,
        "debtor_iban": payment.debtor_iban,
        "creditor_name": payment.creditor_name,
        "creditor_iban": payment.creditor_iban,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "remittance_information_unstructured": payment.remittance_information_unstructured,
        "requested_execution_date": _written(payment.requested_execution_date),
        "created_at": payment.created_at.isoformat(),
        "tpp_name": payment.app.tpp.legal_name if payment.app else "",
    }
    if payment.creditor_name_checked_at is not None:
        # He signs what he was told of the payee, too (IPR art. 5c). Older orders were signed without it.
        snapshot |= {
            "creditor_name_match": payment.creditor_name_match,
            "matched_creditor_name": payment.matched_creditor_name,
        }
    return snapshot


def send_payment_code(
    *,
    payment_id: UUID,
    authorisation_id: UUID,
    psu: PSU | None,
    hide_limit: bool = True,
    is_ahead: bool = False,
    now: datetime,
) -> UUID:
    """Send the code for a payment (``psu`` None: a decoy that looks the same); returns the challenge's id.

    ``is_ahead``: at the payment's initiation, before its customer has come to the page (S0-41). A customer who may not
    pay from the debtor account gets a decoy: no code for another's money (S0-40).

    :raises PaymentStatusInvalid: the payment no longer waits.
    :raises apps.sca.services.TooManyCodes: only with ``hide_limit=False``.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    payment = get_payment(payment_id=payment_id)
    if payment.transaction_status != TransactionStatus.RCVD or _is_stale(payment, now=now):
        raise PaymentStatusInvalid(payment.transaction_status)
    if psu is not None and not _is_payers(payment, psu=psu):
        psu = None
    return sca.send_code(
        user=psu.user if psu else None,
        purpose=Purpose.PAYMENT,
        snapshot=payment_snapshot(payment=payment),
        authorisation_id=authorisation_id,
        hide_limit=hide_limit,
        is_ahead=is_ahead,
        now=now,
    )


def authorise_payment(
    *, payment_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> PaymentInitiation:
    """Release a payment by the customer's code: status ``ACTC``, and the promise that the engine books it.

    One for a later day stays ``ACTC`` without that promise until :func:`release_due_payments` makes it.

    The code must have been made for this payment as it stands now: amount, currency, payee's name and IBAN and
    payment id (RTS art. 5). Spending the code, the new status, the audit event and the message to the engine are one
    transaction.

    :raises apps.sca.services.DynamicLinkBroken: the code belongs to other data; it is void now.
    :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
    :raises PaymentStatusInvalid: the payment no longer waits.
    :raises DebtorAccountNotYours: the customer lost his right on the account.
    """
    broken = False
    with transaction.atomic():
        payment = _lock_payment(payment_id)
        if payment.transaction_status != TransactionStatus.RCVD or _is_stale(payment, now=now):
            raise PaymentStatusInvalid(payment.transaction_status)
        if not _is_payers(payment, psu=psu):
            raise DebtorAccountNotYours(str(psu.pk))
        broken = (
            proof.authorisation_id != authorisation_id
            or proof.user_id != psu.user_id
            or not sca.is_proof_of(
                proof=proof, purpose=Purpose.PAYMENT, snapshot=payment_snapshot(payment=payment)
            )
        )
        if not broken:
            sca.consume_proof(proof=proof, now=now)
            sca.finalise_authorisation(
                authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
            )
            payment.psu, payment.authorised_at, payment.authorisation_id = psu, now, authorisation_id
            if not has_to_wait(
                payment.requested_execution_date, is_instant=payment.is_instant, today=bank_date(now)
            ):
                payment.released_at = now
                _promise_execution(payment, effect_key=f"execute:{payment.pk}")
            _change_status(payment, status=TransactionStatus.ACTC, actor_type="psu", actor_id=psu.pk, now=now)
    if broken:
        sca.void_challenge(challenge_id=proof.challenge_id, reason="payment differs", now=now)
        raise sca.DynamicLinkBroken(str(payment_id))
    return payment


@transaction.atomic
def reject_payment(*, payment_id: UUID, reason: StatusReason, now: datetime) -> PaymentInitiation:
    """The customer cancels on the authorisation page, or cannot prove himself: ``RJCT``. Later it changes nothing."""
    payment = _lock_payment(payment_id)
    if payment.transaction_status == TransactionStatus.RCVD:
        payment.status_reason = reason
        _change_status(payment, status=TransactionStatus.RJCT, actor_type="psu", actor_id="", now=now)
        sca.fail_authorisations_of(
            subject_type=SubjectType.PAYMENT, subject_id=payment.pk, reason=reason.value, now=now
        )
    return payment


@transaction.atomic
def cancel_payment(
    *, payment_id: UUID, psu_id: UUID | None = None, app_id: UUID | None = None, now: datetime
) -> PaymentInitiation:
    """Take back an order that was not authorised yet, or that waits for its day: ``CANC``; by its customer or its TPP.

    :raises apps.payments.queries.PaymentUnknown: not the caller's.
    :raises TooLateToCancel: it waits for its day, and the business day before that is over (PSD2 art. 80(4)).
    :raises PaymentStatusInvalid: with the engine, or final: it can no longer be taken back (PSD2 art. 80(1)).
    """
    payment = _lock_payment(payment_id)
    if (psu_id is None) == (app_id is None) or payment.psu_id != (psu_id or payment.psu_id):
        raise PaymentUnknown
    if app_id is not None and payment.app_id != app_id:
        raise PaymentUnknown
    if not payment.is_scheduled and payment.transaction_status != TransactionStatus.RCVD:
        raise PaymentStatusInvalid(payment.transaction_status)
    if payment.is_scheduled and not is_cancellable(payment=payment, now=now):
        raise TooLateToCancel(str(payment.requested_execution_date))
    _change_status(
        payment,
        status=TransactionStatus.CANC,
        actor_type="psu" if psu_id else "tpp",
        actor_id=psu_id or app_id or "",
        now=now,
    )
    sca.fail_authorisations_of(
        subject_type=SubjectType.PAYMENT, subject_id=payment.pk, reason="cancelled", now=now
    )
    return payment


def is_cancellable(*, payment: PaymentInitiation, now: datetime) -> bool:
    """Whether the order can be taken back at ``now``: before it is authorised, or until the end of the business day
    before its day (PSD2 art. 80(4))."""
    if payment.is_scheduled and payment.requested_execution_date is not None:
        return bank_date(now) <= last_day_to_cancel(payment.requested_execution_date)
    return payment.transaction_status == TransactionStatus.RCVD


def release_due_payments(*, now: datetime, limit: int = 500) -> int:
    """Hand to the engine what waited for today, or for an earlier day that was missed; returns how many.

    Each in a transaction of its own. A second runner at the same time passes over what the first has in hand, and
    afterwards finds it released: no payment is handed over twice.
    """
    today = bank_date(now)
    due = PaymentInitiation.objects.filter(
        Q(requested_execution_date__lte=latest_due_request(is_instant=False, today=today))
        | Q(
            payment_product=PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS,
            requested_execution_date__lte=latest_due_request(is_instant=True, today=today),
        ),
        transaction_status=TransactionStatus.ACTC,
        released_at=None,
    ).order_by("requested_execution_date", "authorised_at")
    released = 0
    for payment_id in list(due.values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            payment = due.select_for_update(skip_locked=True).filter(pk=payment_id).first()
            if payment is None:
                continue
            payment.released_at = now
            payment.save(update_fields=["released_at"])
            # The day is part of the key: a release that the engine gave back (hold_back_payment) can be made anew.
            _promise_execution(payment, effect_key=f"execute:{payment.pk}:{today}")
            _record(payment, event="payments.payment.released", actor_type="system", actor_id="", now=now)
        released += 1
    return released


def hold_back_payment(*, payment: PaymentInitiation, now: datetime) -> bool:
    """For the engine, on a locked payment: True when its day has not come, and then it waits again.

    A message can come too early when it was forged, or when the clock was set back after the release.
    """
    if not has_to_wait(
        payment.requested_execution_date, is_instant=payment.is_instant, today=bank_date(now)
    ):
        return False
    payment.released_at = None
    payment.save(update_fields=["released_at"])
    _record(payment, event="payments.payment.held_back", actor_type="engine", actor_id="", now=now)
    return True


def expire_payments(*, now: datetime) -> int:
    """Refuse what nobody authorised in time; returns how many."""
    stale = PaymentInitiation.objects.filter(
        transaction_status=TransactionStatus.RCVD, created_at__lte=now - UNAUTHORISED_LIFE
    ).values_list("pk", flat=True)[:500]
    due = list(stale)
    for payment_id in due:
        reject_payment(payment_id=payment_id, reason=StatusReason.DS02, now=now)
    return len(due)


def lock_payment_for_execution(*, payment_id: UUID) -> PaymentInitiation:
    """The payment under a row lock, for the engine, in its transaction.

    :raises apps.payments.queries.PaymentUnknown: there is none.
    """
    return _lock_payment(payment_id)


def check_authorised_as_is(*, payment: PaymentInitiation) -> bool:
    """Whether the customer's finalised authorisation covers the payment exactly as it stands (RTS art. 5(1)(c)).

    The engine asks before it takes funds: not the message it got, and not the status column alone, decides. An
    execution of a standing order is covered by the authorisation of its series (RTS art. 14).
    """
    if payment.standing_order_id is not None:
        return is_covered_by_standing_order(payment=payment)
    if payment.authorisation_id is None or payment.psu_id is None:
        return False
    authorisation = SCAAuthorisation.objects.filter(
        pk=payment.authorisation_id, subject_id=payment.pk, psu_id=payment.psu_id, sca_status="finalised"
    ).first()
    if authorisation is None or authorisation.snapshot_hash is None:
        return False
    snapshot = {"purpose": Purpose.PAYMENT.value, **payment_snapshot(payment=payment)}
    return hmac.compare_digest(canonical_hash(snapshot), bytes(authorisation.snapshot_hash))


def note_execution(
    *,
    payment: PaymentInitiation,
    status: TransactionStatus,
    core_user_id: str = "",
    reason: StatusReason | None = None,
    now: datetime,
) -> None:
    """The engine's report on a locked payment; the TPP is told, if it asked to be (S0-46)."""
    payment.core_user_id = core_user_id or payment.core_user_id
    payment.status_reason = reason or ""
    _change_status(
        payment,
        status=status,
        actor_type="engine",
        actor_id=payment.core_user_id,
        now=now,
        data={"reason": reason},
    )
    is_unattended = payment.standing_order_id is not None or payment.requested_execution_date is not None
    if status == TransactionStatus.RJCT and is_unattended:
        # Nobody is looking at a page: he is told where he is (PSD2 art. 79(1)).
        enqueue_message(
            topic=SEND_REFUSAL_NOTICE_TASK,
            payload={"payment_id": str(payment.pk)},
            effect_key=f"refusal:{payment.pk}",
        )


def note_return(*, payment: PaymentInitiation, reason: str, now: datetime) -> None:
    """The engine's report that the money of a payment that was done came back; the payment stays done, as it was."""
    payment.return_reason, payment.returned_at = reason, now
    payment.save(update_fields=["return_reason", "returned_at"])
    _record(
        payment,
        event="payments.payment.returned",
        actor_type="engine",
        actor_id="",
        now=now,
        data={"reason": reason},
    )


def _lock_payment(payment_id: UUID) -> PaymentInitiation:
    payment = (
        PaymentInitiation.objects.select_for_update(of=("self",))
        .select_related("app__tpp", "debtor_account", "psu")
        .filter(pk=payment_id)
        .first()
    )
    if payment is None:
        raise PaymentUnknown
    return payment


def _promise_execution(payment: PaymentInitiation, *, effect_key: str) -> None:
    enqueue_message(
        topic=EXECUTE_TASK,
        payload={"payment_id": str(payment.pk)},
        effect_key=effect_key,
        queue=ENGINE_QUEUE,
    )


def _written(day: date | None) -> str:
    """A day in canonical form; empty for none."""
    return day.isoformat() if day else ""


def _is_payers(payment: PaymentInitiation, *, psu: PSU) -> bool:
    named = payment.psu_id is None or payment.psu_id == psu.pk
    return named and is_holder(psu_id=psu.pk, iban=payment.debtor_iban)


def _is_stale(payment: PaymentInitiation, *, now: datetime) -> bool:
    return payment.created_at <= now - UNAUTHORISED_LIFE


def _same_request(
    *, channel: Channel, app: App | None, psu: PSU | None, request_id: str, order: PaymentOrder
) -> PaymentInitiation:
    payment = _payments_of(channel=channel, app=app, psu=psu).get(request_id=request_id)
    if not hmac.compare_digest(bytes(payment.request_hash), order.fingerprint()):
        raise RequestIdReused(request_id)
    return payment


def _payments_of(*, channel: Channel, app: App | None, psu: PSU | None) -> QuerySet[PaymentInitiation]:
    """The orders among which a request id is known."""
    payments = PaymentInitiation.objects.select_related("app__tpp", "debtor_account", "psu__user")
    owner = {"app": app} if app is not None else {"psu": psu, "app": None}
    return payments.filter(channel=channel, **owner)


def _change_status(
    payment: PaymentInitiation,
    *,
    status: TransactionStatus,
    actor_type: str,
    actor_id: UUID | str,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    if not may_change_status(current=payment.transaction_status, new=status):
        raise PaymentStatusInvalid(f"{payment.transaction_status} to {status}")
    payment.transaction_status, payment.status_changed_at = status, now
    payment.save(
        update_fields=[
            "transaction_status",
            "status_reason",
            "status_changed_at",
            "psu",
            "authorised_at",
            "authorisation_id",
            "released_at",
            "core_user_id",
        ]
    )
    _record(
        payment,
        event=f"payments.payment.{status}",
        actor_type=actor_type,
        actor_id=actor_id,
        now=now,
        data=data,
    )
    if payment.tpp_notification_uri:
        enqueue_message(
            topic=PUSH_STATUS_TASK,
            payload={"payment_id": str(payment.pk), "transaction_status": status.value},
            effect_key=f"push:{payment.pk}:{status}",
        )


def _record(
    payment: PaymentInitiation,
    *,
    event: str,
    actor_type: str,
    actor_id: UUID | str,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    record_event(
        event=event,
        object_type="payment",
        object_id=payment.pk,
        actor_type=actor_type,
        actor_id=actor_id,
        at=now,
        data={key: value for key, value in (data or {}).items() if value},
    )
