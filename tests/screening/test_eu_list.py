"""Reading the EU's file: what it holds, and everything it must not be able to do."""

from io import BytesIO

import pytest

from apps.screening import eu_list
from apps.screening.eu_list import ListUnreadable, read_list
from tests.factories.screening import list_xml

_HEAD = '<export xmlns="http://eu.europa.ec/fpi/fsd/export" generationDate="2026-11-20T10:00:00+01:00">'
_ENTITY = (
    '<sanctionEntity logicalId="%s"><subjectType code="person"/><nameAlias wholeName="A B"/></sanctionEntity>'
)


def test_what_is_read():
    parsed = read_list(BytesIO(list_xml("Arno Falkenrath|Арно Фалькенрат", "Bela Tost")))
    first = parsed.entries[0]
    assert [entry.logical_id for entry in parsed.entries] == [1, 2]
    assert first.names == ["Arno Falkenrath", "Арно Фалькенрат"]
    assert (first.eu_reference, first.subject_type, first.programme) == ("EU.1.1", "person", "TEST")
    assert (first.birthdates, first.citizenships) == (["1970-01-31"], ["XX"])
    assert parsed.published_at.isoformat() == "2026-11-20T10:00:00+01:00"
    assert len(parsed.sha256) == 64


def test_a_name_in_parts_is_put_together():
    xml = _HEAD + _ENTITY.replace('wholeName="A B"', 'firstName="Arno" lastName="Tost"') % 5 + "</export>"
    assert read_list(BytesIO(xml.encode())).entries[0].names == ["Arno Tost"]


def test_the_fingerprint_changes_with_what_is_told_and_not_with_the_order_of_names():
    def of(xml: bytes) -> str:
        return read_list(BytesIO(xml)).entries[0].fingerprint

    assert of(list_xml("A Bc|D Ef")) == of(list_xml("D Ef|A Bc"))
    assert of(list_xml("A Bc|D Ef")) != of(list_xml("A Bc"))


_BOMB = (
    '<!DOCTYPE export [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    + _HEAD
    + "&b;</export>"
)
_OUTSIDE = '<!DOCTYPE export [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + _HEAD + "&x;</export>"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_BOMB, "document type"),
        (_OUTSIDE, "document type"),
        ("", "line 1"),
        ("not xml", "line 1"),
        (_HEAD + _ENTITY % 1, "no element found"),
        (_HEAD + _ENTITY % 1 + _ENTITY % 1 + "</export>", "a second time"),
        (_HEAD + _ENTITY % "x" + "</export>", "without a logicalId"),
        (_HEAD + "</export>", "no entry"),
        ("<export/>", "the root"),
        (_HEAD.replace("+01:00", "") + "</export>", "no time zone"),
        (_HEAD.replace("2026-11-20", "2026-02-31") + "</export>", "no time"),
        (
            _HEAD + '<sanctionEntity logicalId="1"><subjectType code="person"/></sanctionEntity></export>',
            "no name",
        ),
        (_HEAD + (_ENTITY % 1).replace("person", "ship") + "</export>", "unknown"),
        (_HEAD + (_ENTITY % 1).replace("A B", " ") + "</export>", "without a name"),
        (_HEAD + (_ENTITY % 1).replace("A B", "A" * 3000) + "</export>", "longer than"),
        (_HEAD + "<a>" * 20, "too deep"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + _HEAD + "</export>", "UTF-8"),
        (
            _HEAD + (_ENTITY % 1).replace("/></s", '/><birthdate birthdate="1970-02-30"/></s') + "</export>",
            "no date",
        ),
    ],
)
def test_what_is_not_of_the_format_is_refused_with_the_reason(content, reason):
    with pytest.raises(ListUnreadable, match=reason):
        read_list(BytesIO(content.encode()))


def test_latin_1_under_the_name_of_utf_8_is_refused():
    with pytest.raises(ListUnreadable):
        read_list(BytesIO((_HEAD + (_ENTITY % 1).replace("A B", "Müller X") + "</export>").encode("latin-1")))


@pytest.mark.parametrize("declaration", ['<?xml version="1.0" encoding="UTF-16"?>', ""])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_whether_declared_or_not(declaration, encoding):
    with pytest.raises(ListUnreadable, match="UTF-8"):
        read_list(BytesIO((declaration + _HEAD + _ENTITY % 1 + "</export>").encode(encoding)))


def test_a_file_without_end_is_given_up_at_the_limit(monkeypatch):
    class Endless:
        asked = 0

        def read(self, size: int) -> bytes:
            self.asked += size
            return (_HEAD.encode() if self.asked == size else b" ").ljust(size)

    monkeypatch.setattr(eu_list, "FILE_BYTES_MAX", 1_000_000)
    endless = Endless()
    with pytest.raises(ListUnreadable, match="larger than"):
        read_list(endless)
    assert endless.asked < 1_200_000


def test_more_entries_or_names_than_a_list_can_have_are_refused(monkeypatch):
    monkeypatch.setattr(eu_list, "ENTRIES_MAX", 2)
    with pytest.raises(ListUnreadable, match="more than 2 entries"):
        read_list(BytesIO(list_xml("A Bc", "D Ef", "G Hi")))
    monkeypatch.setattr(eu_list, "NAMES_PER_ENTRY_MAX", 1)
    with pytest.raises(ListUnreadable, match="more than 1 names"):
        read_list(BytesIO(list_xml("A Bc|D Ef")))
