"""Orders taken in: checked, the payee verified, kept once for each request id."""

import hmac
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import is_holder
from apps.core.canonical import canonical_hash
from apps.core.clock import bank_date
from apps.core.errors import DomainError
from apps.core.money import Money
from apps.core.names.rules import NameMatch
from apps.identity.models import PSU
from apps.payees.rules import Asker, PayeeVerification
from apps.payees.services import verify_payee
from apps.payments.limits import check_limits
from apps.payments.models import AnyInitiation, PaymentInitiation
from apps.payments.products import charge_bearer_for, check_destination, fee_minor, goes_later
from apps.payments.queries import PaymentUnknown
from apps.payments.risk import assess_order
from apps.payments.rules import (
    Channel,
    ChargeBearer,
    PaymentProduct,
    TransactionStatus,
    has_to_be_confirmed,
)
from apps.payments.scheduling import (
    canonical_day,
    check_requested_date,
)
from apps.payments.services.status import PaymentStatusInvalid, is_stale, lock_payment, record_on_payment
from apps.risk.facts import UNKNOWN_ORIGIN, Origin
from apps.tpp.models import App


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


class CreditorNotConfirmed(PaymentStatusInvalid):
    """The TPP asked for the check of the payee's name, which did not match, and has not had the payee confirmed."""

    code = "creditor_not_confirmed"


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
    creditor_agent: str = ""
    charge_bearer: ChargeBearer | None = None

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
                "requested_execution_date": canonical_day(self.requested_execution_date),
                "creditor_agent": self.creditor_agent,
                "charge_bearer": self.charge_bearer or "",
            }
        )


@dataclass(frozen=True, slots=True)
class TPPAddresses:
    """Where a TPP wants the customer back, and the status told; each was checked against its registration."""

    redirect_uri: str = ""
    nok_redirect_uri: str = ""
    notification_uri: str = ""

    def as_fields(self) -> dict[str, str]:
        """As an order keeps them."""
        return {
            "tpp_redirect_uri": self.redirect_uri,
            "tpp_nok_redirect_uri": self.nok_redirect_uri,
            "tpp_notification_uri": self.notification_uri,
        }


def check_parties(order: PaymentOrder, *, psu: PSU | None) -> None:
    """Whether the bank pays from this account to that one in this currency, and for this customer, if he is known.

    :raises CurrencyNotSupported: not euro.
    :raises SameAccount: to itself.
    :raises DebtorAccountNotYours: the known customer may not pay from the account.
    """
    if order.instructed_amount.currency != "EUR" or order.debtor_account.currency != "EUR":
        raise CurrencyNotSupported(order.instructed_amount.currency)
    if order.creditor_iban == order.debtor_account.iban:
        raise SameAccount
    if psu is not None and not is_holder(psu_id=psu.pk, iban=order.debtor_account.iban):
        raise DebtorAccountNotYours(str(psu.pk))


def verify_payee_for(
    order: PaymentOrder,
    *,
    known: AnyInitiation | None,
    fingerprint: bytes,
    psu: PSU | None,
    app: App | None,
    now: datetime,
) -> PayeeVerification:
    """Whether the payee's name belongs to his IBAN. An order that is ``known`` from before keeps what was found then.

    Never raises, never takes long.
    """
    if known is not None and hmac.compare_digest(bytes(known.request_hash), fingerprint):
        return PayeeVerification(NameMatch(known.creditor_name_match), known.matched_creditor_name)
    if app is not None:
        asker = Asker.app(app.pk, account_id=order.debtor_account.pk)
    elif psu is not None:
        asker = Asker.customer(psu.pk)
    else:
        raise ValueError("an order comes from a customer or through a TPP")
    return verify_payee(name=order.creditor_name, iban=order.creditor_iban, asker=asker, now=now)


