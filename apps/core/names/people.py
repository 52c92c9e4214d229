"""Names of people: which differences leave somebody the same person, which are worth a question, which are not."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from apps.core.names import words as lists
from apps.core.names.letters import NAMES_KEPT, Word, is_same_word, lower, slips_between
from apps.core.names.rules import NameMatch

MAX_WORDS = 14  # Longer names do not exist; the work grows with the square of it.
_TWO_SLIPS_FROM = (
    12  # Letters in the whole name from which one slip in each of two words is still the same name.
)


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name in its parts; titles, salutations and names at birth are gone."""

    words: tuple[Word, ...]
    particles: frozenset[str]
    generation: int = 0


@lru_cache(maxsize=NAMES_KEPT)
def parse_person(name: str) -> PersonName:
    """The parts of a name. ``Schneider, Anna`` is turned round; a name in brackets is left out."""
    text = re.sub(r"\([^)]*\)", " ", lower(name))
    text = re.sub(r"(?<=\S\s)v\.(?=\s)", "von ", text)
    text = text.replace("von und zu", "von zu")
    text = re.sub(r"(?<=\w)'(?=\w)", "", text)
    text = re.sub(
        r"\b(h\.\s?c|[bm]\.\s?(?:a|sc|eng)|ph\.\s?d|ll\.\s?m)\b\.?", " dr ", text
    )  # A degree like another.
    family, comma, given = text.partition(",")
    if comma and "," not in given and _split(given) and not all(_is_title(word) for word in _split(given)):
        text = f"{given} {family}"
    parts = _split(text)
    for position, part in enumerate(parts):
        if position and part.is_in(lists.BIRTH_WORDS):
            parts = parts[:position]
            break
    generation = next((_generation(part) for part in parts[1:] if _generation(part)), 0)
    last = max((i for i, part in enumerate(parts) if not _is_degree(part)), default=0)
    kept = [part for i, part in enumerate(parts) if (i == last and i > 0) or not _is_title(part)]
    kept = [part for i, part in enumerate(kept) if not i or not _generation(part)]
    bare = [part for part in kept if part == kept[-1] or not part.is_in(lists.PARTICLES)]
    particles = frozenset(next(iter(sorted(part.spellings))) for part in kept if part not in bare)
    # A name that is made of particles only (Le Van) is a name all the same.
    return PersonName(
        tuple((bare if len(bare) > 1 or not particles else kept)[:MAX_WORDS]), particles, generation
    )


def compare_people(given: PersonName, holder: PersonName) -> NameMatch:
    """Match: every word is there, in any order. Close: the same person with an initial, a short form, a name more or
    less, or a slip of the finger. All else, and every other given name beside the same surname, is no match."""
    ours, theirs = _joined(given.words, holder.words), _joined(holder.words, given.words)
    if (
        not ours
        or not theirs
        or (given.generation and holder.generation and given.generation != holder.generation)
    ):
        return NameMatch.NMTC
    pairs, left_ours, left_theirs = _paired(list(ours), list(theirs))
    kinds = [pair.kind for pair in pairs]
    if not left_ours and not left_theirs and set(kinds) == {"same"}:
        is_whole = given.particles == holder.particles and given.generation == holder.generation
        return NameMatch.MTCH if is_whole else NameMatch.CMTC
    is_close = (
        _is_enough(pairs)
        and not (left_ours and left_theirs)
        and _has_surname(pairs, theirs)
        and _are_slips_bearable(pairs)
    )
    return NameMatch.CMTC if is_close else NameMatch.NMTC


@dataclass(frozen=True, slots=True)
class _Pair:
    ours: Word
    theirs: Word
    kind: str  # same, namesake, slip, initial
    slips: int = 0


def _paired(ours: list[Word], theirs: list[Word]) -> tuple[list[_Pair], list[Word], list[Word]]:
    """The words of both that belong together, the surest first, and what is left on each side."""
    pairs: list[_Pair] = []
    for find in (_as_same, _as_namesake, _as_slip, _as_initial):
        for one in list(ours):
            found = sorted(
                (pair for other in theirs if (pair := find(one, other)) is not None),
                key=lambda pair: pair.slips,
            )
            if found:
                pairs.append(found[0])
                ours.remove(one)
                theirs.remove(found[0].theirs)
    return pairs, ours, theirs


