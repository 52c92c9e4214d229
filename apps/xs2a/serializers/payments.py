"""``paymentInitiation_json`` and the answers about payments."""

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from apps.accounts.queries import AccountUnknown, get_account_by_iban
from apps.core.bic import parse_bic
from apps.core.clock import bank_date
from apps.core.iban import parse_iban, parse_sepa_iban
from apps.core.money import Money, parse_amount, plain_amount
from apps.core.names.rules import NameMatch
from apps.core.text import check_display_text
from apps.payments.products import has_own_fee
from apps.payments.rules import ChargeBearer, PaymentProduct, StatusReason, TransactionStatus
from apps.payments.services import PaymentOrder, waits_for_confirmation
from apps.pricing.queries import get_price
from apps.pricing.rules import FeeService
from apps.xs2a.refusals import FormatError
from apps.xs2a.serializers.reading import JSONObject, told_at

if TYPE_CHECKING:
    from apps.payments.models import AnyInitiation, PaymentInitiation

# transactionStatus of 1.3.16, for RCVD where the TPP asked for the check: ReceivedVerificationCompleted, and
# ReceivedVerificationCompletedWithMismatches, which the customer has to confirm.
VERIFIED, MISMATCH = "RCVC", "RVCM"
# Of every order, single or periodic.
ORDER_MEMBERS = frozenset(
    {
        *("debtorAccount", "instructedAmount", "creditorAccount", "creditorName"),
        *("endToEndIdentification", "remittanceInformationUnstructured", "creditorAgent"),
    }
)
# Kept nowhere, so taking them would be losing them.
ORDER_NOT_OFFERED = frozenset(
    {
        *("creditorAgentName", "creditorAddress", "ultimateDebtor", "ultimateCreditor"),
        *("purposeCode", "remittanceInformationStructured"),
    }
)
_MEMBERS = ORDER_MEMBERS | {"requestedExecutionDate", "chargeBearer"}
_NOT_OFFERED = ORDER_NOT_OFFERED | {"requestedExecutionTime"}
_REFERENCE_MEMBERS = frozenset({"iban", "currency"})
_REFERENCE_NOT_OFFERED = frozenset({"bban", "pan", "maskedPan", "msisdn", "other", "cashAccountType"})
_AMOUNT_MEMBERS = frozenset({"currency", "amount"})


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """The body of POST /v1/payments/{payment-product}, understood; the debtor's account is not looked up yet."""

    debtor_iban: str
    debtor_currency: str
    creditor_iban: str
    creditor_name: str
    instructed_amount: Money
    end_to_end_identification: str
    remittance_information_unstructured: str
    requested_execution_date: date | None = None
    creditor_agent: str = ""
    charge_bearer: ChargeBearer | None = None

    def as_order(self, product: PaymentProduct) -> PaymentOrder:
        """The order for the room.

        :raises apps.accounts.queries.AccountUnknown: the debtor's account is none of this bank's, or has another
            currency than named.
        """
        account = get_account_by_iban(iban=self.debtor_iban)
        if self.debtor_currency not in ("", account.currency):
            raise AccountUnknown(self.debtor_iban[-4:])
        return PaymentOrder(
            debtor_account=account,
            creditor_name=self.creditor_name,
            creditor_iban=self.creditor_iban,
            instructed_amount=self.instructed_amount,
            end_to_end_identification=self.end_to_end_identification,
            remittance_information_unstructured=self.remittance_information_unstructured,
            requested_execution_date=self.requested_execution_date,
            payment_product=product,
            creditor_agent=self.creditor_agent,
            charge_bearer=self.charge_bearer,
        )


def parse_payment_request(body: dict[str, Any], *, product: PaymentProduct) -> PaymentRequest:
    """The request for a single credit transfer; the payee's account may lie outside SEPA for transfers abroad only.

    :raises apps.xs2a.refusals.RequestRefused: naming the member that is wrong or not offered.
    """
    members = JSONObject(body, path="", members=_MEMBERS, not_offered=_NOT_OFFERED)
    return replace(
        parse_order(members, product=product),
        requested_execution_date=(
            members.day("requestedExecutionDate") if "requestedExecutionDate" in members else None
        ),
        charge_bearer=_parse_charge_bearer(members),
    )


