"""``make messages``: collect the texts to translate and compile the translations.

Collecting needs GNU gettext. The compiled files are in the repository, because a machine that only runs the
bank has no gettext. With ``--check`` nothing is written: it shows that every text is translated and the
compiled files are those of the sources.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polib
from django.utils.translation.template import templatize

from deploy.local.config import ROOT
from deploy.local.console import Refusal, say, sentences

LANGUAGE = "de"
_IGNORED = ("node_modules", ".venv", "var", "tests", "benchmarks", "deploy", "examples")
# Doors for programs answer in English, whatever a call's Accept-Language (apps.web.middleware).
_ENGLISH_ONLY = ("apps/xs2a",)


def _catalogues() -> list[Path]:
    return sorted(
        path
        for path in ROOT.rglob(f"locale/{LANGUAGE}/LC_MESSAGES/*.po")
        if not set(path.relative_to(ROOT).parts) & set(_IGNORED)
    )


_MARKS = re.compile(r"%\(\w+\)[sd]|%%|%[sd]|</?[a-z]+[^>]*>")


def _marks(text: str) -> Counter[str]:
    """Placeholders and markup: what a translation has to keep, each as often as its source."""
    return Counter(_MARKS.findall(text))


def _mistakes(entry: polib.POEntry) -> Iterator[str]:
    """What a translation has that its source has not, or the other way round."""
    if not entry.msgid_plural:
        if _marks(entry.msgstr) != _marks(entry.msgid):
            yield f"other placeholders or markup than in {entry.msgid!r}: {entry.msgstr!r}"
        return
    sources = (_marks(entry.msgid), _marks(entry.msgid_plural))
    for form, text in entry.msgstr_plural.items():
        if _marks(text) not in sources:  # "one minute" needs no number.
            yield f"other placeholders or markup than in {entry.msgid!r}, form {form}: {text!r}"
    if len(entry.msgstr_plural) != len(sources) or not all(entry.msgstr_plural.values()):
        yield f"a plural form is missing: {entry.msgid!r}"


def problems() -> list[str]:
    """What is wrong with the translations, one line each."""
    found = []
    catalogues = _catalogues()
    if not catalogues:
        return [f"No catalogue locale/{LANGUAGE}/LC_MESSAGES/django.po."]
    for path in catalogues:
        name = path.relative_to(ROOT)
        source = polib.pofile(str(path))
        known = {(entry.msgctxt, entry.msgid) for entry in source if not entry.obsolete}
        found += [f"{name}: not collected: {text!r}" for context, text in _texts() - known]
        found += [f"{name}: not translated: {entry.msgid!r}" for entry in source.untranslated_entries()]
        found += [
            f"{name}: to be looked at again (fuzzy): {entry.msgid!r}" for entry in source.fuzzy_entries()
        ]
        for entry in source.translated_entries():
            found += [f"{name}: {mistake}" for mistake in _mistakes(entry)]
        compiled = path.with_suffix(".mo")
        if not compiled.is_file():
            found.append(f"{compiled.relative_to(ROOT)} is missing: run `make messages`.")
        elif _contents(polib.mofile(str(compiled))) != _contents(source):
            found.append(
                f"{compiled.relative_to(ROOT)} is not compiled from its source: run `make messages`."
            )
    return found


def _texts() -> set[tuple[str | None, str]]:
    """The marked texts of code and templates with their contexts, found without GNU gettext."""
    found: set[tuple[str | None, str]] = set()
    for path in (*ROOT.glob("apps/**/*.py"), *ROOT.glob("bankportal/*.py")):
        if not str(path.relative_to(ROOT)).startswith(_ENGLISH_ONLY):
            found.update(_texts_of_python(path.read_text()))
    for path in (*ROOT.glob("templates/**/*.html"), *ROOT.glob("templates/**/*.txt")):
        found.update(_texts_of_template(path.read_text()))
    return found


def _texts_of_python(code: str) -> Iterator[tuple[str | None, str]]:
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        texts = [
            argument.value
            for argument in node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
        if name.removesuffix("_lazy") in ("_", "gettext", "ngettext") and texts:
            yield None, texts[0]
        elif name.removesuffix("_lazy") in ("pgettext", "npgettext") and len(texts) > 1:
            yield texts[0], texts[1]


# What Django makes of a template for xgettext: calls among dots that keep the places.
_CALL = re.compile(
    r"""\b(p?)(?:n?)gettext\(((?:u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?:, ?)?)+)""", re.DOTALL
)


def _texts_of_template(source: str) -> Iterator[tuple[str | None, str]]:
    for in_context, arguments in _CALL.findall(templatize(source)):
        texts = ast.literal_eval(f"({arguments.rstrip(', ')},)")
        yield (texts[0], texts[1]) if in_context else (None, texts[0])


def _contents(catalogue: "polib.POFile | polib.MOFile") -> dict[tuple[str | None, str], object]:
    return {
        (entry.msgctxt, entry.msgid): entry.msgstr or dict(entry.msgstr_plural)
        for entry in catalogue.translated_entries()
    }


def collect() -> None:
    """Rewrite the catalogues from the code and compile them.

    :raises Refusal: GNU gettext is missing, or a catalogue is broken.
    """
    if not shutil.which("xgettext") or not shutil.which("msgfmt"):
        raise Refusal(
            "Collecting texts needs GNU gettext (programs xgettext and msgfmt): install the package gettext."
        )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.static_settings",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    }
    ignored = [argument for name in (*_IGNORED, *_ENGLISH_ONLY) for argument in ("--ignore", f"{name}/*")]
    for command in (
        [
            "makemessages",
            "--locale",
            LANGUAGE,
            "--add-location",
            "file",
            "--no-obsolete",
            "--no-wrap",
            *ignored,
        ],
        ["compilemessages", "--locale", LANGUAGE, *ignored],
    ):
        done = subprocess.run([sys.executable, str(ROOT / "manage.py"), *command], cwd=ROOT, env=environment)
        if done.returncode:
            raise Refusal(f"manage.py {command[0]} failed; its reason stands above.")


def main() -> int:
    """Collect and compile, or check."""
    options = argparse.ArgumentParser(description="Collect and compile the translations.")
    options.add_argument("--check", action="store_true", help="write nothing, show what is missing")
    chosen = options.parse_args()
    with sentences():
        if not chosen.check:
            collect()
        found = problems()
        for line in found:
            say(line)
        return 1 if found and chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
