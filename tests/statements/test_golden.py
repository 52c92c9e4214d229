"""Two months whose files are kept beside this test and compared byte by byte.

``RENEW_GOLDEN=1`` writes them anew instead (``tests/statements/golden/README.md``).
"""

import io
import os
from datetime import date
from pathlib import Path

import pytest

from apps.statements.queries import open_statement
from apps.statements.rules import FILE_TYPES, StatementFormat, month_period
from apps.statements.writers import WRITERS
from apps.statements.writers.pdf import write_pdf
from tests.statements.world import NOW, awkward_account, numbered

GOLDEN = Path(__file__).parent / "golden"


def written(file_format: StatementFormat, month: date, language: str) -> bytes:
    """The file as it is handed out; a PDF uncompressed, since machines compress differently."""
    _psu, account = awkward_account()
    out = io.BytesIO()
    with open_statement(account=account, period=month_period(month), language=language, now=NOW) as statement:
        if file_format == StatementFormat.PDF:
            write_pdf(numbered(statement), out, compress=False)
        else:
            WRITERS[file_format](numbered(statement), out)
    return out.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize("file_format", StatementFormat.values)
@pytest.mark.parametrize(
    ("month", "language"), [(date(2026, 10, 1), "de"), (date(2026, 8, 1), "en")], ids=["awkward", "empty"]
)
def test_the_golden_months_come_out_byte_by_byte(file_format: str, month: date, language: str) -> None:
    kind = StatementFormat(file_format)
    file = GOLDEN / f"{month:%Y-%m}-{language}.{FILE_TYPES[kind].extension}"
    content = written(kind, month, language)
    if os.environ.get("RENEW_GOLDEN") == "1":
        file.write_bytes(content)
        pytest.fail(f"{file.name} was written anew: look at the difference, then run without RENEW_GOLDEN")
    expected = file.read_bytes()
    if content != expected:
        at = next(
            (n for n, pair in enumerate(zip(content, expected, strict=False)) if pair[0] != pair[1]), -1
        )
        pytest.fail(
            f"{file.name} differs at byte {at}: {content[max(at - 60, 0) : at + 60]!r}"
            f" instead of {expected[max(at - 60, 0) : at + 60]!r}"
        )
