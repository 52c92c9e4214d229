"""Names of companies: the legal form, what it is called, and what it merely does."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from apps.core.names import words as lists
from apps.core.names.letters import NAMES_KEPT, Word, is_same_word, lower, slips_between
from apps.core.names.rules import NameMatch

MAX_WORDS = 20
_FORMS = sorted(
    (
        (tuple(spelling.split()), form)
        for form, spellings in lists.LEGAL_FORMS.items()
        for spelling in spellings
    ),
    key=lambda entry: -len(entry[0]),
)
# By their first word, so that a name is not held against four hundred forms that cannot stand in it.
_FORMS_FROM: dict[str, list[int]] = {}
for _place, (_pattern, _form) in enumerate(_FORMS):
    _FORMS_FROM.setdefault(_pattern[0], []).append(_place)
_ROMAN = frozenset(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"])


@dataclass(frozen=True, slots=True)
class CompanyName:
    """``form`` is empty when none is named; ``words`` are the rest without connecting words."""

    words: tuple[Word, ...]
    form: str
    has_link: bool = False  # And, &: several names in one.

    @property
    def is_company(self) -> bool:
        """Whether a form or the kind of business tells that this is no private person."""
        return bool(self.form) or any(_is_business(word) for word in self.words)

    @property
    def is_called_like_person(self) -> bool:
        """Anna Schneider GmbH."""
        return len(self.words) >= 2 and not self.has_link and self.words[0].is_in(lists.GIVEN_NAMES)


@lru_cache(maxsize=NAMES_KEPT)
def parse_company(name: str) -> CompanyName:
    """The name in its parts, wherever the legal form stands in it and however it is written."""
    text = re.sub(r"(?<=\w)'(?=\w)", "", lower(name))
    text = re.sub(r"[&+]", " & ", text)
    text = re.sub(
        r"\.(?=\w)", ". ", text
    )  # e.K. and s.p.a. come to pieces, as those who write e. K. have it.
    tokens = [Word(token) for token in re.split(r"[\s.,;:()/\"_-]+", text) if token]
    spelt = [_spelling(token) for token in tokens]
    form = ""
    possible = sorted({place for word in spelt for place in _FORMS_FROM.get(word, ())})
    for pattern, canonical in (_FORMS[place] for place in possible):
        if form:
            break
        for start in range(len(tokens) - len(pattern), 0 if len(tokens) > len(pattern) else -1, -1):
            if tuple(spelt[start : start + len(pattern)]) != pattern or not _may_be_form(
                canonical, start, spelt, pattern
            ):
                continue
            form = canonical
            del tokens[start : start + len(pattern)], spelt[start : start + len(pattern)]
            break
    kept = [word for word in tokens if word.text != "&" and not word.is_in(lists.CONNECTORS) and word.length]
    words = tuple(Word(lists.SHORTENED.get(_spelling(word), word.text)) for word in kept[:MAX_WORDS])
    return CompanyName(words, form, has_link=any(word.text in ("&", "und", "and") for word in tokens))


def is_legal_person(name: str) -> bool:
    """Whether a name's legal form says that it is nobody's own: not a sole trader's, who is his business."""
    form = parse_company(name).form
    return bool(form) and form not in lists.SOLE_TRADERS


def compare_companies(given: CompanyName, holder: CompanyName) -> NameMatch:
    """Match: all words are there, and no other legal form is named. Close: another form, a slip, a describing word
    more or less, the initials. What a business does is never enough to be the same one; numbers must agree."""
    ours, theirs = _joined(given.words, holder.words), _joined(holder.words, given.words)
    if not ours or not theirs:
        return NameMatch.NMTC
    if _are_same(ours, theirs):
        return _by_form(given, holder)
    if given.form and holder.form and given.form != holder.form:
        return NameMatch.NMTC
    least = 2 if given.form and given.form == holder.form else 3
    if _are_initials(ours, theirs, least=least) or _are_initials(theirs, ours, least=least):
        return NameMatch.CMTC
    return NameMatch.CMTC if _are_close(list(ours), list(theirs)) else NameMatch.NMTC


def _by_form(given: CompanyName, holder: CompanyName) -> NameMatch:
    if given.form == holder.form:
        return NameMatch.MTCH
    if given.form and holder.form:
        return NameMatch.CMTC
    named = given.form or holder.form
    bare = holder if given.form else given
    if not bare.is_called_like_person or any(_is_business(word) for word in bare.words):
        # Those who pay leave the form out; a bank that keeps the account does not.
        return NameMatch.MTCH if holder.form else NameMatch.CMTC
    if named in lists.SOLE_TRADERS:
        return NameMatch.MTCH if holder.form else NameMatch.CMTC
    # A person is not the company that bears his name.
    return NameMatch.CMTC if holder.form else NameMatch.NMTC


def _are_close(ours: list[Word], theirs: list[Word]) -> bool:
    telling = distinct = slips = 0
    for one in list(ours):
        other = next((other for other in theirs if is_same_word(one, other)), None)
        if other is not None:
            ours.remove(one)
            theirs.remove(other)
            distinct += 1
            telling += not _is_business(one)
    for one in list(ours):
        near = (
            (other, slips_between(one, other))
            for other in theirs
            if not _is_number(one) and not _is_number(other)
        )
        other, missed = next(((other, missed) for other, missed in near if missed), (None, 0))
        if other is not None and not (_is_business(one) and _is_business(other)):
            ours.remove(one)
            theirs.remove(other)
            slips += missed or 0
            telling += not _is_business(other)
    left = ours + theirs
    if (ours and theirs) or any(_is_number(word) for word in left) or slips > 2 or not telling:
        return False
    return all(_is_business(word) for word in left) or (telling >= 2 and distinct >= 2 and len(left) <= 2)


def _are_same(ours: Sequence[Word], theirs: Sequence[Word]) -> bool:
    left = list(theirs)
    for one in ours:
        other = next((other for other in left if is_same_word(one, other)), None)
        if other is None:
            return False
        left.remove(other)
    return not left


def _are_initials(short: Sequence[Word], long: Sequence[Word], *, least: int) -> bool:
    """BMW for Bayerische Motoren Werke."""
    if len(short) != 1 or not least <= len(long) <= 6:
        return False
    initials = "".join(min(word.spellings)[:1] for word in long)
    return initials in short[0].spellings


def _joined(words: Sequence[Word], others: Sequence[Word]) -> tuple[Word, ...]:
    result: list[Word] = []
    for word in words:
        if result:
            both = Word(result[-1].text + word.text)
            if any(both.spellings & other.spellings for other in others):
                result[-1] = both
                continue
        result.append(word)
    return tuple(result)


def _may_be_form(form: str, start: int, spelt: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether these letters stand where a form stands: short ones at the end, and not after one given name alone."""
    at_end = start + len(pattern) == len(spelt)
    if form not in lists.SHORT_FORMS and sum(map(len, pattern)) > 2:
        return True
    lone_given_name = start == 1 and spelt[0] in lists.GIVEN_NAMES
    return at_end and start > 0 and not lone_given_name


def _is_business(word: Word) -> bool:
    by_ending = any(len(one) >= 8 and one.endswith(lists.BUSINESS_ENDINGS) for one in word.spellings)
    return by_ending or word.is_in(lists.BUSINESS_WORDS)


def _is_number(word: Word) -> bool:
    return any(character.isdigit() for character in word.text) or word.text in _ROMAN


def _spelling(word: Word) -> str:
    """The one spelling that the lists have: without marks."""
    return "&" if word.text == "&" else min(word.spellings, key=len)