def parse_order(members: JSONObject, *, product: PaymentProduct) -> PaymentRequest:
    """From which account, to whom, how much: what all services have."""
    parse = parse_iban if product == PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS else parse_sepa_iban
    debtor_iban, debtor_currency = _parse_account(members, "debtorAccount", parse=parse_iban)
    creditor_iban, creditor_currency = _parse_account(members, "creditorAccount", parse=parse)
    amount = _parse_amount(members.required("instructedAmount"))
    if creditor_currency not in ("", amount.currency):
        raise FormatError(
            _("The creditor's account has another currency than the amount."), path="creditorAccount.currency"
        )
    return PaymentRequest(
        debtor_iban=debtor_iban,
        debtor_currency=debtor_currency,
        creditor_iban=creditor_iban,
        creditor_name=_parse_text(members, "creditorName", max_length=70, required=True),
        instructed_amount=amount,
        end_to_end_identification=_parse_text(members, "endToEndIdentification", max_length=35),
        remittance_information_unstructured=_parse_text(
            members, "remittanceInformationUnstructured", max_length=140
        ),
        creditor_agent=_parse_creditor_agent(members),
    )


def _parse_account(members: JSONObject, name: str, *, parse: Any) -> tuple[str, str]:
    reference = JSONObject(
        members.required(name), path=name, members=_REFERENCE_MEMBERS, not_offered=_REFERENCE_NOT_OFFERED
    )
    text = reference.text("iban")
    with told_at(reference.at("iban")):
        iban = parse(text)
    return iban, reference.text("currency") if "currency" in reference else ""


def _parse_creditor_agent(members: JSONObject) -> str:
    if "creditorAgent" not in members:
        return ""
    with told_at("creditorAgent"):
        return parse_bic(members.text("creditorAgent"))


def _parse_charge_bearer(members: JSONObject) -> ChargeBearer | None:
    if "chargeBearer" not in members:
        return None
    return ChargeBearer(members.choice("chargeBearer", ChargeBearer.values))


def _parse_amount(value: object) -> Money:
    amount = JSONObject(value, path="instructedAmount", members=_AMOUNT_MEMBERS)
    text, currency = amount.text("amount"), amount.text("currency")
    with told_at(amount.at("amount")):
        return parse_amount(text, currency)


def _parse_text(members: JSONObject, name: str, *, max_length: int, required: bool = False) -> str:
    if not required and name not in members:
        return ""
    text = members.text(name)
    with told_at(name):
        return check_display_text(text, field=name, max_length=max_length, required=required)


def payment_created(*, payment: "AnyInitiation", hrefs: dict[str, Any]) -> dict[str, Any]:
    """``paymentInitiationRequestResponse-201``: as the payment was when taken in; a repeated call gets the same."""
    status = TransactionStatus.RCVD.value
    if payment.vop_requested:
        status = VERIFIED if payment.creditor_name_match == NameMatch.MTCH else MISMATCH
    return (
        {
            "transactionStatus": status,
            "paymentId": str(payment.pk),
            "transactionFeeIndicator": bool(payment.fee_minor) or _costs_something(payment),
            "_links": hrefs,
        }
        | _fees(payment)
        | _verification(payment, status=status)
    )


def _fees(payment: "AnyInitiation") -> dict[str, Any]:
    """``transactionFees``: what the payer pays besides the amount, if anything (PSD2 art. 45(1)(c))."""
    if not payment.fee_minor:
        return {}
    amount = plain_amount(payment.fee_minor, payment.currency)
    return {"transactionFees": {"currency": payment.currency, "amount": amount}}


def _costs_something(payment: "AnyInitiation") -> bool:
    """Whether the bank's price list has a price for it that is charged with the month."""
    if has_own_fee(payment.payment_product):
        return False
    price = get_price(
        product=payment.debtor_account.product,
        service=FeeService.CREDIT_TRANSFER,
        day=bank_date(payment.created_at),
    )
    return price is not None


