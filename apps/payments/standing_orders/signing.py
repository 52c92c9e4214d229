"""Signing a whole series at once: later executions need no code (RTS art. 14)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.accounts.queries import count_signatures_needed
from apps.identity.models import PSU
from apps.payments.models import StandingOrder
from apps.payments.rules import TransactionStatus
from apps.payments.services import (
    CreditorNotConfirmed,
    DebtorAccountNotYours,
    SignedAlready,
    may_sign,
    takes_signatures,
    waits_for_confirmation,
)
from apps.payments.standing_order_evidence import (
    list_signers_of_order,
    standing_order_snapshot,
)
from apps.payments.standing_orders.reading import (
    StandingOrderStatusInvalid,
    get_standing_order,
    get_standing_order_to_sign,
    his_standing_orders,
    lock_standing_order,
)
from apps.payments.standing_orders.status import advance, change_status, end_series
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType
from apps.sca.services import Proof


@transaction.atomic
def start_standing_order_authorisation(
    *, standing_order_id: UUID, psu: PSU | None = None, now: datetime
) -> SCAAuthorisation:
    """Open an authorisation for a standing order that waits for its customer, or for the second who must sign. ``psu``
    is who signs; not known when a TPP starts it.

    :raises StandingOrderUnknown: missing, or not his.
    :raises StandingOrderStatusInvalid: signed, refused or left lying.
    :raises SignedAlready: by this customer; it is another who must sign.
    :raises apps.payments.services.CreditorNotConfirmed: its TPP has to have the payee confirmed first.
    """
    order = lock_standing_order(standing_order_id, his_standing_orders(psu.pk) if psu else Q())
    if psu is not None:
        _check_waits(order, psu=psu, now=now)
    elif not takes_signatures(order, now=now):
        raise StandingOrderStatusInvalid(order.transaction_status)
    if waits_for_confirmation(order):
        raise CreditorNotConfirmed(order.creditor_name_match)
    if not order.is_partly_signed:
        psu = order.psu
    return sca.open_authorisation(
        subject_type=SubjectType.STANDING_ORDER, subject_id=order.pk, psu=psu, now=now
    )


def send_standing_order_code(
    *,
    standing_order_id: UUID,
    authorisation_id: UUID,
    psu: PSU | None,
    hide_limit: bool = False,
    is_ahead: bool = False,
    method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
    now: datetime,
) -> UUID:
    """Send the code over the whole series; returns the challenge's id. ``is_ahead``: before its customer has come to
    the page (S0-41).

    ``hide_limit`` is for pages whose visitor nobody knows yet: who may not sign gets a decoy that looks the same, as
    does ``psu`` None. Without it he is told.

    :raises StandingOrderUnknown: missing, or not his.
    :raises StandingOrderStatusInvalid: it no longer waits.
    :raises SignedAlready: by this customer; it is another who must sign.
    :raises apps.sca.services.TooManyCodes: none was sent; only with ``hide_limit=False``.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    if psu is None or hide_limit:
        order = get_standing_order_to_sign(standing_order_id=standing_order_id)
        if not takes_signatures(order, now=now):
            raise StandingOrderStatusInvalid(order.transaction_status)
        psu = psu if psu is not None and may_sign(order, psu=psu) else None
    else:
        order = get_standing_order(psu_id=psu.pk, standing_order_id=standing_order_id)
        _check_waits(order, psu=psu, now=now)
    return sca.issue_challenge(
        user=psu.user if psu else None,
        purpose=Purpose.STANDING_ORDER,
        snapshot=standing_order_snapshot(order=order),
        authorisation_id=authorisation_id,
        hide_limit=hide_limit,
        is_ahead=is_ahead,
        method=method,
        now=now,
    )


def authorise_standing_order(
    *, standing_order_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> StandingOrder:
    """Sign a standing order by the customer's code, which must have been made for exactly this series: it runs
    (``ACTC``), or waits for another's signature (``PATC``) if he may sign only together with one and is the first.

    This is the strong authentication of the whole series: later executions need none (RTS art. 14(1)-(2)). The one it
    replaces ends in the same transaction.

    :raises StandingOrderUnknown: missing, or not his.
    :raises StandingOrderStatusInvalid: it no longer waits, or the one it replaces has ended or has paid the first day.
    :raises SignedAlready: by this customer; it is another who must sign.
    :raises DebtorAccountNotYours: the customer lost his right on the account.
    :raises apps.sca.services.DynamicLinkBroken: the code belongs to other data; it is void now.
    :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
    """
    broken = False
    with transaction.atomic():
        # One that came through a TPP which knows no customer is the first holder's who signs it.
        order = lock_standing_order(standing_order_id, his_standing_orders(psu.pk) | Q(psu=None))
        _check_waits(order, psu=psu, now=now)
        if not may_sign(order, psu=psu):
            raise DebtorAccountNotYours(str(psu.pk))
        old = lock_standing_order(order.replaces_id) if order.replaces_id else None
        if old is not None and not old.is_running:
            # Ended or replaced meanwhile: two changes of one order must not leave two orders.
            raise StandingOrderStatusInvalid(old.transaction_status)
        if old is not None and old.executions.filter(due_date__gte=order.first_due_date).exists():
            # Paid while the customer was signing, or before a rest of the calendar: never twice for one day.
            raise StandingOrderStatusInvalid("the one it replaces has paid this day")
        broken = (
            proof.authorisation_id != authorisation_id
            or proof.user_id != psu.user_id
            or not sca.is_proof_of(
                proof=proof, purpose=Purpose.STANDING_ORDER, snapshot=standing_order_snapshot(order=order)
            )
        )
        if not broken:
            sca.consume_proof(proof=proof, now=now)
            sca.finalise_authorisation(
                authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
            )
            if not order.is_partly_signed:
                order.psu = psu
                order.signatures_needed = count_signatures_needed(psu_id=psu.pk, ibans=[order.debtor_iban])
            if len(list_signers_of_order(order=order)) >= order.signatures_needed:
                order.authorised_at, order.authorisation_id = now, authorisation_id
                advance(order, due_date=order.series.first_due_date())
                change_status(order, status=TransactionStatus.ACTC, actor_type="psu", psu_id=psu.pk, now=now)
                if old is not None:
                    end_series(old, actor_type="psu", psu_id=psu.pk, now=now)
            elif order.is_partly_signed:
                raise StandingOrderStatusInvalid("it is not what the first has signed")
            else:
                change_status(order, status=TransactionStatus.PATC, actor_type="psu", now=now)
    if broken:
        sca.void_challenge(challenge_id=proof.challenge_id, reason="standing order differs", now=now)
        raise sca.DynamicLinkBroken(str(standing_order_id))
    return order


def _check_waits(order: StandingOrder, *, psu: PSU, now: datetime) -> None:
    if order.is_partly_signed and order.psu_id == psu.pk:
        raise SignedAlready(str(psu.pk))
    if not takes_signatures(order, now=now):
        raise StandingOrderStatusInvalid(order.transaction_status)
