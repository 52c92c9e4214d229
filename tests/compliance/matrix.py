"""Which demand is shown by which tests: reads the register and the tests' markers, writes the matrix.

The register is docs/compliance/requirements/*.yaml; a test cites demands by ``@pytest.mark.req("S0-31")``. Tests are
parsed, not run: no database is needed, and a test that is skipped somewhere still counts as written.

    python -m tests.compliance.matrix            write docs/compliance/matrix.md
    python -m tests.compliance.matrix --check    end with 1 if it is out of date or the register is broken
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests"
REGISTER = ROOT / "docs" / "compliance" / "requirements"
MATRIX = ROOT / "docs" / "compliance" / "matrix.md"

# In this order on the page. A file of the register that is missing here is a fault.
FAMILIES = ("S0", "S1", "S3", "N", "RTS", "P", "PAD", "IPR", "R0", "AS-TRAP", "AS")
STATUSES = ("shown", "later", "bank-duty", "n/a")


@dataclass(frozen=True)
class Demand:
    """One entry of the register."""

    id: str
    status: str
    text: str
    work: str = ""
    note: str = ""


@dataclass(frozen=True)
class Citation:
    """A test, or a class or file of tests, that cites a demand."""

    demand: str
    path: str
    test: str
    line: int = field(compare=False, default=0)


@dataclass(frozen=True)
class Family:
    """The demands of one source."""

    name: str
    title: str
    source: str
    demands: tuple[Demand, ...]


class Broken(Exception):
    """The register or a marker is wrong; ``faults`` says each in a sentence."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


# The register ----------------------------------------------------------------------------------------


def read_register(folder: Path = REGISTER) -> list[Family]:
    """All families, checked.

    :raises Broken: unknown statuses or works, doubled ids, missing reasons.
    """
    works = read_works(folder)
    families, faults, seen = [], [], set()
    present = {path.stem for path in folder.glob("*.yaml")} - {"works"}
    faults += [
        f"{name}.yaml is not in FAMILIES of tests/compliance/matrix.py" for name in present - {*FAMILIES}
    ]
    for name in FAMILIES:
        if name not in present:
            faults.append(f"{name}.yaml is missing")
            continue
        raw = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
        demands = tuple(Demand(**entry) for entry in raw["entries"])
        for demand in demands:
            faults += [f"{demand.id}: {fault}" for fault in _faults_of(demand, family=name, works=works)]
            if demand.id in seen:
                faults.append(f"{demand.id}: stands there twice")
            seen.add(demand.id)
        families.append(Family(name=name, title=raw["title"], source=raw["source"], demands=demands))
    if faults:
        raise Broken(faults)
    return families


def read_works(folder: Path = REGISTER) -> dict[str, str]:
    """The later works by their short name."""
    works: dict[str, str] = yaml.safe_load((folder / "works.yaml").read_text(encoding="utf-8"))
    return works


def _faults_of(demand: Demand, *, family: str, works: dict[str, str]) -> Iterator[str]:
    separator = "" if family == "N" else "-"
    if not re.fullmatch(re.escape(family + separator) + r"[0-9]+[a-z]?(\([0-9a-z]+\))*", demand.id):
        yield f"does not look like an id of {family}"
    if demand.status not in STATUSES:
        yield f"status {demand.status!r} is none of {', '.join(STATUSES)}"
    if (demand.status == "later") != bool(demand.work):
        yield "a later demand, and only that, names its work"
    if demand.work and demand.work not in works:
        yield f"work {demand.work!r} is not in works.yaml"
    if demand.status == "n/a" and not demand.note:
        yield "says not why it does not apply"


# The markers -----------------------------------------------------------------------------------------


def collect_citations(folder: Path = TESTS, root: Path = ROOT) -> list[Citation]:
    """Every ``pytest.mark.req`` below ``folder``: on tests, classes, parameters and whole files.

    :raises Broken: a file that cannot be parsed, or a marker whose ids are not written out.
    """
    found: list[Citation] = []
    faults: list[str] = []
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(root).as_posix()
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"), filename=place)
        except SyntaxError as error:
            faults.append(f"{place}:{error.lineno}: cannot be parsed")
            continue
        for name, call in sorted(markers_of(tree, "req"), key=lambda marker: marker[1].lineno):
            if not call.args or not all(_is_text(argument) for argument in call.args):
                faults.append(f"{place}:{call.lineno}: write the ids out, as plain texts")
                continue
            found += [Citation(arg.value, place, name, call.lineno) for arg in call.args]  # type: ignore[attr-defined]
    if faults:
        raise Broken(faults)
    return found


