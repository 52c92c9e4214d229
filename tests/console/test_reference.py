"""The API reference and the error catalogue say what is so."""

import re
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import Resolver404, resolve

from apps.authserver import errors as authserver_errors
from apps.console.reference import SERVICES
from apps.console.views.reference import CONTRACT
from apps.web.error_catalogue import OAUTH_ERRORS, TPP_MESSAGES, find_error, markdown_lines
from apps.xs2a.errors import ERRORS
from apps.xs2a.payment_services import OFFERED
from apps.xs2a.views.not_offered import NotOfferedView

ENDPOINTS = [endpoint for service in SERVICES for endpoint in service.endpoints]


@pytest.fixture(scope="module")
def contract_paths() -> dict[str, dict[str, object]]:
    return yaml.load((Path(settings.BASE_DIR) / CONTRACT).read_text(), Loader=yaml.CSafeLoader)["paths"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_every_endpoint_of_the_table_is_there(endpoint):
    view = resolve(re.sub(r"\{[^}]+\}", str(uuid4()), endpoint.path)).func.view_class
    assert hasattr(view, endpoint.method.lower())
    assert not issubclass(view, NotOfferedView)


@pytest.mark.parametrize("service", OFFERED)
def test_every_endpoint_of_the_interface_is_in_the_table(contract_paths, service):
    """What the contract has and the bank really offers."""
    listed = {(endpoint.method, re.sub(r"\{[^}]+\}", "{}", endpoint.path)) for endpoint in ENDPOINTS}
    missing = []
    for path, operations in contract_paths.items():
        concrete = path.replace("{payment-service}", service).replace(
            "{payment-product}", "sepa-credit-transfers"
        )
        try:
            view = resolve(re.sub(r"\{[^}]+\}", str(uuid4()), concrete)).func.view_class
        except Resolver404:
            continue
        for method in ("get", "post", "put", "delete"):
            is_offered = hasattr(view, method) and not issubclass(view, NotOfferedView)
            row = (method.upper(), re.sub(r"\{[^}]+\}", "{}", concrete))
            if method in operations and is_offered and row not in listed:
                missing.append(row)
    assert not missing


def test_every_path_of_the_interface_is_the_contracts(contract_paths):
    of_contract = {
        path.replace("{payment-service}", service).replace("{payment-product}", "sepa-credit-transfers")
        for path in contract_paths
        for service in OFFERED
    }
    assert [e.path for e in ENDPOINTS if e.path.startswith("/v1/") and e.path not in of_contract] == []


@pytest.mark.django_db
def test_the_contract_can_be_fetched():
    response = Client().get("/developers/reference/psd2-api-1.3.12.yaml")
    head = b"".join(response.streaming_content)[:600]
    assert b"Creative Commons Attribution 4.0" in head
    assert "attachment" in response["Content-Disposition"]


def test_every_code_that_the_interface_answers_has_its_page():
    answered = {(answer.code, answer.status) for answer in ERRORS.values() if answer.code}
    described = {(entry.code, status) for entry in TPP_MESSAGES for status in entry.statuses}
    assert answered - described == set()


def test_every_code_that_the_authorization_server_answers_has_its_page():
    answered = set(authserver_errors.OAUTH_ERRORS.values()) | set(authserver_errors.DESCRIPTIONS)
    assert answered - {entry.code for entry in OAUTH_ERRORS} == set()


def test_no_code_is_described_twice():
    codes = [entry.code for entry in (*TPP_MESSAGES, *OAUTH_ERRORS)]
    assert len(codes) == len(set(codes))
    assert find_error("format_error") is None


@pytest.mark.django_db
@pytest.mark.parametrize("entry", [*TPP_MESSAGES, *OAUTH_ERRORS], ids=lambda entry: entry.code)
def test_every_code_has_a_page(client, entry):
    html = client.get(f"/developers/errors/{entry.code}/").content.decode()
    assert entry.code in html
    assert "What to do" in html


def test_the_document_is_written_from_the_catalogue(tmp_path, settings):
    document = Path(settings.BASE_DIR) / "docs" / "reference" / "errors.md"
    assert document.read_text(encoding="utf-8") == "\n".join(markdown_lines()) + "\n", (
        "manage.py write_error_reference"
    )
    settings.BASE_DIR = tmp_path
    call_command("write_error_reference", stdout=StringIO())
    assert (tmp_path / "docs" / "reference" / "errors.md").is_file()
