"""``paymentInitiation_json`` and the answers about payments."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from apps.accounts.queries import AccountUnknown, get_account_by_iban
from apps.core.iban import parse_iban, parse_sepa_iban
from apps.core.money import Money, parse_amount, plain_amount
from apps.core.text import check_display_text
from apps.payments.rules import PaymentProduct, StatusReason, TransactionStatus
from apps.payments.services import PaymentOrder
from apps.xs2a.refusals import FormatError
from apps.xs2a.serializers.reading import JSONObject, told_at

if TYPE_CHECKING:
    from apps.payments.models import PaymentInitiation

_MEMBERS = frozenset(
    {
        *("debtorAccount", "instructedAmount", "creditorAccount", "creditorName"),
        *("endToEndIdentification", "remittanceInformationUnstructured"),
    }
)
# Kept nowhere, so taking them would be losing them.
_NOT_OFFERED = frozenset(
    {
        *(
            "creditorAgent",
            "creditorAgentName",
            "creditorAddress",
            "requestedExecutionDate",
            "ultimateDebtor",
        ),
        *("ultimateCreditor", "purposeCode", "chargeBearer", "remittanceInformationStructured"),
    }
)
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
            payment_product=product,
        )


def parse_payment_request(body: dict[str, Any]) -> PaymentRequest:
    """The request for a single SEPA credit transfer.

    :raises apps.xs2a.refusals.RequestRefused: naming the member that is wrong or not offered.
    """
    members = JSONObject(body, path="", members=_MEMBERS, not_offered=_NOT_OFFERED)
    debtor_iban, debtor_currency = _parse_account(members, "debtorAccount", parse=parse_iban)
    creditor_iban, creditor_currency = _parse_account(members, "creditorAccount", parse=parse_sepa_iban)
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
    )


def _parse_account(members: JSONObject, name: str, *, parse: Any) -> tuple[str, str]:
    reference = JSONObject(
        members.required(name), path=name, members=_REFERENCE_MEMBERS, not_offered=_REFERENCE_NOT_OFFERED
    )
    text = reference.text("iban")
    with told_at(reference.at("iban")):
        iban = parse(text)
    return iban, reference.text("currency") if "currency" in reference else ""


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


def payment_created(*, payment: "PaymentInitiation", hrefs: dict[str, Any]) -> dict[str, Any]:
    """``paymentInitiationRequestResponse-201``: as the payment was when taken in; a repeated call gets the same."""
    return {
        "transactionStatus": TransactionStatus.RCVD.value,
        "paymentId": str(payment.pk),
        "transactionFeeIndicator": False,
        "_links": hrefs,
    }


def payment_information(*, payment: "PaymentInitiation") -> dict[str, Any]:
    """``paymentInitiationWithStatusResponse``: what was sent comes back."""
    optional = {
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
        "transactionStatus": payment.transaction_status,
    } | _reason(payment)


def payment_status(*, payment: "PaymentInitiation", psu_language: str) -> dict[str, Any]:
    """``paymentInitiationStatusResponse-200_json``, with the reason of a refusal (RTS art. 36(1)(b), 36(2)).

    ``psuMessage`` is for the customer and in his language; all else is for programs.
    """
    body: dict[str, Any] = {"transactionStatus": payment.transaction_status} | _reason(payment)
    if "tppMessage" in body:
        with override(psu_language):
            label = str(StatusReason(payment.status_reason).label)
        body["psuMessage"] = label[:1].upper() + label[1:]
    return body


def _reason(payment: "PaymentInitiation") -> dict[str, Any]:
    if payment.transaction_status != TransactionStatus.RJCT or not payment.status_reason:
        return {}
    reason = payment.status_reason
    code = "FUNDS_NOT_AVAILABLE" if reason == StatusReason.AM04 else "PAYMENT_FAILED"
    text = gettext("Status reason %(reason)s (ISO 20022 ExternalStatusReason1Code).") % {"reason": reason}
    return {"tppMessage": [{"category": "ERROR", "code": code, "text": text}]}
