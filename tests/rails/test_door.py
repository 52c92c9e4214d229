"""The door of the rails over HTTP: only the house gets in, only messages are kept, and 202 means kept."""

import pytest
from django.test import Client

from apps.clearing.houses import SIGNATURE_HEADER
from apps.clearing.iso20022.envelope import MESSAGE_MAX_BYTES
from apps.clearing.models import ClearingMessage
from examples.clearing_house.server import sign
from tests.factories.clearing import status_body

PATH = "/rails/messages/"


@pytest.fixture
def post(client: Client, settings: object, db: None):
    """Post a body, signed unless a signature is given."""

    def post(body: bytes, *, signature: str | None = None, receiver: str = "bank", key: str = ""):
        if signature is None:
            signature = sign((key or settings.CLEARING_KEY).encode(), receiver=receiver, body=body)
        return client.post(PATH, body, content_type="application/xml", headers={SIGNATURE_HEADER: signature})

    return post


def test_a_message_of_the_house_is_kept(post) -> None:
    body = status_body("t", mid="S1")
    answer = post(body)
    assert (answer.status_code, answer.json()) == (202, {"taken": True})
    assert ClearingMessage.objects.get().body.encode() == body


def test_the_same_again_is_fine_and_kept_once(post) -> None:
    body = status_body("t")
    post(body)
    answer = post(body)
    assert (answer.status_code, answer.json()) == (202, {"taken": False})
    assert ClearingMessage.objects.count() == 1


def test_another_under_the_same_id_is_refused(post) -> None:
    post(status_body("t", mid="S1"))
    answer = post(status_body("u", mid="S1"))
    assert (answer.status_code, answer.json()["code"]) == (409, "message_id_reused")


@pytest.mark.parametrize(
    "forged",
    [
        {"signature": ""},
        {"signature": "0" * 64},
        {"key": "another key that is long enough, really"},
        {"receiver": "house"},
    ],
    ids=["none", "nonsense", "another key", "played back"],
)
def test_nobody_else_gets_in(post, forged: dict[str, str]) -> None:
    answer = post(status_body("t"), **forged)
    assert (answer.status_code, answer.json()) == (401, {"code": "not_signed"})
    assert not ClearingMessage.objects.exists()


@pytest.mark.parametrize("body", [b"{}", b"", b"<!DOCTYPE x><x/>", b"\xff\xfe"])
def test_no_message_is_a_clear_refusal(post, body: bytes) -> None:
    answer = post(body)
    assert (answer.status_code, answer.json()["code"]) == (422, "message_malformed")
    assert answer.json()["problems"]
    assert not ClearingMessage.objects.exists()


def test_a_message_that_is_too_large_is_not_even_read(post) -> None:
    assert post(b"x" * (MESSAGE_MAX_BYTES + 1), signature="").status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "٣"])
def test_a_length_that_is_no_number_is_refused(client: Client, db: None, length: str) -> None:
    answer = client.post(PATH, b"", content_type="application/xml", CONTENT_LENGTH=length)
    assert (answer.status_code, answer.json()) == (411, {"code": "length_needed"})


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_it_takes_posts_only(client: Client, method: str) -> None:
    assert getattr(client, method)(PATH).status_code == 405
