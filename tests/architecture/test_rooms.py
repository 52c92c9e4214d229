"""What the import linter cannot see: strings that name models and tasks, clocks, signals, errors."""

import ast
import inspect
import pkgutil
import re
from importlib import import_module
from types import ModuleType

import pytest
from django.apps import apps as registry
from django.conf import settings
from django.db import models

from apps.core.errors import DomainError
from tests.architecture.house import APPS, depth, doors, dotted, layers, place, rooms, sources

ALL_APPS = sorted(set().union(*layers()))


def _own_models() -> list[type[models.Model]]:
    return [model for model in registry.get_models() if model.__module__.startswith("apps.")]


def _app_of(model: type[models.Model]) -> str:
    return model.__module__.split(".")[1]


@pytest.mark.parametrize("app", ALL_APPS)
def test_every_app_says_what_it_is_for(app):
    source = (APPS / app / "__init__.py").read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source))
    assert docstring, f"apps/{app}/__init__.py begins with a paragraph on what the app is for"
    assert len(docstring) > 40


def test_foreign_keys_point_down_the_stairs():
    upwards = [
        f"{model.__name__}.{field.name} in {_app_of(model)} points at {field.related_model.__name__}"
        for model in _own_models()
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and isinstance(field.related_model, type)
        if field.related_model.__module__.startswith("apps.")
        if _app_of(model) != _app_of(field.related_model)
        if depth(_app_of(model)) >= depth(_app_of(field.related_model))
    ]
    assert not upwards


def test_doors_own_no_tables_but_those_of_their_protocol():
    # authserver keeps what OAuth makes it keep; the sandbox keeps its messages and its clock.
    owners = {_app_of(model) for model in _own_models()} & layers()[0]
    assert owners <= {"sandbox"}


def test_constraints_and_indexes_are_named_by_hand():
    anonymous = [
        f"{model.__name__}: {what}"
        for model in _own_models()
        for what in ("unique_together", "index_together")
        if getattr(model._meta, what, None) and not model.__module__.endswith("authserver.models")
    ]
    assert not anonymous


def test_constraint_names_are_unique_and_begin_with_a_letter():
    names = [constraint.name for model in _own_models() for constraint in model._meta.constraints]
    assert all(name and name[0].isalpha() and name == name.lower() for name in names)
    assert len(names) == len(set(names))


def test_no_model_overrides_save_or_delete():
    found = [
        place(path, function)
        for app in rooms()
        for path, tree in sources(app)
        if "models" in path.parts or path.name == "models.py"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name in ("save", "delete", "full_clean")
        # An append-only table says no in both, besides the database.
        if not _only_raises(function)
    ]
    assert not found


def _only_raises(function: ast.FunctionDef) -> bool:
    body = [node for node in function.body if not isinstance(node, ast.Expr)]
    return bool(body) and all(isinstance(node, ast.Raise) for node in body)


def test_no_signals():
    found = [
        place(path, node)
        for app in ALL_APPS
        for path, tree in sources(app)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(("django.db.models.signals", "django.dispatch"))
    ]
    assert not found


_CLOCKS = {
    "timezone.now",
    "timezone.localtime",
    "timezone.localdate",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "date.today",
    "datetime.date.today",
    "time.time",
}
_BANK_CLOCKS = {"clock.now", "core.clock.now"}


def test_rooms_never_ask_a_clock():
    """``now`` is passed in; it is asked only where a room is entered (tasks, admin, commands)."""
    found = []
    for app in sorted(rooms() | {"core"}):
        for path, tree in sources(app):
            if app == "core" and path.name == "clock.py":
                continue
            entered = path.name in ("tasks.py", "admin.py") or {"management", "tasks", "admin"} & set(
                path.parts
            )
            imported = {
                alias.asname or alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
                and node.module in ("apps.core.clock", "django.utils.timezone")
                for alias in node.names
                if alias.name == "now"
            }
            forbidden = _CLOCKS if entered else _CLOCKS | _BANK_CLOCKS | imported
            found += [
                place(path, node)
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and dotted(node.func) in forbidden
            ]
    assert not found


def _task_names() -> set[str]:
    from bankportal.celery import app

    app.loader.import_default_modules()
    app.finalize()
    return {name for name in app.tasks if not name.startswith("celery.")}


