"""Is this customer's name one of those on a list? Pure: names in, scores out.

Names are brought to Latin letters and folded, so that order, case, marks, titles, company forms and the usual ways to
transliterate do not matter. A word resembles another by edit distance, or by having the same consonants. An index from
consonants to listed words finds the few listed names worth comparing; the list is never gone through per customer.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from anyascii import anyascii
from rapidfuzz.distance import OSA, JaroWinkler

SCORE_MIN = 86
WORD_LIKENESS_MIN = 0.82
# Each name the other side has more (a second first name, a patronymic) makes it a little less likely.
_EXTRA_WORD_COST, _EXTRA_COST_MAX = 4.0, 10.0
_WORDS_MAX = 12
_CACHED_WORDS_MAX = 200_000

_IGNORED = frozenset(
    (  # noqa: SIM905 - titles, company forms, particles: as literals they would fill a page
        "dr prof professor dipl ing mag mr mrs ms miss sir herr frau dott dottore don dona sheikh shaykh haji hajji"
        " mullah maulavi gen general col colonel capt jr sr phd md mba hc"
        " gmbh ag kg ohg gbr ug ek eg ev se sa sas sarl srl spa bv nv oy ab as aps plc ltd limited llc llp inc corp"
        " corporation co company pjsc jsc ooo oao zao pao fze fzco mbh"
        " al el ul the of and und de la le del der den von van zu bin ibn ben bint"
    ).split(" ")
)
_FOLDS = tuple(
    (re.compile(pattern), to)
    for pattern, to in (
        ("tsch|tch|cz|ch", "c"),
        ("sch|sh", "s"),
        ("kh|gh|ck|q", "k"),
        ("ph", "f"),
        ("th|dh", "t"),
        ("dj|zh|dzh", "j"),
        ("ts|tz", "z"),
        ("w", "v"),
        ("ks", "x"),
        ("y|j", "i"),
        ("ae", "a"),
        ("oe", "o"),
        ("ue|ou|oo", "u"),
        ("ee|ie|ei|ii", "i"),
        ("c(?=[aoukrl])", "k"),
    )
)
_DOUBLED = re.compile(r"(.)\1+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ABD = re.compile(r"\babd[ -]?[aeu][lrsn][ -]?(?=[a-z]{3})")  # "Abd al-Rahman", "Abd-ul Rahman": one name.
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_VOWELS_AND_H = re.compile(r"[aeiouh]")


@dataclass(frozen=True, slots=True)
class NameMatch:
    """A listed name that a customer's name resembles: which of the listed names, and how much (0 to 100)."""

    position: int
    score: int


class WordReason(StrEnum):
    """Why one word of a customer's name was taken for one of a listed name, or was not."""

    SAME = "same"
    SPELLING = "spelling"
    CONSONANTS = "consonants"
    SLIP = "slip"
    SIMILAR = "similar"
    BLANKS = "blanks"
    ONLY_CUSTOMER = "only_customer"
    ONLY_LISTED = "only_listed"


@dataclass(frozen=True, slots=True)
class WordMatch:
    """One word of each name, in Latin letters and lower case; empty where a word has no partner."""

    word: str
    listed_word: str
    reason: WordReason


