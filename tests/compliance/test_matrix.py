"""The compliance matrix is current, and it could not be if a demand had no test or a marker no demand."""

import textwrap

import pytest

from tests.compliance import matrix, methods
from tests.compliance.matrix import Broken, Citation, Demand, Family, collect_citations, match


def test_committed_matrix_is_up_to_date():
    """Like ``makemigrations --check``: `make compliance` writes it anew."""
    page = matrix.build()
    assert matrix.MATRIX.read_text(encoding="utf-8") == page, "out of date: make compliance"


def test_committed_page_of_the_methods_is_up_to_date():
    assert methods.PAGE.read_text(encoding="utf-8") == methods.build(), "out of date: make compliance"


def test_every_method_of_signing_is_played_for_every_action():
    found = methods.collect()
    missing = [
        (method, action)
        for method in ("sms", "sms-link", "passkey")
        for action in methods.ACTIONS
        if not found.get((method, action))
    ]
    assert missing == []


@pytest.mark.parametrize("marker", ['"telepathy", "payment"', '"sms"', '"sms", "dance"'])
def test_a_marker_of_no_method_or_action_is_refused(tmp_path, marker):
    (tmp_path / "test_x.py").write_text(f"@pytest.mark.plays({marker})\ndef test_x(): ...\n")
    with pytest.raises(Broken):
        methods.collect(tmp_path, tmp_path)


def test_every_demand_of_the_founding_texts_is_in_the_register():
    ids = {demand.id for family in matrix.read_register() for demand in family.demands}
    expected = (
        {f"S0-{n}" for n in range(1, 55)}
        | {f"S1-{n}" for n in range(1, 28)}
        | {f"S3-{n}" for n in range(1, 32)}
        | {f"N{n}" for n in range(1, 9)}
        | {f"R0-{n}" for n in range(1, 11)}
        | {f"AS-TRAP-{n}" for n in range(1, 16)}
        | {f"AS-{n}" for n in range(1, 51)}
    )
    assert expected <= ids


def test_every_article_of_the_rts_has_an_entry():
    ids = {demand.id for family in matrix.read_register() for demand in family.demands}
    articles = {identifier.partition("(")[0] for identifier in ids if identifier.startswith("RTS-")}
    assert articles == {f"RTS-{n}" for n in range(1, 39)} | {"RTS-10a"}


# The generator itself --------------------------------------------------------------------------------


def _family(*demands: Demand) -> list[Family]:
    return [Family(name="S0", title="", source="", demands=demands)]


def _collect(tmp_path, source: str) -> list[tuple[str, str]]:
    (tmp_path / "test_x.py").write_text(textwrap.dedent(source), encoding="utf-8")
    return [(citation.demand, citation.test) for citation in collect_citations(tmp_path, tmp_path)]


def test_markers_are_found_on_functions_classes_parameters_and_files(tmp_path):
    found = _collect(
        tmp_path,
        """
        import pytest
        pytestmark = [pytest.mark.slow, pytest.mark.req("S0-1")]

        @pytest.mark.req("S0-2", "S0-3")
        def test_a(): ...

        @pytest.mark.req("S0-4")
        class TestB:
            @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.req("S0-5"))])
            def test_c(self, x): ...
        """,
    )
    assert found == [
        ("S0-1", ""),
        ("S0-2", "test_a"),
        ("S0-3", "test_a"),
        ("S0-4", "TestB"),
        ("S0-5", "TestB::test_c"),
    ]


@pytest.mark.parametrize("arguments", ["", "*IDS", "f'S0-{n}'", "7"])
def test_a_marker_whose_ids_are_not_written_out_is_refused(tmp_path, arguments):
    with pytest.raises(Broken):
        _collect(tmp_path, f"import pytest\n@pytest.mark.req({arguments})\ndef test_a(): ...\n")


def test_a_marker_that_the_register_does_not_know_is_refused():
    with pytest.raises(Broken, match="knows no S0-99"):
        match(_family(), [Citation("S0-99", "tests/a.py", "test_a")])


def test_a_demand_said_to_be_shown_needs_a_test():
    with pytest.raises(Broken, match="no test cites it"):
        match(_family(Demand("S0-1", "shown", "x")), [])


def test_a_later_demand_needs_none_and_is_shown_in_part_with_one():
    demand = Demand("S0-1", "later", "x", work="fapi")
    assert match(_family(demand), []) == {}
    tests = match(_family(demand), [Citation("S0-1", "tests/a.py", "test_a")])
    assert "in part" in matrix.render(_family(demand), tests, {})


@pytest.mark.parametrize(
    ("cited", "demand", "expected"),
    [
        ("RTS-4(1)", "RTS-4(1)", True),
        ("RTS-5(1)", "RTS-5(1)(b)", True),
        ("RTS-7(2)", "RTS-7", True),
        ("RTS-1", "RTS-10", False),
        ("S0-1", "S0-12", False),
        ("RTS-10", "RTS-10a", False),
    ],
)
def test_paragraphs_and_articles_stand_for_one_another(cited, demand, expected):
    assert matrix.is_about(cited, demand) is expected


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "S0-1", "status": "done", "text": "x"},
        {"id": "S1-1", "status": "shown", "text": "x"},
        {"id": "S0-1", "status": "later", "text": "x"},
        {"id": "S0-1", "status": "later", "work": "someday", "text": "x"},
        {"id": "S0-1", "status": "shown", "work": "fapi", "text": "x"},
        {"id": "S0-1", "status": "n/a", "text": "x"},
    ],
)
def test_a_faulty_entry_is_refused(entry):
    assert list(matrix._faults_of(Demand(**entry), family="S0", works={"fapi": ""}))
