"""The house as the import-linter contract draws it, and its source files, for the tests beside this file."""

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ROOT / "apps"


@cache
def layers() -> list[set[str]]:
    """The layers from the top down, each with its apps; pyproject.toml is the one place that says so."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    drawn = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    return [{name.strip() for name in layer.split("|")} for layer in drawn]


def depth(app: str) -> int:
    """How far down an app lies: 0 is a door."""
    return next(number for number, names in enumerate(layers()) if app in names)


def doors() -> set[str]:
    """The apps that speak a protocol and own no rules."""
    return layers()[0] | {"authserver"}


def rooms() -> set[str]:
    """The apps that own tables and rules and know no HTTP."""
    return set().union(*layers()[depth("web") + 1 :]) - {"core"}


def sources(app: str) -> Iterator[tuple[Path, ast.Module]]:
    """The modules of an app, parsed; without its migrations."""
    for path in sorted((APPS / app).rglob("*.py")):
        if "migrations" not in path.parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, node: ast.AST) -> str:
    """Where a finding is, to be clicked on."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def dotted(node: ast.AST) -> str:
    """The dotted name of an expression such as ``timezone.now``; empty when it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""
