"""The statement of fees as CSV: a line for each service and settlement, formed as the other CSV statements."""

import csv
import io
from typing import BinaryIO

from django.utils.translation import gettext, override

from apps.core.money import plain_amount
from apps.pricing.rules import ChargeKind
from apps.statements.fee_rules import FeeStatement, InterestLine
from apps.statements.writers.csv import BYTE_ORDER_MARK, safe_cell
from apps.statements.writers.fee_words import HEADINGS, SERVICES, rate_text


def write_fee_csv(statement: FeeStatement, out: BinaryIO) -> None:
    """Write the lines and, last, the three totals."""
    out.write(BYTE_ORDER_MARK)
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    is_german = statement.language.startswith("de")
    rows = csv.writer(text, delimiter=";" if is_german else ",", quoting=csv.QUOTE_ALL, lineterminator="\r\n")

    def amount(minor: int) -> str:
        plain = plain_amount(minor, statement.account.currency)
        return plain.replace(".", ",") if is_german else plain

    def interest(title: str, service: ChargeKind, lines: tuple[InterestLine, ...]) -> None:
        for line in lines:
            rates = ", ".join(rate_text(rate, is_german=is_german) for rate in line.rates_bp)
            span = f"{line.period.date_from.isoformat()} – {line.period.date_to.isoformat()}"
            rows.writerow(
                safe_cell(cell)
                for cell in (
                    title,
                    f"{SERVICES[service]} {span}",
                    str(line.days),
                    rates,
                    amount(line.amount_minor),
                )
            )

    with override(statement.language):
        rows.writerow(
            [
                gettext("Section"),
                gettext("Service"),
                gettext("Number"),
                gettext("Unit fee or rate"),
                gettext("Total"),
            ]
        )
        for line in statement.fees:
            rows.writerow(
                safe_cell(cell)
                for cell in (
                    str(HEADINGS[line.heading]),
                    str(SERVICES[line.kind]),
                    str(line.quantity),
                    amount(line.unit_amount_minor),
                    amount(line.amount_minor),
                )
            )
        interest(gettext("Interest paid"), ChargeKind.OVERDRAFT_INTEREST, statement.interest_paid)
        interest(gettext("Interest earned"), ChargeKind.CREDIT_INTEREST, statement.interest_earned)
        for title, minor in (
            (gettext("Total fees paid"), statement.fees_minor),
            (gettext("Total interest paid"), statement.interest_paid_minor),
            (gettext("Total interest earned"), statement.interest_earned_minor),
        ):
            rows.writerow([title, "", "", "", amount(minor)])
    text.flush()
    text.detach()  # Else its end would close the caller's file.
