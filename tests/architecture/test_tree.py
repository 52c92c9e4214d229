"""What the whole tree promises, whatever the language of a file."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys

import pytest

from tests.architecture.house import ROOT

_SKIPPED_FOLDERS = {".git", ".venv", "node_modules", "var", "__pycache__", ".mypy_cache", ".ruff_cache"}
_BINARY = {".mo", ".woff2", ".png", ".ico", ".jpg", ".gz", ".br", ".pyc"}
# In two parts, so that this file is not found by its own search.
_MACHINE_PATHS = re.compile(
    "|".join(("/wor" + "k/", "/far" + "m/", "/ro" + "ot/", "/home/" + r"[a-z]+/", "/tm" + "p/bash"))
)


def _files():
    git = shutil.which("git") or "true"
    tracked = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode == 0 and tracked.stdout:
        yield from (ROOT / name for name in tracked.stdout.split("\0") if name)
        return
    for path in ROOT.rglob("*"):
        if not _SKIPPED_FOLDERS & set(path.relative_to(ROOT).parts):
            yield path


def _texts():
    for path in _files():
        if path.is_file() and path.suffix not in _BINARY:
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_no_path_of_a_machine_is_in_the_tree():
    found = [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path, text in _texts()
        for match in [_MACHINE_PATHS.search(text)]
        if match
    ]
    assert not found


def test_no_inline_script_or_style_in_templates():
    """The Content-Security-Policy would refuse them; the browser tests would find out page by page."""
    inline = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|\sstyle=\"|\son[a-z]+=\"|<style[\s>]|javascript:")
    found = [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path, text in _texts()
        if path.suffix in (".html", ".svg") and "static" not in path.relative_to(ROOT).parts
        for match in [inline.search(re.sub(r"<script type=\"application/json\"[^>]*>", "", text))]
        if match
    ]
    assert not found


def test_every_pinned_package_has_one_exact_version():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            package = line.partition("#")[0].strip()
            if package and not package.startswith("-r"):
                assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][A-Za-z0-9.+]*", package), line


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pinned(*lists: str) -> set[str]:
    lines = [line for name in lists for line in (ROOT / name).read_text().splitlines()]
    matches = [re.match(r"([A-Za-z0-9._-]+)(\[[a-z,]+\])?==", line) for line in lines]
    return {_normal(match.group(1)) for match in matches if match}


def _imported(*folders: str) -> set[str]:
    """The top-level names of other people's packages that the code imports."""
    own = {"apps", "bankportal", "benchmarks", "celery_worker", "deploy", "examples", "tests"}
    names = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.add(node.module.split(".")[0])
    return names - own - set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("lists", "folders"),
    [
        (("requirements.txt",), ("apps", "bankportal", "examples/clearing_house", "examples/demo_tpp")),
        (("examples/token/requirements.txt",), ("examples/token",)),
        (("requirements.txt", "requirements-dev.txt"), ("benchmarks", "deploy", "tests")),
    ],
)
def test_every_imported_package_is_pinned(lists, folders):
    """What only some developer's machine has would be missing on a fresh one."""
    distributions = importlib.metadata.packages_distributions()
    pinned = _pinned(*lists)
    missing = {
        name
        for name in _imported(*folders)
        if not {_normal(found) for found in distributions.get(name, [name])} & pinned
    }
    assert not missing


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "Makefile"]
)
def test_the_papers_of_a_good_repository_are_there(name):
    assert (ROOT / name).stat().st_size > 200
