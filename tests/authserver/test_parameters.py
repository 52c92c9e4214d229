import pytest
from django.test import RequestFactory

from apps.authserver.parameters import FORM_BYTES_MAX, MalformedForm, parse_form, read_body, read_query


def test_values_are_decoded_and_empty_ones_count_as_absent():
    parameters = parse_form("a=1&b=%C3%A4+x&c=&d")
    assert parameters.values == {"a": "1", "b": "ä x"}
    assert parameters.get("c") is None
    assert not parameters.repeated


@pytest.mark.req("AS-21", "AS-TRAP-10")
@pytest.mark.parametrize("raw", ["a=1&a=2", "a=1&a=1", "a=1&a=", "a=&a="])
def test_repeated_names_are_remembered_even_when_equal_or_empty(raw):
    assert parse_form(raw).repeated == {"a"}


@pytest.mark.parametrize(
    "raw",
    [
        "a=%",
        "a=%4",
        "a=%zz",
        "a=%ff",
        "a=%C3",
        "a=ä",
        "a=%00",
        "a=b%0Ac",
        "a%0d=b",
        "a=%7f",
        "&".join(f"p{n}=1" for n in range(51)),
        "a=" + "x" * FORM_BYTES_MAX,
    ],
)
def test_what_is_no_form_is_refused(raw):
    with pytest.raises(MalformedForm):
        parse_form(raw)


def test_a_body_must_say_that_it_is_a_form():
    request = RequestFactory().post("/oauth/token", {"a": "1"}, content_type="application/json")
    with pytest.raises(MalformedForm):
        read_body(request)


def test_a_body_larger_than_allowed_is_refused_before_it_is_read():
    request = RequestFactory().post(
        "/oauth/token", "a=" + "x" * FORM_BYTES_MAX, content_type="application/x-www-form-urlencoded"
    )
    with pytest.raises(MalformedForm):
        read_body(request)


def test_body_and_query_do_not_mix():
    request = RequestFactory().post(
        "/oauth/token?a=1", "b=2", content_type="application/x-www-form-urlencoded"
    )
    assert read_body(request).values == {"b": "2"}
    assert read_query(request).values == {"a": "1"}
