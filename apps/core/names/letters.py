"""Letters: one word of a name in every script, as the Latin spellings that people use for it."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from anyascii import anyascii
from rapidfuzz.distance import OSA

# Letters that languages write out in two ways: with a second letter, or without the mark.
_WRITTEN_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe", "ß": "ss", "đ": "dj"}
)
_BARE = str.maketrans(
    {"ä": "a", "ö": "o", "ü": "u", "å": "a", "ø": "o", "æ": "a", "œ": "o", "ß": "ss", "đ": "d", "ı": "i"}
)
# The usual mixture: the marks go, the letters that look like two become two.
_USUAL = str.maketrans({"æ": "ae", "œ": "oe", "å": "a", "ø": "o", "ö": "o", "ä": "a", "ü": "u", "ß": "ss"})
_OTHER_SCRIPT = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff\u0400-\u052f]")
_GREEK_LETTER = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")
# Greek digraphs that are read as one sound (ELOT 743); the library goes letter by letter.
_GREEK = (("ου", "u"), ("ευ", "ev"), ("αυ", "av"), ("μπ", "b"), ("ντ", "nt"), ("γγ", "ng"), ("γκ", "gk"))
# Spellings of one sound of Cyrillic or Greek in English, German, French and scholarly transliteration.
_SOUNDS = """
    ei:i ey:i ej:i schtsch:s shch:s stsch:s tsch:h tch:h tsh:h sch:s sh:s zh:s kh:h ch:h ts:z tz:z
    ph:f th:t ou:u gg:g ng:g gk:g mp:b ks:x w:v yi:i iy:i ij:i yo:o jo:o eo:o yu:iu ju:iu ya:ia
    ja:ia ye:e je:e ie:e io:o c:k y:i j:i
"""
# How many names are kept in their parts: within one comparison the same is taken apart several times, and in a file of
# payments the holder's name for every payee.
NAMES_KEPT = 2_000
_SOUND_PAIRS = tuple(pair.partition(":") for pair in _SOUNDS.split())


@dataclass(frozen=True)
class Word:
    """One word of a name. ``text`` is in lower case and may be of any script."""

    text: str
    after_hyphen: bool = field(default=False, compare=False)

    @cached_property
    def spellings(self) -> frozenset[str]:
        """The Latin spellings: Müller is mueller and muller, Søren is soeren and soren."""
        if self.text.isascii():
            return frozenset({_ascii(self.text)})
        if self.is_other_script:
            # Accents of Greek would part its digraphs; those of Cyrillic make other letters.
            text = _without_accents(self.text) if _GREEK_LETTER.search(self.text) else self.text
            for letters, sound in _GREEK:
                text = text.replace(letters, sound)
            return frozenset({_ascii(text)})
        return frozenset(
            _ascii(text.translate(table))
            for table in (_WRITTEN_OUT, _BARE, _USUAL)
            for text in {self.text, self.text.replace("ß", "s")}
        )

    @cached_property
    def is_other_script(self) -> bool:
        """Greek or Cyrillic."""
        return bool(_OTHER_SCRIPT.search(self.text))

    @cached_property
    def sound(self) -> str:
        """A key that the usual transliterations of one Greek or Cyrillic name have in common."""
        text = min(self.spellings)
        for letters, _, one in _SOUND_PAIRS:
            text = text.replace(letters, one)
        return re.sub(r"(.)\1", r"\1", text)

    @property
    def is_initial(self) -> bool:
        return len(self.text) == 1 and self.text.isalpha()

    @property
    def length(self) -> int:
        return max(map(len, self.spellings))

    def is_in(self, words: "frozenset[str] | dict[str, int]") -> bool:
        """Whether one of its spellings is in a list (of ASCII, lower case)."""
        return any(spelling in words for spelling in self.spellings)


def is_same_word(one: Word, other: Word) -> bool:
    """Same word up to marks, umlauts and transliteration."""
    if one.spellings & other.spellings:
        return True
    return one.is_other_script != other.is_other_script and one.sound == other.sound


def slips_between(one: Word, other: Word) -> int | None:
    """How many slips of the finger lie between two words (a swap of neighbours is one); None: it is another word.

    Up to three letters none is forgiven, up to seven one, then two. The first letter is hardly ever wrong.
    """
    allowed = 0 if (length := max(one.length, other.length)) <= 3 else 1 if length <= 7 else 2
    best: int | None = None
    for left in one.spellings:
        for right in other.spellings:
            slips = OSA.distance(left, right, score_cutoff=allowed)
            starts_alike = left[:1] == right[:1] or (slips == 1 and length >= 8)
            if 0 < slips <= allowed and starts_alike and (best is None or slips < best):
                best = slips
    return best


def lower(text: str) -> str:
    """Compatibility forms, typographic apostrophes and dashes, and capital letters made plain."""
    text = unicodedata.normalize("NFKC", text)
    return unicodedata.normalize("NFC", re.sub(r"[’‘´`ʼ]", "'", re.sub(r"[‐‑–—]", "-", text)).lower())


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


@lru_cache(maxsize=NAMES_KEPT)
def _ascii(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", anyascii(text).lower())
