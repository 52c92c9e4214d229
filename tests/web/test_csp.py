import re
from pathlib import Path

import pytest
from django.test import Client

from apps.web.csp import CONTENT_SECURITY_POLICY

pytestmark = pytest.mark.urls("tests.web.pages")

TEMPLATES = sorted((Path(__file__).resolve().parents[2] / "templates").rglob("*.html"))
INLINE = re.compile(r"\sstyle=|\son[a-z]+=|javascript:|<style|<script(?![^>]*\bsrc=)", re.IGNORECASE)


def test_every_answer_carries_the_policy(client: Client) -> None:
    for path in ("/form/", "/nowhere/"):
        policy = client.get(path)["Content-Security-Policy"]
        parts = {part.split()[0]: part.split()[1:] for part in policy.split("; ")}
        assert parts["default-src"] == ["'none'"]
        assert parts["script-src"] == ["'self'"]
        assert parts["style-src"] == ["'self'"]
        assert parts["form-action"] == ["'self'"]
        assert parts["frame-ancestors"] == ["'none'"]


def test_nothing_unsafe_is_allowed() -> None:
    assert "unsafe" not in repr(CONTENT_SECURITY_POLICY)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.name))
def test_no_template_has_inline_code_or_style(path: Path) -> None:
    source = re.sub(r"\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}", "", path.read_text(), flags=re.DOTALL)
    assert not INLINE.findall(source)
