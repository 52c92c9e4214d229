"""Nobody outside writes lines of his own into the log."""

import io
import logging

import pytest
from django.conf import settings
from django.test import Client

from apps.core.logs import OneLineFormatter, escape_unprintable


@pytest.mark.req("RTS-29(1)")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Möbelhaus Kern, 3 €", "Möbelhaus Kern, 3 €"),
        ("abc\n2026-11-21 INFO signed in", "abc\\n2026-11-21 INFO signed in"),
        ("\r\x00\x1b[2J\u2028\u202e", "\\r\\x00\\x1b[2J\\u2028\\u202e"),
    ],
)
def test_a_message_is_one_line(text: str, line: str) -> None:
    assert escape_unprintable(text) == line


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/v1/consents/a%0aFORGED", "/nowhere%0d%0aFORGED", "/sandbox/phone/x%0aFORGED/"]
)
def test_a_path_with_a_line_break_forges_no_line(path: str) -> None:
    formatter = settings.LOGGING["formatters"]["line"]
    assert formatter["()"] == "apps.core.logs.OneLineFormatter"
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(OneLineFormatter("%(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        Client().get(path, headers={"X-Request-ID": "0b6d5132-470c-4035-a8ca-a694c81dc770"})
        logging.getLogger("apps.any").warning("typed: %s", "a\nFORGED")
    finally:
        logging.getLogger().removeHandler(handler)
    assert "FORGED" in written.getvalue()
    assert not any(line.startswith("FORGED") for line in written.getvalue().splitlines())
