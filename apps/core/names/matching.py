"""The comparison of the name that a payer gave with the names of those who hold the account."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from apps.core.names import words as lists
from apps.core.names.companies import compare_companies, parse_company
from apps.core.names.letters import Word, lower
from apps.core.names.people import compare_people, parse_person
from apps.core.names.rules import NameMatch

LONGEST_NAME = 140
# A payment carries 70 characters of a name, an account 140.
CARRIED_BY_A_PAYMENT = 70
_RANK = {NameMatch.MTCH: 2, NameMatch.CMTC: 1, NameMatch.NMTC: 0, NameMatch.NOAP: -1}
_BETWEEN_HOLDERS = re.compile(
    r"\s+(?:und|u\.|and|et|y|e|i|og|och|en|oder|or|&|\+)\s+|\s*[&+/;]\s*", re.IGNORECASE
)
_BEFORE_OWNER = re.compile(r"[\s,(]+(?:inh(?:aber(?:in)?)?\.?:?|t/a|trading as|d/b/a)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NameComparison:
    """The outcome. ``matched_name`` is the holder's real name, with a close match and never otherwise."""

    outcome: NameMatch
    matched_name: str = ""


def compare_names(*, given: str, holders: Sequence[str]) -> NameComparison:
    """How the name a payer gave fits the names of an account: any holder's, or their trading names'.

    The name shown with a close match is that of the holder who fits and of nobody else on the account.
    """
    given = given[:LONGEST_NAME]
    best = NameComparison(NameMatch.NMTC)
    for holder in holders:
        for name, is_joint in _names_in(holder[:LONGEST_NAME]):
            outcome = _compare(given, name)
            if is_joint and outcome != NameMatch.MTCH:
                continue  # Nearly one of two: the name of the other is none of the payer's business.
            if _RANK[outcome] > _RANK[best.outcome]:
                best = NameComparison(outcome, name if outcome == NameMatch.CMTC else "")
    if best.outcome == NameMatch.MTCH:
        return best
    joint = _compare_joint(given, holders)
    return joint if _RANK[joint.outcome] > _RANK[best.outcome] else best


def _compare(given: str, holder: str) -> NameMatch:
    if len(given) >= CARRIED_BY_A_PAYMENT and holder.startswith(given):
        return NameMatch.MTCH
    ours, theirs = parse_company(given), parse_company(holder)
    if ours.is_company or theirs.is_company:
        return compare_companies(ours, theirs)
    return compare_people(parse_person(given), parse_person(holder))


def _compare_joint(given: str, holders: Sequence[str]) -> NameComparison:
    """Several people given at once: each must be another one of the holders, or the one who is gets shown."""
    people = _people_in(given)
    if len(people) < 2:
        return NameComparison(NameMatch.NMTC)
    left = list(dict.fromkeys(name for holder in holders for name in (_people_in(holder) or [holder])))
    outcomes: list[NameComparison] = []
    for person in people:
        found = max(
            ((_compare(person, name), name) for name in left), key=lambda pair: _RANK[pair[0]], default=None
        )
        if found is None or found[0] == NameMatch.NMTC:
            outcomes.append(NameComparison(NameMatch.NMTC))
        else:
            left.remove(found[1])
            outcomes.append(NameComparison(found[0], found[1]))
    fitting = [one for one in outcomes if one.outcome != NameMatch.NMTC]
    if not fitting:
        return NameComparison(NameMatch.NMTC)
    if all(one.outcome == NameMatch.MTCH for one in outcomes):
        return NameComparison(NameMatch.MTCH)
    return NameComparison(NameMatch.CMTC, " / ".join(one.matched_name for one in fitting)[:LONGEST_NAME])


def _names_in(holder: str) -> list[tuple[str, bool]]:
    """All names by which an account may be known: the whole, each of several people, the business and its owner; and
    whether it is a name of several people."""
    business = _BEFORE_OWNER.split(holder)
    if len(business) == 2:
        return [(part.strip(" ,()"), False) for part in business] + [(holder, False)]
    people = _people_in(holder)
    return [(person, False) for person in people if len(people) > 1] + [(holder, len(people) > 1)]


def _people_in(name: str) -> list[str]:
    """``David und Dora Hoffmann`` as two people; the surname said once is everybody's. Empty for a company."""
    if parse_company(name).is_company or _BEFORE_OWNER.search(name):
        return []
    name = re.sub(r"\bvon und zu\b", "von zu", name, flags=re.IGNORECASE)
    parts = [part.strip(" ,") for part in _BETWEEN_HOLDERS.split(name) if part and part.strip(" ,")]
    if len(parts) < 2:
        return parts
    surname = _surname_of(parts[-1])
    return [part if len(parse_person(part).words) > 1 else f"{part} {surname}".strip() for part in parts]


def _surname_of(name: str) -> str:
    """All but the given names at the beginning."""
    chunks = name.split()
    while len(chunks) > 1 and _is_before_surname(chunks[0]):
        chunks.pop(0)
    if len(chunks) == len(name.split()) and len(chunks) > 1:
        chunks.pop(0)
    return " ".join(chunks)


def _is_before_surname(chunk: str) -> bool:
    word = Word(lower(chunk).strip("."))
    first = Word(lower(chunk).split("-")[0])
    return (
        word.is_in(lists.TITLES)
        or word.is_in(lists.GIVEN_NAMES)
        or first.is_in(lists.GIVEN_NAMES)
        or word.is_initial
    )