def fold_word(word: str) -> str:
    """A Latin, lower-case word as it sounds: ways to transliterate become one."""
    for pattern, to in _FOLDS:
        word = pattern.sub(to, word)
    return _DOUBLED.sub(r"\1", word)


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name that tell people apart, in Latin letters and lower case."""
    latin = anyascii(name)
    if not name.isascii():
        latin = _CAMEL.sub(" ", latin)  # Scripts without blanks come out as "XiJinPing".
    latin = latin.lower().replace("'", "").replace("`", "")
    latin = _ABD.sub("abdul", latin)
    words = [word for word in _NOT_LETTERS.split(latin) if word]
    telling = [word for word in words if word not in _IGNORED and len(word) > 1]
    return tuple((telling or words)[:_WORDS_MAX])


def consonants_of(folded: str) -> str:
    """What stays of a folded word when vowels are taken out, except the first letter."""
    return folded[:1] + _VOWELS_AND_H.sub("", folded[1:])


def word_likeness(one: str, other: str) -> float:
    """How alike two words are, from 0 to 1."""
    return compare_words(one, other)[0]


def compare_words(one: str, other: str) -> tuple[float, WordReason]:
    """How alike two words are, from 0 to 1, and by what."""
    if one == other:
        return 1.0, WordReason.SAME
    a, b = fold_word(one), fold_word(other)
    if a == b:
        return 0.97, WordReason.SPELLING
    if min(len(a), len(b)) < 3:
        return 0.0, WordReason.SIMILAR
    likeness = OSA.normalized_similarity(a, b)
    skeleton = consonants_of(a)
    if len(skeleton) >= 3 and skeleton == consonants_of(b):
        return max(likeness, 0.9), WordReason.CONSONANTS
    reason = WordReason.SIMILAR
    if OSA.distance(a, b) == 1 and min(len(a), len(b)) >= 5:
        likeness, reason = max(likeness, 0.88), WordReason.SLIP
    return (likeness if JaroWinkler.similarity(a, b) >= 0.7 else 0.0), reason


def name_score(one: str, other: str) -> int:
    """How alike two names are, from 0 to 100; 0 unless the shorter one is found, word by word, in the other."""
    return _score(words_of(one), words_of(other), likeness=word_likeness)


def _score(one: tuple[str, ...], other: tuple[str, ...], *, likeness: Callable[[str, str], float]) -> int:
    if not one or not other:
        return 0
    joined_one, joined_other = "".join(one), "".join(other)
    # Blanks set otherwise: "Abd al Rahman" and "Abdulrahman", "Jin Ping" and "Jinping".
    joined = 0.0
    if len(one) != len(other) and min(len(joined_one), len(joined_other)) >= 6:
        joined = 98 * OSA.normalized_similarity(fold_word(joined_one), fold_word(joined_other))
        joined = joined if joined >= 90 else 0.0
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    if len(short) == 1 and len(long) > 1:
        return round(joined)  # A single word in a longer name tells nothing.
    pairs = _pair(short, long, likeness=likeness)
    if len(pairs) < len(short):
        return round(joined)
    total = sum(value * len(short[i]) for value, i, _k in pairs)
    extra = min(_EXTRA_WORD_COST * (len(long) - len(short)), _EXTRA_COST_MAX)
    return round(max(100 * total / sum(map(len, short)) - extra, joined))


def _pair(
    short: tuple[str, ...], long: tuple[str, ...], *, likeness: Callable[[str, str], float]
) -> list[tuple[float, int, int]]:
    """The words that go together, the likest first: (likeness, place in ``short``, place in ``long``)."""
    ranked = sorted(
        ((likeness(a, b), i, k) for i, a in enumerate(short) for k, b in enumerate(long)), reverse=True
    )
    pairs: list[tuple[float, int, int]] = []
    for value, i, k in ranked:
        if value < WORD_LIKENESS_MIN:
            break
        if all(i != other and k != other_k for _value, other, other_k in pairs):
            pairs.append((value, i, k))
    return pairs


def explain_match(name: str, listed_name: str) -> list[WordMatch]:
    """Word by word, in the order of the customer's name, why ``name`` resembles ``listed_name``.

    What only one of them has comes last. Names that are one when blanks are left out are told as one.
    """
    words, listed = words_of(name), words_of(listed_name)
    is_turned = len(words) > len(listed)
    short, long = (listed, words) if is_turned else (words, listed)
    pairs = _pair(short, long, likeness=word_likeness)
    are_paired = len(pairs) == len(short) and (len(short) > 1 or len(long) == 1)
    if not are_paired and _score(words, listed, likeness=word_likeness):
        return [WordMatch(" ".join(words), " ".join(listed), WordReason.BLANKS)]
    places = sorted((k, i) if is_turned else (i, k) for _value, i, k in pairs)
    matches = [WordMatch(words[i], listed[k], compare_words(words[i], listed[k])[1]) for i, k in places]
    taken, taken_listed = {i for i, _k in places}, {k for _i, k in places}
    matches += [
        WordMatch(word, "", WordReason.ONLY_CUSTOMER) for i, word in enumerate(words) if i not in taken
    ]
    matches += [
        WordMatch("", word, WordReason.ONLY_LISTED) for k, word in enumerate(listed) if k not in taken_listed
    ]
    return matches


class NameIndex:
    """Listed names, ready to be searched. Built once per list; memory grows with the list, not with the customers."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = [words_of(name) for name in names]
        self._names_with_word: dict[str, set[int]] = defaultdict(set)
        self._joined: dict[str, set[int]] = defaultdict(set)
        for position, words in enumerate(self._names):
            for word in words:
                self._names_with_word[word].add(position)
            if words:
                self._joined[consonants_of(fold_word("".join(words)))].add(position)
        self._words_by_key: dict[str, set[str]] = defaultdict(set)
        for word in self._names_with_word:
            for key in _keys(word):
                self._words_by_key[key].add(word)
        self._like: dict[str, dict[str, float]] = {}

    def __len__(self) -> int:
        return len(self._names)

    def search(self, name: str) -> list[NameMatch]:
        """The listed names that ``name`` resembles by ``SCORE_MIN`` or more."""
        words = words_of(name)
        if not words:
            return []
        found: dict[int, int] = defaultdict(int)
        like = [self._like_words(word) for word in words]
        for listed_words in like:
            positions: set[int] = set()
            for listed in listed_words:
                positions |= self._names_with_word[listed]
            for position in positions:
                found[position] += 1
        candidates = {
            position
            for position, count in found.items()
            if count >= min(len(words), len(self._names[position]))
        } | self._joined.get(consonants_of(fold_word("".join(words))), set())
        known = dict(zip(words, like, strict=True))

        def likeness(one: str, other: str) -> float:
            return max(known.get(one, {}).get(other, 0.0), known.get(other, {}).get(one, 0.0))

        matches = [
            NameMatch(position, _score(words, self._names[position], likeness=likeness))
            for position in candidates
        ]
        return [match for match in matches if match.score >= SCORE_MIN]

    def _like_words(self, word: str) -> dict[str, float]:
        """The listed words that resemble ``word``; names repeat among customers, so it is remembered."""
        known = self._like.get(word)
        if known is None:
            listed = {other for key in _keys(word) for other in self._words_by_key.get(key, ())}
            known = {
                other: value for other in listed if (value := word_likeness(word, other)) >= WORD_LIKENESS_MIN
            }
            if len(self._like) >= _CACHED_WORDS_MAX:
                self._like.clear()
            self._like[word] = known
        return known


def _keys(word: str) -> set[str]:
    """Under what a word is found: its consonants, and those with one left out, which meets any one mistake."""
    skeleton = consonants_of(fold_word(word))
    keys = {skeleton}
    if len(skeleton) >= 3:
        keys |= {skeleton[:i] + skeleton[i + 1 :] for i in range(len(skeleton))}
    return keys
