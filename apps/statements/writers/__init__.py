"""One module for each format: a :class:`~apps.statements.rules.Statement` in, bytes out. They read nothing else."""

from collections.abc import Callable
from typing import BinaryIO

from apps.statements.fee_rules import FeeStatement, FeeStatementFormat
from apps.statements.rules import Statement, StatementFormat
from apps.statements.writers.camt053 import write_camt053
from apps.statements.writers.csv import write_csv
from apps.statements.writers.fee_csv import write_fee_csv
from apps.statements.writers.fee_pdf import write_fee_pdf
from apps.statements.writers.mt940 import write_mt940
from apps.statements.writers.pdf import write_pdf

WRITERS: dict[StatementFormat, Callable[[Statement, BinaryIO], None]] = {
    StatementFormat.PDF: write_pdf,
    StatementFormat.CSV: write_csv,
    StatementFormat.CAMT053: write_camt053,
    StatementFormat.MT940: write_mt940,
}

FEE_WRITERS: dict[FeeStatementFormat, Callable[[FeeStatement, BinaryIO], None]] = {
    FeeStatementFormat.PDF: write_fee_pdf,
    FeeStatementFormat.CSV: write_fee_csv,
}