def order_fields(
    order: PaymentOrder, *, addresses: TPPAddresses | None, verification: PayeeVerification, now: datetime
) -> dict[str, Any]:
    """What is kept of any order that is taken in, as the tables name it."""
    return {
        "debtor_account": order.debtor_account,
        "debtor_iban": order.debtor_account.iban,
        "creditor_name": order.creditor_name,
        "creditor_iban": order.creditor_iban,
        "creditor_name_match": verification.outcome,
        "matched_creditor_name": verification.matched_name,
        "creditor_name_checked_at": now,
        "creditor_agent": order.creditor_agent,
        "amount_minor": order.instructed_amount.amount_minor,
        "currency": order.instructed_amount.currency,
        "end_to_end_identification": order.end_to_end_identification,
        "remittance_information_unstructured": order.remittance_information_unstructured,
        **(addresses or TPPAddresses()).as_fields(),
        "created_at": now,
        "status_changed_at": now,
    }


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
    return verify_payee_for(order, known=known, fingerprint=order.fingerprint(), psu=psu, app=app, now=now)


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
    origin: Origin = UNKNOWN_ORIGIN,
    now: datetime,
) -> tuple[PaymentInitiation, bool]:
    """Take in an order; status ``RCVD``, nothing is paid yet. Returns it, and whether it is new.

    ``verification`` is what :func:`verify_payee_of_order` said before; without it the payee is verified here. So there
    is no order whose payee was not verified, and none can be authorised before it was (IPR art. 5c). ``vop_requested``:
    a TPP wants to be told what was found and, unless it is a match, to have its customer confirm the payee first.

    ``origin`` is where it comes from, as far as the door knows: each new order is assessed (RTS art. 2(1)), and what is
    not known counts as risky. Whatever that comes to, the order is taken in.

    The same request id with the same order gives the same payment again: no second one (RTS art. 35(4)).

    :raises CurrencyNotSupported: not euro.
    :raises SameAccount: to itself.
    :raises apps.core.iban.OutsideSEPA: the product does not lead to the payee's country.
    :raises apps.payments.products.OrdinaryTransferSuffices: a SEPA transfer gets there without a fee.
    :raises apps.payments.products.CreditorAgentMissing: abroad, without the BIC of the payee's bank.
    :raises apps.payments.products.ChargeBearerNotAllowed: who pays the fees is not to be chosen so.
    :raises DebtorAccountNotYours: the known customer may not pay from the account.
    :raises apps.payments.scheduling.ExecutionDatePast: it is to be carried out on a day that is over.
    :raises apps.payments.scheduling.ExecutionDateTooFar: more than a year ahead.
    :raises apps.payments.limits.LimitExceeded: more than the known customer lets go out.
    :raises RequestIdReused: the request id belongs to another order.
    """
    check_parties(order, psu=psu)
    check_destination(
        order.payment_product, creditor_iban=order.creditor_iban, creditor_agent=order.creditor_agent
    )
    charge_bearer = charge_bearer_for(order.payment_product, wanted=order.charge_bearer)
    check_requested_date(order.requested_execution_date, today=bank_date(now))
    if psu is not None:
        check_limits(
            psu_id=psu.pk,
            amount_minor=order.instructed_amount.amount_minor,
            channel=channel,
            is_for_today=not goes_later(
                order.payment_product, requested=order.requested_execution_date, now=now
            ),
            now=now,
        )
    verification = verification or verify_payee_of_order(
        channel=channel, order=order, psu=psu, app=app, request_id=request_id, now=now
    )
    payment = PaymentInitiation(
        **order_fields(order, addresses=addresses, verification=verification, now=now),
        channel=channel,
        app=app,
        psu=psu,
        payment_product=order.payment_product,
        vop_requested=vop_requested,
        charge_bearer=charge_bearer,
        fee_minor=fee_minor(
            order.payment_product,
            charge_bearer=charge_bearer,
            account_product=order.debtor_account.product,
            day=bank_date(now),
        ),
        requested_execution_date=order.requested_execution_date,
        request_id=request_id,
        request_hash=order.fingerprint(),
    )
    try:
        with transaction.atomic():
            assess_order(payment=payment, origin=origin, now=now)
            payment.save(force_insert=True)
    except IntegrityError:
        return _same_request(channel=channel, app=app, psu=psu, request_id=request_id, order=order), False
    record_on_payment(
        payment,
        event="payments.payment.received",
        actor_type="psu" if app is None else "tpp",
        actor_id=psu.pk if app is None and psu else (app.tpp_id if app else ""),
        now=now,
        data={"amount_minor": payment.amount_minor, "currency": payment.currency, "channel": channel.value},
    )
    # What was found, and never the payee's real name: the trail is read by many and kept for long.
    record_on_payment(
        payment,
        event="payments.payment.payee_verified",
        actor_type="psu" if app is None else "tpp",
        actor_id=psu.pk if app is None and psu else (app.tpp_id if app else ""),
        now=now,
        data={"outcome": verification.outcome.value, "why": verification.why.value},
    )
    return payment, True


@transaction.atomic
def confirm_creditor(*, payment_id: UUID, app_id: UUID, now: datetime) -> PaymentInitiation:
    """A TPP's word that its customer wants to pay this payee in spite of the name; doing so twice changes nothing.

    It takes no part in the authorisation: he is told again on the bank's page, and signs that he was.

    :raises apps.payments.queries.PaymentUnknown: not this app's.
    :raises PaymentStatusInvalid: no longer waits, or there is nothing to confirm.
    """
    payment = lock_payment(payment_id)
    if payment.app_id != app_id:
        raise PaymentUnknown
    if note_confirmation(payment, now=now):
        record_on_payment(
            payment,
            event="payments.payment.creditor_confirmed",
            actor_type="tpp",
            actor_id=payment.app.tpp_id if payment.app else "",
            now=now,
            data={"outcome": payment.creditor_name_match},
        )
    return payment


def note_confirmation(order: AnyInitiation, *, now: datetime) -> bool:
    """Keep on a locked order that its payee was confirmed; False when that was known.

    :raises PaymentStatusInvalid: it no longer waits, or there is nothing to confirm.
    """
    if order.transaction_status != TransactionStatus.RCVD or is_stale(order, now=now):
        raise PaymentStatusInvalid(order.transaction_status)
    if not order.vop_requested or order.creditor_name_match == NameMatch.MTCH:
        raise PaymentStatusInvalid("nothing to confirm")
    if order.creditor_confirmed_at is not None:
        return False
    order.creditor_confirmed_at = now
    order.save(update_fields=["creditor_confirmed_at"])
    return True


def waits_for_confirmation(order: AnyInitiation) -> bool:
    """Whether its TPP has yet to have the payee confirmed."""
    return has_to_be_confirmed(
        vop_requested=order.vop_requested,
        name_match=order.creditor_name_match,
        is_confirmed=order.creditor_confirmed_at is not None,
    )


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
