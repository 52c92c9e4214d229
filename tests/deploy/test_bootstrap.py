"""The virtual environment of a fresh machine."""

import subprocess
import sys

import pytest

from deploy.local import bootstrap
from tests.architecture.house import ROOT

WITH_PYTHON = ROOT / "deploy" / "local" / "with-python.sh"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A checkout of two requirement files."""
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    (tmp_path / "requirements.txt").write_text("a==1\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\nb==1\n")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return tmp_path


def _mark_installed(dev):
    bootstrap.stamp_of(dev).write_text(bootstrap.fingerprint(bootstrap.requirement_files(dev)))


def test_nothing_is_installed_twice(place):
    assert not bootstrap.is_installed(dev=False)
    _mark_installed(dev=False)
    assert bootstrap.is_installed(dev=False)
    assert not bootstrap.is_installed(dev=True)


def test_what_tests_need_includes_what_runs(place):
    _mark_installed(dev=True)
    assert bootstrap.is_installed(dev=False)
    assert bootstrap.is_installed(dev=True)


def test_a_changed_list_is_installed_anew(place):
    _mark_installed(dev=True)
    (place / "requirements.txt").write_text("a==2\n")
    assert not bootstrap.is_installed(dev=False)
    assert not bootstrap.is_installed(dev=True)


def test_an_environment_whose_python_is_gone_does_not_count(place):
    _mark_installed(dev=False)
    (place / ".venv" / "bin" / "python").unlink()
    (place / ".venv" / "bin" / "python").symlink_to(place / "gone")
    assert not bootstrap.is_installed(dev=False)


def test_an_old_python_gets_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 10, 13))
    with pytest.raises(SystemExit) as ended:
        bootstrap.check_python()
    assert ended.value.code == 2
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


def test_a_python_without_venv_gets_one_sentence(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit) as ended:
        bootstrap.check_python()
    assert ended.value.code == 2
    assert "install the package python3." in capsys.readouterr().err


def _with_python(script, **environment):
    return subprocess.run(
        ["/bin/sh", str(WITH_PYTHON), "-c", script], env=environment, capture_output=True, text=True
    )


def test_the_named_python_is_taken():
    found = _with_python("import sys; print(sys.executable)", PYTHON=sys.executable, PATH="/nowhere")
    assert found.stdout.strip() == sys.executable


def test_the_newest_suitable_python_is_found(tmp_path):
    for name in ("python3.12", "python3"):
        (tmp_path / name).write_text(f'#!/bin/sh\n[ "$2" = "-" ] || exec {sys.executable} "$@"\n')
        (tmp_path / name).chmod(0o755)
    # As pyenv has it: the name is there, the version is not.
    (tmp_path / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.13").chmod(0o755)
    found = _with_python("print('ran')", PATH=str(tmp_path))
    assert found.stdout.strip() == "ran"


@pytest.mark.parametrize("environment", [{"PATH": "/nowhere"}, {"PATH": "/nowhere", "PYTHON": "/bin/false"}])
def test_no_suitable_python_gets_one_sentence(environment):
    found = _with_python("print('ran')", **environment)
    assert found.returncode == 2
    assert len(found.stderr.strip().splitlines()) == 1
    assert "Python 3.11 or newer" in found.stderr
