"""Holds an answer against the Berlin Group's OpenAPI definition, more strictly than that asks for.

Status, headers and content type must be those the contract names for the operation, and the body must satisfy its
schema. Two things are tightened: patterns are anchored, and members that the contract does not name are refused.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

CONTRACT = Path(__file__).resolve().parents[3] / "docs/reference/contract/psd2-api-1.3.12.yaml"
# Verification of Payee, of a later version.
ADDITIONS = Path(__file__).with_name("additions-1.3.16.yaml")
_URI = "urn:contract"
# Statuses that the contract gives no operation: what never reaches one, or is HTTP's own.
_GENERAL = {"400", "401", "404", "405", "415", "500", "503"}


class ContractBroken(AssertionError):
    """An answer is not what the contract says."""


@cache
def contract() -> dict[str, Any]:
    """The definition, tightened."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with CONTRACT.open(encoding="utf-8") as file:
        document = yaml.load(file, Loader=loader)  # noqa: S506 (a safe loader)
    with ADDITIONS.open(encoding="utf-8") as file:
        _add(document, yaml.load(file, Loader=loader))  # noqa: S506
    _uncomment(document["components"]["schemas"])
    _tighten(document["components"])
    return document


def _uncomment(schemas: dict[str, Any]) -> None:
    """The definition keeps members of single payments in comments, for banks that offer them: requestedExecutionDate,
    and chargeBearer, which transfers abroad may need."""
    for name in ("paymentInitiation_json", "paymentInitiationWithStatusResponse"):
        schemas[name]["properties"] |= {
            "requestedExecutionDate": {"type": "string", "format": "date"},
            "chargeBearer": {"$ref": "#/components/schemas/chargeBearer"},
        }


def check_answer(*, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """The body of an answer, if it is what the contract says.

    :raises ContractBroken: with the first thing that is not.
    """
    found = _find_operation(method, path)
    if found is None:
        return _check_general(status, headers, body)
    responses = found["responses"]
    if str(status) not in responses:
        raise ContractBroken(
            f"{method} {path}: status {status} is none of {sorted(responses)}: {body[:300]!r}"
        )
    response = _resolve(responses[str(status)])
    _check_headers(response, headers)
    content = response.get("content", {})
    if not content:
        if body:
            raise ContractBroken(
                f"{method} {path} {status}: a body where the contract has none: {body[:300]!r}"
            )
        return None
    content_type = headers.get("Content-Type", "")
    if content_type not in content:
        raise ContractBroken(
            f"{method} {path} {status}: content type {content_type!r} is none of {list(content)}"
        )
    if content_type != "application/json":
        # A camt or MT94x message. The contract's schema is one of several that are all just "string", so that no text
        # is exactly one of them; the tests of the statements hold the message against its own standard.
        return body.decode()
    value = json.loads(body)
    _check_schema(content[content_type]["schema"], value, where=f"{method} {path} {status}")
    return value


def check_body(value: Any, schema: str) -> None:
    """Hold a value against a schema of the contract by its name.

    :raises ContractBroken: it is not what the schema says.
    """
    _check_schema({"$ref": f"#/components/schemas/{schema}"}, value, where=schema)


def example(name: str) -> Any:
    """An example of the contract by name."""
    return contract()["components"]["examples"][name]["value"]


def _find_operation(method: str, path: str) -> dict[str, Any] | None:
    """The operation; for a method that the path does not have, any of the path: all know 405."""
    for template, item in contract()["paths"].items():
        pattern = _pattern(template)
        if pattern.fullmatch(path):
            return item.get(method.lower()) or next(iter(item.values()))
    return None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    known = {
        "{payment-service}": "(payments|bulk-payments|periodic-payments)",
    }
    parts = re.split(r"(\{[^}]+\})", template)
    return re.compile(
        "".join(known.get(part, "[^/]+") if part[:1] == "{" else re.escape(part) for part in parts)
    )


def _check_general(status: int, headers: Mapping[str, str], body: bytes) -> Any:
    if str(status) not in _GENERAL:
        raise ContractBroken(f"status {status} outside of every operation")
    if status in (415, 500, 503):
        if body:
            raise ContractBroken(f"{status} with a body")
        return None
    value = json.loads(body)
    _check_schema({"$ref": f"#/components/schemas/Error{status}_NG_PIS"}, value, where=f"{status}")
    return value


def _check_headers(response: dict[str, Any], headers: Mapping[str, str]) -> None:
    for name, header in response.get("headers", {}).items():
        header = _resolve(header)
        value = headers.get(name)
        if value is None:
            if header.get("required"):
                raise ContractBroken(f"header {name} is missing")
            continue
        kind = header["schema"]
        flags: dict[str, Any] = {"true": True, "false": False} if kind.get("type") == "boolean" else {}
        _check_schema(kind, flags.get(value, value), where=f"header {name}")


def _check_schema(schema: dict[str, Any], value: Any, *, where: str) -> None:
    validator = OAS30ReadValidator(
        _absolute(schema), registry=_registry(), format_checker=oas30_format_checker
    )
    errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.path)))
    if errors:
        details = "; ".join(
            f"{'/'.join(map(str, error.path))}: {error.message[:300]}" for error in errors[:3]
        )
        raise ContractBroken(f"{where}: {details}")


@cache
def _registry() -> Registry:
    return Registry().with_resource(_URI, DRAFT4.create_resource(contract()))


def _absolute(node: Any) -> Any:
    """References of a fragment, made to point into the whole document."""
    if isinstance(node, dict):
        return {
            key: f"{_URI}{value}" if key == "$ref" and value.startswith("#") else _absolute(value)
            for key, value in node.items()
        }
    return [_absolute(item) for item in node] if isinstance(node, list) else node


def _resolve(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    value: Any = contract()
    for part in node["$ref"].removeprefix("#/").split("/"):
        value = value[part]
    return value


def _add(document: dict[str, Any], additions: dict[str, Any]) -> None:
    for name, value in additions.items():
        if isinstance(value, dict) and isinstance(document.get(name), dict):
            _add(document[name], value)
        elif name == "enum" and name in document:
            document[name] = [*document[name], *value]
        else:
            assert name not in document, f"{name} is in the contract already"
            document[name] = value


def _tighten(node: Any) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            node["pattern"] = rf"^(?:{node['pattern']})\Z"
        names = node.get("properties")
        is_open = not isinstance(node.get("additionalProperties"), dict)
        if node.get("type") == "object" and isinstance(names, dict) and is_open:
            node["additionalProperties"] = False
        for value in node.values():
            _tighten(value)
    elif isinstance(node, list):
        for value in node:
            _tighten(value)
