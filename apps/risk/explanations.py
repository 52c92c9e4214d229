"""What was found, in sentences for whoever looks at it."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.core.money import format_money
from apps.risk.rules import Factor, FactorState, Measure

# What a fact that counted says. ``value`` was measured, ``threshold`` is the rule's.
_FOUND: dict[Measure, Promise] = {
    Measure.LISTED_ELEMENTS: _("%(value)s of payee, network and device on the list of compromised elements."),
    Measure.AMOUNT_MINOR: _("The amount of %(money)s is %(money_threshold)s or more."),
    Measure.PERCENT_OF_USUAL: _(
        "The amount is %(value)s %% of the largest usual one of 90 days; %(threshold)s %% or more counts."
    ),
    Measure.PAYMENTS_LAST_HOUR: _("%(value)s payments in the hour before; %(threshold)s or more count."),
    Measure.PAYMENTS_LAST_DAY: _("%(value)s payments in the day before; %(threshold)s or more count."),
    Measure.HOUR_RARITY_PERCENT: _(
        "%(value)s %% of the payer’s payments are made at other times of the day."
    ),
    Measure.DEVICE_AGE_HOURS: _(
        "The device was first seen %(value)s hours before; up to %(threshold)s hours count as new."
    ),
    Measure.AUTOMATED_CLIENT: _("The order came from a program that works without a person."),
    Measure.SESSION_SECONDS: _(
        "Ordered %(value)s seconds after signing in; up to %(threshold)s seconds is faster than a person."
    ),
    Measure.TAKEOVER_SIGNS: _(
        "The account is emptied to a new payee shortly after mobile number or limits were changed."
    ),
    Measure.BURST_TO_NEW_PAYEE: _(
        "Payment number %(value)s to the same new payee within a day; from %(threshold)s on it counts."
    ),
    Measure.NAME_MISMATCH_TO_NEW_PAYEE: _("The new payee’s bank knows the account under another name."),
    Measure.NETWORK_AGE_HOURS: _(
        "The network was first seen %(value)s hours before; up to %(threshold)s hours count as new."
    ),
    Measure.PAYEE_AGE_HOURS: _(
        "The payee was first paid %(value)s hours before; up to %(threshold)s hours count as new."
    ),
    Measure.NEW_COUNTRY: _("The payee’s bank is in a foreign country that was never paid before."),
}
# The same of what was seen for the first time, or less than an hour before.
_FIRST: dict[Measure, Promise] = {
    Measure.DEVICE_AGE_HOURS: _("The device was never seen before, or first within the last hour."),
    Measure.NETWORK_AGE_HOURS: _("The network was never seen before, or first within the last hour."),
    Measure.PAYEE_AGE_HOURS: _("The payee was never paid before, or first within the last hour."),
}
# What it says that a fact could not be measured, which counts as risky.
_UNKNOWN: dict[Measure, Promise] = {
    Measure.LISTED_ELEMENTS: _("Unknown: the list of compromised elements was not looked into."),
    Measure.AMOUNT_MINOR: _("Unknown: the amount."),
    Measure.PERCENT_OF_USUAL: _("Unknown: there are too few earlier payments to know what is usual."),
    Measure.PAYMENTS_LAST_HOUR: _("Unknown: the payments in the hour before."),
    Measure.PAYMENTS_LAST_DAY: _("Unknown: the payments in the day before."),
    Measure.HOUR_RARITY_PERCENT: _(
        "Unknown: there are too few earlier payments to know at what time is usual."
    ),
    Measure.DEVICE_AGE_HOURS: _("Unknown: the device."),
    Measure.AUTOMATED_CLIENT: _("Unknown: whether a person or a program ordered."),
    Measure.SESSION_SECONDS: _("Unknown: how long after signing in it was ordered."),
    Measure.TAKEOVER_SIGNS: _("Unknown: whether an account is emptied after a change of security."),
    Measure.BURST_TO_NEW_PAYEE: _("Unknown: how often the payee was paid within a day."),
    Measure.NAME_MISMATCH_TO_NEW_PAYEE: _(
        "Unknown: whether the payee’s bank knows the account under another name."
    ),
    Measure.NETWORK_AGE_HOURS: _("Unknown: the network."),
    Measure.PAYEE_AGE_HOURS: _("Unknown: whether the payee was paid before."),
    Measure.NEW_COUNTRY: _("Unknown: the country of the payee’s bank."),
}


def explain_evidence(evidence: Mapping[str, Any]) -> str:
    """One stored piece of evidence as a sentence."""
    measure, value = Measure(evidence["measure"]), evidence["value"]
    if value is None:
        return str(_UNKNOWN[measure])
    if value == 0 and measure in _FIRST:
        return str(_FIRST[measure])
    return str(_FOUND[measure]) % {
        "value": value,
        "threshold": evidence["threshold"],
        "money": format_money(value, "EUR"),
        "money_threshold": format_money(evidence["threshold"], "EUR"),
    }


def explain_factor(factor: Mapping[str, Any]) -> list[str]:
    """A stored factor: its evidence in sentences, or that there is none."""
    return [explain_evidence(one) for one in factor["evidence"]] or [str(FactorState(factor["state"]).label)]


def factor_label(factor: Mapping[str, Any]) -> str:
    """What a stored factor is called."""
    return capfirst(str(Factor(factor["factor"]).label))
