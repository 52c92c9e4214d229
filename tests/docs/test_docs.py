"""What the documents say is what the code does: settings, events, commands, addresses of pages and files."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "tests" / "journeys" / "README.md"],
    key=lambda path: path.as_posix(),
)


def _trees(folder: Path):
    for path in sorted(folder.rglob("*.py")):
        if "migrations" not in path.parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree: ast.AST):
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


# Settings --------------------------------------------------------------------------------------------


def _variables_read() -> set[str]:
    """Names that bankportal/settings.py asks the environment for: ``env("X")``, ``env.int("X")``."""
    tree = ast.parse((ROOT / "bankportal" / "settings.py").read_text(encoding="utf-8"))
    return {
        str(call.args[0].value)
        for call in _calls(tree)
        if ast.unparse(call.func).split(".")[0] == "env"
        if call.args and isinstance(call.args[0], ast.Constant)
    }


def _first_cells(page: str, *, before: str = "\0") -> set[str]:
    """The names in the first column of a page's tables, up to the heading ``before``."""
    text = (DOCS / "reference" / page).read_text(encoding="utf-8").split(before)[0]
    return {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    }


def test_every_setting_is_documented_and_no_other():
    assert _first_cells("settings.md", before="## Read by single programs") == _variables_read()


def test_documented_legal_bounds_are_those_of_the_code():
    from apps.core.legal_limits import LIMITS

    page = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    for limit in LIMITS:
        assert re.search(rf"\| `{limit.setting}` \| `\d+` \| {limit.maximum} \|", page), limit.setting


# Events ----------------------------------------------------------------------------------------------


def _event_names(node: ast.expr) -> list[str]:
    """The names that an expression may give; what an f-string fills in becomes ``<>``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return _event_names(node.body) + _event_names(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(p.value) if isinstance(p, ast.Constant) else "<>" for p in node.values)]
    return []


def _events_recorded() -> set[str]:
    found = set()
    for path, tree in _trees(ROOT / "apps"):
        for call in _calls(tree):
            for keyword in call.keywords:
                if keyword.arg == "event":
                    found.update(_event_names(keyword.value))
            if "authserver" in path.parts and _name(call) in ("record", "record_for_app") and call.args:
                found.update(f"authserver.{name}" for name in _event_names(call.args[0]))
    return found - {"authserver.<>"}


def test_every_audit_event_is_documented_and_no_other():
    documented = {re.sub(r"<[^>]+>", "<>", name) for name in _first_cells("events.md")}
    assert documented == _events_recorded()


# Commands --------------------------------------------------------------------------------------------


def test_every_make_target_is_documented():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    documented = {name.removeprefix("make ") for name in _first_cells("commands.md", before="## manage.py")}
    assert documented == targets - {"help"}


def test_every_command_of_ours_is_documented():
    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8").split("## manage.py")[1]
    documented = {name.split()[0] for name in re.findall(r"^\| `([^`]+)`", text, re.M)}
    ours = {path.stem for path in ROOT.glob("apps/*/management/commands/*.py")} - {"__init__"}
    assert ours <= documented
    assert documented <= ours | {"migrate", "check"}


# Errors ----------------------------------------------------------------------------------------------


def test_the_error_reference_is_up_to_date():
    """``manage.py write_error_reference`` writes it anew."""
    from apps.web.error_catalogue import markdown_lines

    page = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    assert page == "\n".join(markdown_lines()) + "\n"


# Links -----------------------------------------------------------------------------------------------


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_inside_the_repository_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.S)):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        file = (page.parent / place).resolve() if place else page
        if not file.exists() or (
            anchor and file.suffix == ".md" and anchor not in _anchors(file.read_text(encoding="utf-8"))
        ):
            dead.append(target)
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_named_in_the_documents_exist(page):
    """Names in backticks that begin with a folder of ours, such as ``apps/sca/rules.py``."""
    folders = "apps|bankportal|deploy|docs|examples|benchmarks|templates|tests|static|assets|locale"
    named = re.findall(rf"`((?:{folders})/[A-Za-z0-9_./-]*)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_decision_is_in_the_index():
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in DOCS.glob("decisions/0*.md") if path.name not in index] == []