def _as_same(one: Word, other: Word) -> _Pair | None:
    return _Pair(one, other, "same") if is_same_word(one, other) else None


def _as_namesake(one: Word, other: Word) -> _Pair | None:
    alike = any((a, b) in lists.NAMESAKES for a in one.spellings for b in other.spellings)
    return _Pair(one, other, "namesake") if alike else None


def _as_slip(one: Word, other: Word) -> _Pair | None:
    # Anna and Hanna, Jan and Jana are sisters and brothers, not slips.
    if one.is_in(lists.GIVEN_NAMES) and other.is_in(lists.GIVEN_NAMES):
        return None
    slips = None if _differ_by_gender(one, other) else slips_between(one, other)
    return _Pair(one, other, "slip", slips) if slips else None


def _differ_by_gender(one: Word, other: Word) -> bool:
    """Ali and Alia: a given name and its form for the other sex."""
    if not one.is_in(lists.GIVEN_NAMES) and not other.is_in(lists.GIVEN_NAMES):
        return False
    return any(
        (a[:-1] == b and a[-1:] in "aeo") or (b[:-1] == a and b[-1:] in "aeo")
        for a in one.spellings
        for b in other.spellings
    )


def _as_initial(one: Word, other: Word) -> _Pair | None:
    if one.is_initial == other.is_initial:
        return None
    alike = {spelling[:1] for spelling in one.spellings} & {spelling[:1] for spelling in other.spellings}
    return _Pair(one, other, "initial") if alike else None


def _is_enough(pairs: Sequence[_Pair]) -> bool:
    """A surname alone names a family, and so does a surname with nothing but initials that nearly fit."""
    same = sum(pair.kind == "same" for pair in pairs)
    slips = [pair for pair in pairs if pair.kind == "slip"]
    long_enough = sum(pair.theirs.length for pair in pairs) >= _TWO_SLIPS_FROM
    return len(pairs) >= 2 and (
        (same >= 1 and len(pairs) - same <= 2) or (len(slips) == len(pairs) == 2 and long_enough)
    )


def _are_slips_bearable(pairs: Sequence[_Pair]) -> bool:
    slips = [pair.slips for pair in pairs if pair.kind == "slip"]
    return len(slips) <= 1 or (len(slips) == 2 and sum(slips) <= 2)


def _has_surname(pairs: Sequence[_Pair], theirs: Sequence[Word]) -> bool:
    """Whether a pair is the holder's surname: his last word or its parts, or another that is no given name."""
    last = len(theirs) - 1
    while last > 0 and theirs[last].after_hyphen:
        last -= 1
    tail = theirs[last:]
    return any(
        pair.kind != "initial" and (pair.theirs in tail or not pair.theirs.is_in(lists.GIVEN_NAMES))
        for pair in pairs
    )


def _joined(words: Sequence[Word], others: Sequence[Word]) -> tuple[Word, ...]:
    """Neighbours that the other side writes as one word, written as one: Hans-Peter and Hanspeter."""
    result: list[Word] = []
    for word in words:
        if result:
            both = Word(result[-1].text + word.text, result[-1].after_hyphen)
            if any(both.spellings & other.spellings for other in others):
                result[-1] = both
                continue
        result.append(word)
    return tuple(result)


def _split(text: str) -> list[Word]:
    parts: list[Word] = []
    for chunk in re.split(r"[\s.,/;:_\"]+", text):
        pieces = [piece for piece in re.split(r"-", chunk) if Word(piece).length]
        parts += [replace(Word(piece), after_hyphen=position > 0) for position, piece in enumerate(pieces)]
    return parts


def _is_title(word: Word) -> bool:
    return word.is_in(lists.TITLES)


def _is_degree(word: Word) -> bool:
    """What may stand after a name; a surname may look like any other title (Pastor, Pfarrer)."""
    return word.is_in(lists.DEGREES) or bool(_generation(word))


def _generation(word: Word) -> int:
    """Which of a family's bearers of one name, if the word tells it. Min-jun is no junior."""
    if word.after_hyphen:
        return 0
    return next((lists.GENERATIONS[one] for one in word.spellings if one in lists.GENERATIONS), 0)
