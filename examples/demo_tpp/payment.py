"""Paying: from the user's order to the confirmation (figure 2: S0-34 to S0-38, S0-42, S0-47)."""

from __future__ import annotations

import base64
import re
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from examples.demo_tpp.bank import BankClient, BankFault, BankRefused, BankUnavailable, Call
from examples.demo_tpp.directory import Directory, parse_iban
from examples.demo_tpp.enrolment import Enrolments, NotEnrolled
from examples.demo_tpp.store import Duplicate, Payment, Store

CURRENCY = "EUR"
MAX_AMOUNT = Decimal("999999999.99")
PAID = ("ACSC", "ACCC")
NOT_PAID = ("RJCT", "CANC")
# First wait, growth and longest wait between two questions, in seconds.
BACK_OFF = (0.15, 1.7, 2.0)
MAX_NOTIFICATIONS_KEPT = 20
STATUS_WHEN_SENT = "RCVD"
OPEN_ASKED_AT_ONCE = 5
RETURN_WITHIN_SECONDS = 2 * 60 * 60


class InvalidOrder(Exception):
    """An order's field is not right; ``field`` names it: creditor_name, amount, reference, submission."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Order:
    """What the user wants to pay, as typed (S0-35)."""

    creditor_name: str
    creditor_iban: str
    debtor_iban: str
    amount: str
    reference: str = ""


def parse_amount(text: str) -> str:
    """``12``, ``12.5``, ``12,50`` -> ``12.50``. Raises InvalidOrder; no exponents, signs, NaN or odd digits."""
    if not re.fullmatch(r"[0-9]{1,9}(?:[.,][0-9]{1,2})?", text.strip(), re.ASCII):
        raise InvalidOrder("amount", "Give the amount in euros like 24.90.")
    amount = Decimal(text.strip().replace(",", ".")).quantize(Decimal("0.01"))
    if not Decimal(0) < amount <= MAX_AMOUNT:
        raise InvalidOrder("amount", "The amount must be more than zero.")
    return f"{amount:f}"


def parse_text(text: str, *, field: str, longest: int, required: bool) -> str:
    """One line of printable text, spaces tidied. Raises InvalidOrder."""
    tidy = " ".join(text.split())
    if not tidy.isprintable() or len(tidy) > longest or (required and not tidy):
        raise InvalidOrder(
            field, f"This must be {'1 to' if required else 'at most'} {longest} printable characters."
        )
    return tidy


class Payments:
    """Starts payments and follows them to their end."""

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        enrolments: Enrolments,
        bank_client: Callable[[str], BankClient],
        return_uris: tuple[str, str],
        notification_uri: str,
        clock: Callable[[], int],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._directory = directory
        self._enrolments = enrolments
        self._bank_client = bank_client
        self._return_uris = return_uris
        self._notification_uri = notification_uri
        self._clock = clock
        self._sleep = sleep

    def start(
        self,
        order: Order,
        *,
        user: str,
        submission: str,
        call: Callable[[str], Call],
        without_enrolment: bool = False,
    ) -> Payment:
        """Send the order to the debtor's bank with the stored ID token; the result says where to authorise it.

        The same ``submission`` sent twice gives the payment it made the first time. ``without_enrolment`` pays once
        without a stored ID token (decision N5). Raises InvalidOrder, InvalidIBAN, UnknownBank, NotEnrolled,
        EnrolmentOver, BankFault.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]{8,64}", submission):
            raise InvalidOrder("submission", "This order form is damaged; open it again.")
        earlier = self._store.get_payment_by_submission(user=user, submission=submission)
        if earlier is not None:
            return earlier
        amount = parse_amount(order.amount)
        creditor_name = parse_text(order.creditor_name, field="creditor_name", longest=70, required=True)
        reference = parse_text(order.reference, field="reference", longest=140, required=False)
        creditor_iban = str(parse_iban(order.creditor_iban))
        debtor_iban, bank = self._directory.find_bank(order.debtor_iban)
        id_token = None
        if not without_enrolment:
            enrolment = self._store.get_active_enrolment(user=user, iban=debtor_iban)
            if enrolment is None or enrolment.issuer != bank.issuer:
                raise NotEnrolled(debtor_iban)
            id_token = self._enrolments.tokens_for(enrolment, id_token_needed=True).id_token

        now = self._clock()
        key = str(uuid.uuid4())
        end_to_end_id = "SP-" + base64.b32encode(secrets.token_bytes(10)).decode()
        try:
            # Written before the bank hears of it: a second click finds it, whatever becomes of the first.
            self._store.add_payment(
                {
                    "id": key,
                    "user": user,
                    "submission": submission,
                    "issuer": bank.issuer,
                    "debtor_iban": debtor_iban,
                    "creditor_iban": creditor_iban,
                    "creditor_name": creditor_name,
                    "amount": amount,
                    "currency": CURRENCY,
                    "reference": reference,
                    "end_to_end_id": end_to_end_id,
                    "with_id_token": int(id_token is not None),
                    "state": "created",
                    "created_at": now,
                    "updated_at": now,
                }
            )
        except Duplicate:
            twin = self._store.get_payment_by_submission(user=user, submission=submission)
            if twin is None:
                raise
            return twin
        self._initiate(key, user=user, issuer=bank.issuer, id_token=id_token, call=call(key))
        return self.get(key, user=user)

    def _initiate(self, key: str, *, user: str, issuer: str, id_token: str | None, call: Call) -> None:
        payment = self.get(key, user=user)
        body: dict[str, Any] = {
            "endToEndIdentification": payment.end_to_end_id,
            "debtorAccount": {"iban": payment.debtor_iban},
            "instructedAmount": {"currency": payment.currency, "amount": payment.amount},
            "creditorAccount": {"iban": payment.creditor_iban},
            "creditorName": payment.creditor_name,
        }
        if payment.reference:
            body["remittanceInformationUnstructured"] = payment.reference
        client = self._bank_client(issuer)
        try:
            answer = client.initiate_payment(
                body,
                id_token=id_token,
                redirect_uris=self._return_uris,
                notification_uri=self._notification_uri,
                call=call,
            )
            redirect = client.sca_redirect(answer)
        except BankFault as fault:
            # No money can move without the customer's approval at the bank, so giving up here is safe.
            self._store.refuse_payment(key, bank_text=str(fault)[:500], now=self._clock())
            raise
        self._store.record_initiation(
            key,
            payment_id=answer["paymentId"],
            transaction_status=str(answer.get("transactionStatus", "RCVD")),
            redirect=redirect,
            now=self._clock(),
        )

    def get(self, key: str, *, user: str) -> Payment:
        """This user's payment. Raises LookupError."""
        payment = self._store.get_payment(key, user=user)
        if payment is None:
            raise LookupError(key)
        return payment

    def find_returned(self, *, user: str, call: Callable[[str], Call]) -> Payment | None:
        """Which payment a customer comes back from: the bank's redirect goes to a registered address, the same for all.

        Among this user's latest payments it is the newest that has moved on since it was sent to the bank, else the
        newest. Only the choice of a page depends on this guess, nothing else.
        """
        waiting = self._store.list_unreturned_payments(user=user, since=self._clock() - RETURN_WITHIN_SECONDS)
        for payment in waiting:
            fresh = payment
            try:
                fresh = self.follow(payment, call=call(payment.id))
            except BankFault:
                # Its own page shows the fault.
                pass
            if fresh.is_final or fresh.transaction_status != STATUS_WHEN_SENT:
                return fresh
        return waiting[0] if waiting else None

    def refresh_open(self, *, user: str, call: Callable[[str], Call]) -> list[Payment]:
        """All payments of this user; the newest open ones asked for at the bank, as long as it answers."""
        payments = self._store.list_payments(user=user)
        for payment in [entry for entry in payments if entry.state == "open"][:OPEN_ASKED_AT_ONCE]:
            try:
                self.follow(payment, call=call(payment.id))
            except BankFault:
                # The list is shown as last known; the payment's own page tells what is wrong.
                break
        return self._store.list_payments(user=user)

    def follow(self, payment: Payment, *, call: Call, patience: float = 0.0) -> Payment:
        """Ask the bank for the status until it is final, for at most ``patience`` seconds, waiting longer each time.

        The bank's silence is not a result: then the payment is returned as it was last known. Raises BankRefused.
        """
        wait, growth, longest = BACK_OFF
        waited = 0.0
        while payment.state == "open":
            try:
                payment = self._ask_status(payment, call=call)
            except BankUnavailable:
                if waited >= patience:
                    raise
            if payment.is_final or waited >= patience:
                break
            self._sleep(min(wait, patience - waited))
            waited += wait
            wait = min(wait * growth, longest)
        return payment

    def _ask_status(self, payment: Payment, *, call: Call) -> Payment:
        answer = self._bank_client(payment.issuer).get_payment_status(str(payment.payment_id), call=call)
        status = str(answer.get("transactionStatus", ""))
        state = "paid" if status in PAID else "not_paid" if status in NOT_PAID else "open"
        self._store.record_status(
            payment.id, state=state, transaction_status=status, bank_text=_text_of(answer), now=self._clock()
        )
        return self.get(payment.id, user=payment.user)

    def take_notification(self, content: Mapping[str, Any]) -> bool:
        """The bank called (S0-46). Only noted: what counts is what the bank answers when it is asked."""
        payment_id = content.get("paymentId")
        status = content.get("transactionStatus", "")
        if (
            not isinstance(payment_id, str)
            or not isinstance(status, str)
            or not re.fullmatch(r"[A-Z]{0,4}", status)
        ):
            return False
        return self._store.add_notification(
            payment_id=payment_id, transaction_status=status, limit=MAX_NOTIFICATIONS_KEPT, now=self._clock()
        )


def describe(fault: BankFault) -> list[dict[str, str]]:
    """The bank's messages as it sent them, for the page and the JSON answer."""
    if not isinstance(fault, BankRefused):
        return []
    return [{"category": m.category, "code": m.code, "text": m.text, "path": m.path} for m in fault.messages]


def _text_of(answer: Mapping[str, Any]) -> str:
    """What the bank says beside the status: its words for the customer, then its codes."""
    said = answer.get("psuMessage")
    codes = [
        ": ".join(str(message[name]) for name in ("code", "text") if message.get(name))
        for message in answer.get("tppMessages") or answer.get("tppMessage") or []
        if isinstance(message, dict)
    ]
    texts = [said] if isinstance(said, str) and said else []
    texts += [f"({'; '.join(codes)})"] if texts and codes else codes
    return " ".join(texts)[:500]
