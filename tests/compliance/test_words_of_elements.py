"""Every element that can be on record has words wherever it is shown."""

import pytest

from apps.receipts import words
from apps.sca.rules import Element
from apps.staff import labels


@pytest.mark.req("RTS-4(1)")
@pytest.mark.parametrize("table", [words._ELEMENTS, labels.ELEMENTS], ids=["receipts", "staff"])
def test_no_page_shows_an_elements_code(table: dict[str, object]) -> None:
    assert set(table) == set(Element.values)