def told_status(payment: "AnyInitiation") -> str:
    """transactionStatus as it is told: a TPP that asked for the check of the payee's name has its outcome in it."""
    if payment.transaction_status != TransactionStatus.RCVD or not payment.vop_requested:
        return payment.reported_status
    return MISMATCH if waits_for_confirmation(payment) else VERIFIED


def creditor_confirmed(*, payment: "AnyInitiation", hrefs: dict[str, Any]) -> dict[str, Any]:
    """The answer to ``creditorConfirmation``."""
    return {"transactionStatus": told_status(payment), "_links": hrefs}


def _verification(payment: "AnyInitiation", *, status: str) -> dict[str, Any]:
    """``originalTransactionInformationAndVopStatus`` for the one transaction, if the TPP asked for it."""
    if not payment.vop_requested:
        return {}
    told: dict[str, Any] = {"transactionStatus": status}
    if payment.end_to_end_identification:
        told["originalEndToEndId"] = payment.end_to_end_identification
    if payment.creditor_name_match != NameMatch.MTCH:
        told["creditorNameMatch"] = payment.creditor_name_match
    if payment.matched_creditor_name:
        told["matchedCreditorName"] = payment.matched_creditor_name
    return {"originalTransactionInformationAndVopStatus": [told]}


def single_payment_information(*, payment: "PaymentInitiation") -> dict[str, Any]:
    """``paymentInitiationWithStatusResponse``: what was sent comes back."""
    day = payment.requested_execution_date
    optional = {
        "requestedExecutionDate": day.isoformat() if day else "",
        "chargeBearer": "" if payment.charge_bearer == ChargeBearer.SLEV else payment.charge_bearer,
    }
    return payment_information(payment=payment) | {name: value for name, value in optional.items() if value}


def payment_information(*, payment: "AnyInitiation") -> dict[str, Any]:
    """What all services tell of an order."""
    optional = {
        "creditorAgent": payment.creditor_agent,
        "endToEndIdentification": payment.end_to_end_identification,
        "remittanceInformationUnstructured": payment.remittance_information_unstructured,
    }
    return {
        **{name: value for name, value in optional.items() if value},
        "debtorAccount": {"iban": payment.debtor_iban},
        "instructedAmount": {
            "currency": payment.currency,
            "amount": plain_amount(payment.amount_minor, payment.currency),
        },
        "creditorAccount": {"iban": payment.creditor_iban},
        "creditorName": payment.creditor_name,
        "transactionStatus": told_status(payment),
    } | _reason(payment)


def payment_status(*, payment: "AnyInitiation", psu_language: str) -> dict[str, Any]:
    """``paymentInitiationStatusResponse-200_json``, with the reason of a refusal (RTS art. 36(1)(b), 36(2)).

    ``psuMessage`` is for the customer and in his language; all else is for programs.
    """
    status = told_status(payment)
    body: dict[str, Any] = {"transactionStatus": status} | _reason(payment)
    body |= _verification(payment, status=status)
    if "tppMessage" in body:
        with override(psu_language):
            label = str(StatusReason(payment.status_reason).label)
        body["psuMessage"] = label[:1].upper() + label[1:]
    return body


def _reason(payment: "AnyInitiation") -> dict[str, Any]:
    if payment.transaction_status != TransactionStatus.RJCT or not payment.status_reason:
        return {}
    reason = payment.status_reason
    text = gettext("Status reason %(reason)s (ISO 20022 ExternalStatusReason1Code).") % {"reason": reason}
    return {"tppMessage": [refusal_message(reason, category="ERROR", text=text)]}


def refusal_message(reason: str, *, category: str, text: str) -> dict[str, str]:
    """``tppMessage`` about a payment that was refused for this reason."""
    code = "FUNDS_NOT_AVAILABLE" if reason == StatusReason.AM04 else "PAYMENT_FAILED"
    return {"category": category, "code": code, "text": text}
