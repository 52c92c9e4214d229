import logging
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.module_loading import import_string

from apps.accounts.queries import AccountUnknown, is_own_iban, list_holder_names, list_holder_names_of
from apps.clearing.payee_directories import DirectoryAnswer, PayeeDirectory
from apps.core.clock import bank_date
from apps.core.deadline import run_within
from apps.core.names.matching import LONGEST_NAME, compare_names
from apps.core.names.rules import NameMatch
from apps.core.text import UnsafeText, check_display_text
from apps.payees.models import LookupCount
from apps.payees.rules import Asker, PayeeVerification, WhyNotPossible, not_possible

logger = logging.getLogger(__name__)

COUNTS_KEPT = timedelta(days=7)
_ASKED_AT_ONCE = 8  # Half of what may be under way (apps.core.deadline): single payments ask, too.


def verify_payee(*, name: str, iban: str, asker: Asker, now: datetime) -> PayeeVerification:
    """Whether the account with this IBAN belongs to this name, by the word of the bank that keeps it.

    Never raises and never takes longer than ``VOP_TIMEOUT_SECONDS``: what cannot be found out is "not possible", and
    the payment goes on (SEPA Regulation art. 5c). Each look-up counts; past ``VOP_LOOKUPS_PER_DAY`` of an asker on
    a day of the bank nothing is looked up any more, so that names cannot be harvested. Call it outside of a
    transaction: the count must outlive whatever becomes of the order, and another bank may take its time.
    """
    if not _count_lookup(asker, now=now):
        logger.warning("no more names are looked up for %s today", asker.key)
        return not_possible(WhyNotPossible.LIMIT)
    if is_own_iban(iban):
        return answer_verification(name=name, iban=iban)
    return _ask_other_bank(name=name, iban=iban)


def verify_payees(
    *, payees: Sequence[tuple[str, str]], asker: Asker, lookups_max: int, seconds: float, now: datetime
) -> list[PayeeVerification]:
    """As :func:`verify_payee` for many payees, each a name and an IBAN; what was found, in their order.

    This bank's accounts are looked up together, other banks are asked several at once. Never raises. What is not
    answered within ``seconds`` in all, or goes beyond ``lookups_max`` of the asker on a day, is "not possible".
    """
    allowed = _count_lookups(asker, wanted=len(payees), most=lookups_max, now=now)
    if allowed < len(payees):
        logger.warning("no more names are looked up for %s today", asker.key)
    asked = payees[:allowed]
    holders = list_holder_names_of(ibans={iban for _name, iban in asked if is_own_iban(iban)})
    ends_at = time.monotonic() + seconds
    with ThreadPoolExecutor(max_workers=_ASKED_AT_ONCE) as pool:
        answers = [
            _compared(name, holders.get(iban))
            if is_own_iban(iban)
            else pool.submit(_ask_other_bank, name=name, iban=iban, ends_at=ends_at)
            for name, iban in asked
        ]
        found = [answer if isinstance(answer, PayeeVerification) else answer.result() for answer in answers]
    return found + [not_possible(WhyNotPossible.LIMIT)] * (len(payees) - allowed)


def answer_verification(*, name: str, iban: str) -> PayeeVerification:
    """This bank's answer for one of its IBANs. An account that does not exist or is closed cannot be checked."""
    try:
        holders = list_holder_names(iban=iban)
    except AccountUnknown:
        return _compared(name, None)
    return _compared(name, holders)


def _compared(name: str, holders: list[str] | None) -> PayeeVerification:
    if not holders:
        return not_possible(WhyNotPossible.NO_SUCH_ACCOUNT)
    comparison = compare_names(given=name, holders=holders)
    return PayeeVerification(comparison.outcome, comparison.matched_name)


def purge_lookup_counts(*, now: datetime) -> int:
    """Delete counts of days long gone; returns how many."""
    deleted, _by_model = LookupCount.objects.filter(day__lt=bank_date(now - COUNTS_KEPT)).delete()
    return deleted


def payee_directory() -> PayeeDirectory:
    """The way to other banks that ``settings.VOP_DIRECTORY`` names."""
    return import_string(settings.VOP_DIRECTORY)()


def _count_lookup(asker: Asker, *, now: datetime) -> bool:
    """Count one more, unless the day's number is used up: one conditional statement, so that a race cannot pass it."""
    row, _is_new = LookupCount.objects.get_or_create(asker=asker.key, day=bank_date(now))
    return bool(
        LookupCount.objects.filter(pk=row.pk, count__lt=settings.VOP_LOOKUPS_PER_DAY).update(
            count=F("count") + 1
        )
    )


def _count_lookups(asker: Asker, *, wanted: int, most: int, now: datetime) -> int:
    """Count as many more as the day's number still allows, under the row's lock; returns how many that are."""
    with transaction.atomic():
        LookupCount.objects.get_or_create(asker=asker.key, day=bank_date(now))
        row = LookupCount.objects.select_for_update().get(asker=asker.key, day=bank_date(now))
        allowed = max(0, min(wanted, most - row.count))
        LookupCount.objects.filter(pk=row.pk).update(count=F("count") + allowed)
    return allowed


def _ask_other_bank(*, name: str, iban: str, ends_at: float = math.inf) -> PayeeVerification:
    seconds = min(float(settings.VOP_TIMEOUT_SECONDS), ends_at - time.monotonic())
    if seconds <= 0:
        return not_possible(WhyNotPossible.TIMEOUT)
    directory = payee_directory()
    try:
        answer = run_within(seconds, lambda: directory.verify(name=name, iban=iban, timeout_seconds=seconds))
    except TimeoutError:
        logger.warning("verification of payee: no answer in time")
        return not_possible(WhyNotPossible.TIMEOUT)
    except Exception as error:
        # The error's class only: its text may hold the name or the IBAN.
        logger.warning("verification of payee: %s", type(error).__name__)
        return not_possible(WhyNotPossible.UNREACHABLE)
    return _understood(answer)


def _understood(answer: DirectoryAnswer) -> PayeeVerification:
    """Another bank's answer, as far as it makes sense; a name in it will be shown and signed, so it must be fit to."""
    if answer.outcome == NameMatch.NOAP:
        return not_possible(WhyNotPossible.NOT_ANSWERED)
    if answer.outcome in (NameMatch.MTCH, NameMatch.NMTC):
        return PayeeVerification(NameMatch(answer.outcome))
    try:
        shown = check_display_text(answer.matched_name, field="matchedName", max_length=LONGEST_NAME)
    except UnsafeText:
        shown = ""
    if answer.outcome != NameMatch.CMTC or not shown:
        return not_possible(WhyNotPossible.UNUSABLE_ANSWER)
    return PayeeVerification(NameMatch.CMTC, shown)
