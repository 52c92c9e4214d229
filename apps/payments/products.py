"""What each payment product takes, costs and waits for: decisions on values.

Fees are whole cents of euro and the payer's; hours are local time at the bank (Europe/Berlin).
"""

from datetime import date, datetime, time

from django.conf import settings

from apps.accounts.queries import is_own_iban
from apps.core.clock import BANK_TIME_ZONE, bank_date
from apps.core.errors import InvalidInput
from apps.core.iban import OutsideSEPA, is_in_sepa
from apps.core.target_calendar import is_business_day
from apps.payments.rules import ChargeBearer, PaymentProduct
from apps.payments.scheduling import has_to_wait
from apps.pricing.queries import get_price
from apps.pricing.rules import FeeService

# T2 takes payments of customers from half past two in the morning.
RTGS_OPENS_AT = time(2, 30)

_ABROAD = PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS
_URGENT = PaymentProduct.TARGET_2_PAYMENTS
_INSTANT = PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS
# The usual one first. Outside the EEA it is the payer's choice.
ABROAD_CHARGE_BEARERS = (ChargeBearer.SHAR, ChargeBearer.DEBT, ChargeBearer.CRED)
# Within the EEA each side pays its own bank (PSD2 art. 62(2)).
_CHARGE_BEARERS: dict[str, tuple[ChargeBearer, ...]] = {
    PaymentProduct.SEPA_CREDIT_TRANSFERS: (ChargeBearer.SLEV,),
    PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS: (ChargeBearer.SLEV,),
    PaymentProduct.TARGET_2_PAYMENTS: (ChargeBearer.SHAR,),
    PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS: ABROAD_CHARGE_BEARERS,
}
# What these cost is taken with each; all others are charged together, with the month.
_OWN_PRICES: dict[str, FeeService] = {
    _URGENT: FeeService.TARGET_TRANSFER,
    _ABROAD: FeeService.CROSS_BORDER_TRANSFER,
}


class CreditorAgentMissing(InvalidInput):
    """Abroad the IBAN does not say which bank it is: the BIC is needed."""

    code = "creditor_agent_missing"


class ChargeBearerNotAllowed(InvalidInput):
    """The product does not leave this choice of who pays the fees."""

    code = "charge_bearer_not_allowed"


class OrdinaryTransferSuffices(InvalidInput):
    """A SEPA transfer reaches this account without a fee, so none is taken for another way there.

    Inside SEPA a payment to another country costs what one at home does (Regulation (EU) 2021/1230 art. 3(1)); inside
    the bank any transfer arrives at once.
    """

    code = "ordinary_transfer_suffices"


def charge_bearer_for(product: str, *, wanted: ChargeBearer | None) -> ChargeBearer:
    """Who pays the fees of an order: as wanted, or as is usual for the product.

    :raises ChargeBearerNotAllowed: the product does not leave this choice.
    """
    allowed = _CHARGE_BEARERS[product]
    if wanted is not None and wanted not in allowed:
        raise ChargeBearerNotAllowed(f"{product}: {wanted}", field="chargeBearer")
    return wanted or allowed[0]


def check_destination(product: str, *, creditor_iban: str, creditor_agent: str) -> None:
    """Whether the product leads to this account.

    :raises apps.core.iban.OutsideSEPA: it stays inside SEPA, and the account is not.
    :raises OrdinaryTransferSuffices: it costs a fee for what a SEPA transfer does without one.
    :raises CreditorAgentMissing: it needs the BIC of the payee's bank.
    """
    reaches_sepa = is_in_sepa(creditor_iban)
    if product != _ABROAD and not reaches_sepa:
        raise OutsideSEPA(creditor_iban[:2], field="iban")
    if (product == _ABROAD and reaches_sepa) or (product == _URGENT and is_own_iban(creditor_iban)):
        raise OrdinaryTransferSuffices(creditor_iban[:2], field="creditorAccount")
    if product == _ABROAD and not creditor_agent:
        raise CreditorAgentMissing(field="creditorAgent")


def has_own_fee(product: str) -> bool:
    """Whether its fee, which may be nothing, is taken with each payment instead of charged with the month."""
    return product in _OWN_PRICES


def fee_minor(product: str, *, charge_bearer: ChargeBearer, account_product: str, day: date) -> int:
    """What the payer pays with it, in cents: by the price list of the account's product on ``day``, free without a
    price there (PSD2 art. 45(1)(c)).

    ``DEBT`` covers the other banks too, at ``FEE_OTHER_BANKS_MINOR`` in addition, whatever our own price is; with
    ``CRED`` our charges are claimed from the payee's bank and the payer pays nothing. Ordinary and instant transfers
    cost nothing here: they are charged with the month, both alike (Regulation 260/2012 art. 5b(1)).
    """
    service = _OWN_PRICES.get(product)
    if service is None or charge_bearer == ChargeBearer.CRED:
        return 0
    price = get_price(product=account_product, service=service, day=day)
    other_banks = settings.FEE_OTHER_BANKS_MINOR if charge_bearer == ChargeBearer.DEBT else 0
    return (price.amount_minor if price else 0) + other_banks


def is_open(product: str, *, now: datetime) -> bool:
    """Whether what is sent by this product is taken at ``now``: TARGET takes customers' payments on its business days
    from 02:30 to the cut-off, all other rails at any hour."""
    if product != _URGENT:
        return True
    local = now.astimezone(BANK_TIME_ZONE)
    return is_business_day(local.date()) and RTGS_OPENS_AT <= local.time() < settings.TARGET_2_CUT_OFF


def goes_later(product: str, *, requested: date | None, now: datetime) -> bool:
    """Whether an order that is authorised at ``now`` waits: for its day, or until its rail is open (PSD2 art. 78)."""
    is_instant = product == _INSTANT
    return has_to_wait(requested, is_instant=is_instant, today=bank_date(now)) or not is_open(
        product, now=now
    )
