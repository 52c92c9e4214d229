"""The German catalogue: complete, compiled, and written as a bank writes. None of this needs GNU gettext."""

import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest

from deploy.local.config import ROOT
from deploy.local.messages import problems

CATALOGUE = ROOT / "locale" / "de" / "LC_MESSAGES" / "django.po"
TEMPLATES = sorted(path for kind in ("html", "txt") for path in ROOT.glob(f"templates/**/*.{kind}"))

# Equal in both languages: names, abbreviations, words of the protocols, and words that German took over.
SAME = re.compile(
    r"(%\(\w+\)s|TPPs?|API|App|Apps|IBAN|ID|BIC|Code|Name|Portal|Sandbox|Start|Status|PSU-ID-Token|Clearing|Cookies|Token"
    r"|Tokens: client_credentials, authorization_code, refresh_token|NextGenPSD2 XS2A Framework: .*|OAuth|Filter"
    r"|Open Banking|TARGET|code|name|app|[Pp]asskeys?)"
)
# Words that give away a sentence that stayed English.
ENGLISH = re.compile(r"\b(the|and|of|your|you|with|is|are|been|please|from|this|that|not|payee|consent)\b")
# The literals of code and protocol inside a German sentence.
LITERAL = re.compile(r"%\(\w+\)s|<[^>]+>|\S*[_/<>{}]\S*|-----[A-Z ]+-----|The Berlin Group")


def texts() -> Iterator[tuple[str, str]]:
    """Every source with each of its German forms."""
    for entry in polib.pofile(str(CATALOGUE)):
        for text in [entry.msgstr] if entry.msgstr else entry.msgstr_plural.values():
            yield entry.msgid, text


def test_every_text_is_collected_translated_and_compiled() -> None:
    assert problems() == []


def test_no_guess_of_the_tools_and_no_leftover_is_in_the_catalogue() -> None:
    catalogue = polib.pofile(str(CATALOGUE))
    assert not catalogue.fuzzy_entries()
    assert not catalogue.obsolete_entries()
    assert not catalogue.metadata_is_fuzzy
    assert catalogue.metadata["Language"] == "de"


class TestTheWords:
    def test_no_sentence_stayed_english(self) -> None:
        left = [text for _, text in texts() if ENGLISH.search(LITERAL.sub("", text))]
        assert left == []

    def test_only_names_and_words_of_the_protocols_are_equal_in_both_languages(self) -> None:
        assert [text for source, text in texts() if text == source and not SAME.fullmatch(text)] == []

    def test_customers_are_addressed_formally(self) -> None:
        assert [
            text for _, text in texts() if re.search(r"\b([Dd]u|[Dd]ein\w*|[Dd]ir|[Dd]ich)\b", text)
        ] == []

    def test_quotation_marks_and_dashes_are_german(self) -> None:
        """„So“, and straight ones only in what is typed into a machine."""
        wrong = [text for _, text in texts() if re.search(r"[\"”»«]|'|\w - \w|—", LITERAL.sub("", text))]
        assert wrong == []
        assert [text for _, text in texts() if text.count("„") != text.count("“")] == []

    def test_what_belongs_together_is_not_broken_apart(self) -> None:
        """``z. B.``, ``Art. 68``, ``5 Minuten``, ``100 €`` with a blank that does not break."""
        loose = re.compile(r"z\. ?B\.|\b(Art|Abs|Nr)\. \d|\d (Minute|Stunde|Tag|Sekunde|Euro|Zeichen|€)")
        assert [text for _, text in texts() if loose.search(text)] == []

    @pytest.mark.parametrize(
        "entry", [e for e in polib.pofile(str(CATALOGUE)) if e.msgctxt == "short menu label"]
    )
    def test_labels_of_the_phones_menu_have_at_most_ten_letters(self, entry: polib.POEntry) -> None:
        assert len(entry.msgstr) <= 10

    def test_a_sentence_ends_as_its_source_does(self) -> None:
        ends = {source: text for source, text in texts() if (source[-1] in ".?!:") != (text[-1] in ".?!:")}
        assert ends == {}


class TestTheTemplates:
    """A heuristic: letters outside of tags are words that nobody marked."""

    # Names and abbreviations that are the same in every language, as they stand in templates.
    NAMES = frozenset({"BIC", "IBAN"})
    # Attributes that people read. A bare name is a variable that a component is given.
    READ = re.compile(r"""(?<![\w:-])(?:title|aria-label|placeholder|alt|label|hint|caption)="([^"{]*)\"""")
    SAMPLES = re.compile(r"PSDDE-BAFIN-123456|[\w.]+|Python: \w+\.py|Shell: \w+\.sh|Shell|JSON|IBAN|\.env")

    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
    def test_hold_no_word_outside_of_trans_tags(self, path: Path) -> None:
        assert list(self.bare_words(path.read_text())) == []

    def bare_words(self, source: str) -> Iterator[str]:
        source = re.sub(r"\{#.*?#\}", "", source, flags=re.DOTALL)
        source = re.sub(r"\{% block(?!trans)\w* \w*class %\}.*?\{% endblock\w* %\}", "", source)
        source = re.sub(r"\{% blocktrans.*?\{% endblocktrans\w* %\}", "", source, flags=re.DOTALL)
        yield from (text for text in self.READ.findall(source) if not self.SAMPLES.fullmatch(text) and text)
        source = re.sub(r"\{[%{].*?[%}]\}", "", source, flags=re.DOTALL)
        source = re.sub(
            r"<(script|style|code|pre|kbd)\b.*?</\1>|<[^>]*>|&\w+;", "\n", source, flags=re.DOTALL
        )
        for word in re.findall(r"[^\W\d_]{2,}", source):
            if word not in self.NAMES:
                yield word