def markers_of(tree: ast.Module, marker: str) -> Iterator[tuple[str, ast.Call]]:
    """Each ``pytest.mark.<marker>(...)`` with the name of what it stands on: the innermost function or class."""

    def visit(node: ast.AST, owner: tuple[str, ...]) -> Iterator[tuple[str, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            inside = owner
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inside = (*owner, child.name)
            if isinstance(child, ast.Call) and _is_marker(child.func, marker):
                yield "::".join(owner), child
            yield from visit(child, inside)

    yield from visit(tree, ())


def _is_marker(node: ast.expr, marker: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == marker
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "mark"
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


# Both together ---------------------------------------------------------------------------------------


def is_about(cited: str, demand: str) -> bool:
    """Whether a marker's id stands for a demand: the same, a paragraph of it, or the article it is a paragraph of."""
    return cited == demand or cited.startswith(f"{demand}(") or demand.startswith(f"{cited}(")


def match(families: list[Family], citations: list[Citation]) -> dict[str, list[Citation]]:
    """The citations of each demand, without doubles, in the order of the files.

    :raises Broken: a marker with an unknown id, or a demand said to be shown that no test cites.
    """
    demands = [demand for family in families for demand in family.demands]
    tests: dict[str, list[Citation]] = defaultdict(list)
    faults = []
    for citation in citations:
        about = [demand for demand in demands if is_about(citation.demand, demand.id)]
        if not about:
            faults.append(f"{citation.path}:{citation.line}: the register knows no {citation.demand}")
        for demand in about:
            known = {(earlier.path, earlier.test) for earlier in tests[demand.id]}
            if (citation.path, citation.test) not in known:
                tests[demand.id].append(citation)
    faults += [
        f"{demand.id}: is said to be shown, and no test cites it"
        for demand in demands
        if demand.status == "shown" and not tests[demand.id]
    ]
    if faults:
        raise Broken(faults)
    return dict(tests)


def render(families: list[Family], tests: dict[str, list[Citation]], works: dict[str, str]) -> str:
    """The page. Without line numbers and dates, so that it changes only when the answer does."""
    lines = [
        "# Demands and the tests that show them",
        "",
        "Generated by `make compliance` from [the register](requirements/) and the `@pytest.mark.req` markers of the"
        " tests; `make test` fails when it is out of date. How to read it: [README](README.md).",
        "",
        "| Family | Demands | Shown | Later, shown in part | Later | Duty of the bank | Not applicable |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for family in families:
        states = [_state(demand, tests) for demand in family.demands]
        counts = [states.count(state) for state in ("shown", "in part", "later", "bank-duty", "n/a")]
        cells = " | ".join(str(number) for number in (len(states), *counts))
        lines.append(f"| [{family.name}](#{_anchor(family.title)}) | {cells} |")
    lines += ["", "Later works:", ""]
    lines += [f"- **{name}**: {title}" for name, title in works.items()]
    for family in families:
        lines += ["", f"## {family.title}", "", f"Source: {family.source}.", ""]
        lines += ["| Demand | In our words | State | Tests |", "|---|---|---|---|"]
        for demand in family.demands:
            note = f"<br>*{_cell(demand.note)}*" if demand.note else ""
            shown_by = _links(tests.get(demand.id, []))
            state = _state_text(demand, tests)
            lines.append(f"| {demand.id} | {_cell(demand.text)}{note} | {state} | {shown_by} |")
    return "\n".join(lines) + "\n"


def _state(demand: Demand, tests: dict[str, list[Citation]]) -> str:
    return "in part" if demand.status == "later" and tests.get(demand.id) else demand.status


def _state_text(demand: Demand, tests: dict[str, list[Citation]]) -> str:
    state = _state(demand, tests)
    words = {"bank-duty": "duty of the bank", "n/a": "not applicable", "in part": "in part; rest: "}
    return words.get(state, state + (": " if state == "later" else "")) + demand.work


def _links(citations: list[Citation]) -> str:
    """The tests by file, each file named once."""
    by_file: dict[str, list[str]] = defaultdict(list)
    for citation in citations:
        by_file[citation.path].append(citation.test.rpartition("::")[2])
    return "<br>".join(
        f"[{path.removeprefix('tests/')}](../../{path}): "
        + ", ".join(f"`{name}`" if name else "all of it" for name in names)
        for path, names in by_file.items()
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def build() -> str:
    """The page as it should be.

    :raises Broken: see the functions that it calls.
    """
    families = read_register()
    return render(families, match(families, collect_citations()), read_works())


def main(arguments: list[str]) -> int:
    """The program; see the module."""
    from tests.compliance import methods  # It uses this module.

    try:
        page = build()
    except Broken as broken:
        sys.stderr.write("\n".join(broken.faults) + "\n")
        return 1
    if "--check" not in arguments:
        MATRIX.write_text(page, encoding="utf-8")
        methods.PAGE.write_text(methods.build(), encoding="utf-8")
        return 0
    if not MATRIX.is_file() or MATRIX.read_text(encoding="utf-8") != page:
        sys.stderr.write("docs/compliance/matrix.md is out of date: make compliance\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