def _topics() -> list[tuple[str, str]]:
    """Every topic that some code enqueues, as (name, place); constants of the module are followed."""
    found = []
    for app in ALL_APPS:
        for path, tree in sources(app):
            constants = {
                target.id: node.value.value
                for node in tree.body
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            for node in ast.walk(tree):
                if (
                    not isinstance(node, ast.Call)
                    or dotted(node.func).rpartition(".")[2] != "enqueue_message"
                ):
                    continue
                topic = next((keyword.value for keyword in node.keywords if keyword.arg == "topic"), None)
                if isinstance(topic, ast.Constant):
                    found.append((str(topic.value), place(path, node)))
                elif isinstance(topic, ast.Name) and topic.id in constants:
                    found.append((str(constants[topic.id]), place(path, node)))
    return found


def test_every_enqueued_topic_is_a_task():
    topics = _topics()
    assert topics, "the outbox is used"
    names = _task_names()
    assert [(topic, where) for topic, where in topics if topic not in names] == []


def test_every_scheduled_task_exists():
    names = _task_names()
    schedule = settings.CELERY_BEAT_SCHEDULE
    assert [entry["task"] for entry in schedule.values() if entry["task"] not in names] == []


# Errors ----------------------------------------------------------------------------------------------


def _modules(app: str) -> list[ModuleType]:
    package = import_module(f"apps.{app}")
    names = [
        info.name
        for info in pkgutil.walk_packages(package.__path__, f"apps.{app}.")
        if ".migrations" not in info.name and ".management" not in info.name
    ]
    return [import_module(name) for name in names]


def _errors() -> set[type[DomainError]]:
    """Every error that some room defines."""
    return {
        value
        for app in rooms() | {"core"}
        for module in _modules(app)
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, DomainError) and value.__module__ == module.__name__
    } - {DomainError}


def _tables(door: str) -> list[dict[type[DomainError], object]]:
    """The error tables of a door: mappings in its ``errors`` module whose keys are errors."""
    try:
        module = import_module(f"apps.{door}.errors")
    except ModuleNotFoundError:
        return []
    return [
        value
        for value in vars(module).values()
        if isinstance(value, dict) and value
        if all(inspect.isclass(key) and issubclass(key, DomainError) for key in value)
    ]


def _imported_names(door: str) -> set[object]:
    """Whatever a door imports by name from the rooms."""
    return {
        getattr(import_module(node.module), alias.name, None)
        for _, tree in sources(door)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("apps.")
        if str(node.module).split(".")[1] in rooms() | {"core"}
        for alias in node.names
    } - {None}


def _raised_to(door: str) -> set[type[DomainError]]:
    """What the services and queries that the door calls say they raise (``:raises X:``), methods of classes too."""
    raised, imported = set(), _imported_names(door)
    methods = {
        method
        for value in imported
        if inspect.isclass(value)
        for method in vars(value).values()
        if inspect.isfunction(method)
    }
    for function in {value for value in imported if inspect.isfunction(value)} | methods:
        for name in re.findall(r":raises ([A-Za-z_.]+):", inspect.getdoc(function) or ""):
            error = function.__globals__.get(name.rpartition(".")[2])
            if error is None and name.startswith("apps."):
                error = getattr(import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
            if inspect.isclass(error) and issubclass(error, DomainError):
                raised.add(error)
    return raised


def _caught_in(door: str) -> set[type[DomainError]]:
    """The errors that some view names itself, because the answer is a page of its own."""
    return {name for name in _imported_names(door) if inspect.isclass(name) and issubclass(name, DomainError)}


@pytest.mark.parametrize("door", sorted(doors() - {"engine", "sandbox"}))
def test_every_error_has_its_answer_at_the_door(door):
    """A row for the error, or for the error that it is a kind of; never only for the root of all."""
    tables = _tables(door)
    assert tables, f"apps/{door}/errors.py has a table from error to answer"
    answered = set().union(*tables) - {DomainError}
    missing = {
        f"{error.__module__}.{error.__name__}"
        for error in _raised_to(door) - _caught_in(door)
        if not answered & set(error.__mro__)
    }
    assert not missing


def test_error_codes_are_stable_names():
    codes = {error: error.code for error in _errors()}
    assert all(code.replace("_", "").isalnum() and code == code.lower() for code in codes.values())
