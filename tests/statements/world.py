"""An account with a history that is awkward on purpose, and the statements of it."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import NAMESPACE_OID, uuid5

from apps.accounts.models import PaymentAccount
from apps.core.ids import new_id
from apps.core.money import Money
from apps.identity.models import PSU
from apps.ledger.rules import EntryKind, LedgerAccountKind, Narrative
from apps.ledger.services import open_ledger_account, post_transfer
from apps.statements.rules import Statement
from tests.factories.accounts import bank_accounts, customer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
IBAN = "DE26100999004711081500"
OWNER = "Zofia Łękowska-Größmann und Søren Żółtański"
POLISH = "Zażółć gęślą jaźń Sp. z o.o."
LONG = (
    "Rechnung 4711/2026 vom 30.09.2026: Fenster, Türen & Dämmung für Größenstraße 12? "
    "Skonto 2 % abgezogen; Rückfragen an Frau Öztürk +49 30 12"
)
END_TO_END = "E2E/2026-10-01:RE-4711.Größe+Nr_35ch"[:35]


def book(
    account: PaymentAccount,
    *,
    minor: int,
    day: date,
    name: str = "",
    iban: str = "",
    text: str = "",
    end_to_end: str = "",
    kind: EntryKind | None = None,
    value_date: date | None = None,
) -> None:
    """One booking: money in above zero, money out below."""
    own, other = account.ledger_account_id, bank_accounts()["nostro:central-bank"].pk
    mine, theirs = (account.owner_name, account.iban), (name, iban)
    debtor, creditor = (theirs, mine) if minor > 0 else (mine, theirs)
    post_transfer(
        kind=kind or (EntryKind.INCOMING_CREDIT_TRANSFER if minor > 0 else EntryKind.CREDIT_TRANSFER),
        reference=str(new_id()),
        debit_account_id=other if minor > 0 else own,
        credit_account_id=own if minor > 0 else other,
        amount=Money(abs(minor), account.currency),
        booking_date=day,
        value_date=value_date or day,
        narrative=Narrative(
            debtor_name=debtor[0],
            debtor_iban=debtor[1],
            creditor_name=creditor[0],
            creditor_iban=creditor[1],
            end_to_end_identification=end_to_end,
            remittance_information_unstructured=text,
        ),
        now=NOW,
    )


def awkward_account() -> tuple[PSU, PaymentAccount]:
    """A customer with an account since November 2025: nothing in August 2026, a hard October, a booking in November."""
    psu = customer("Zofia", balance_minor=0)
    PaymentAccount.objects.filter(pk=psu.account.pk).update(
        iban=IBAN,
        owner_name=OWNER,
        display_name="Girokonto",
        product="Giro Plus",
        opened_date=date(2025, 11, 17),
        ledger_account=open_ledger_account(
            code=f"customer:{IBAN}",
            kind=LedgerAccountKind.CUSTOMER,
            currency="EUR",
            overdraft_limit_minor=50_000,
        ),
    )
    account = PaymentAccount.objects.get(iban=IBAN)
    book(account, minor=123_456, day=date(2026, 7, 31), kind=EntryKind.OPENING, text="Saldovortrag")
    _october(account)
    book(account, minor=-777, day=date(2026, 11, 1), name="Nicht im Oktober", text="erst im November")
    return psu, account


def _october(account: PaymentAccount) -> None:
    first = date(2026, 10, 1)
    book(
        account,
        minor=-99_900,
        day=first,
        name="Müller, Öztürk & Söhne GmbH – Bäckerei „Zum Roß“ Donaudampfschifffahrtsgesellschaft",
        iban="DE02120300000000202051",
        text=LONG,
        end_to_end=END_TO_END,
    )
    book(
        account, minor=1, day=first, name="=SUM(A1:A9)", text='-5+3 "@home"\tund\nTabulator', end_to_end="+1"
    )
    book(account, minor=-2_550, day=date(2026, 10, 7), name=POLISH, iban="PL61109010140000071219812874")
    book(
        account,
        minor=2_550,
        day=date(2026, 10, 8),
        name=POLISH,
        iban="PL61109010140000071219812874",
        text="RETURN AC01 ",
        kind=EntryKind.CREDIT_TRANSFER_RETURN,
    )
    # Below zero, on one day; the value date of the second lies before.
    book(account, minor=-60_000, day=date(2026, 10, 15), name="Mietverwaltung Nord", text="-" * 140)
    book(account, minor=-3, day=date(2026, 10, 15), value_date=date(2026, 10, 14))
    book(account, minor=9_999_999_999, day=date(2026, 10, 16), name="Ελληνικά Ταχυδρομεία", text="株式会社 ☃")
    for number in range(1, 25):
        book(
            account,
            minor=-1_000 - number,
            day=date(2026, 10, 16 + number // 2),
            name="REWE Markt",
            iban="DE02120300000000202051",
            text=f"Kartenzahlung {number}",
        )
    book(
        account,
        minor=318_044,
        day=date(2026, 10, 31),
        value_date=date(2026, 11, 2),
        name="Kern Verlag GmbH",
        iban="DE02120300000000202051",
        text="Gehalt Oktober",
        end_to_end="NOTPROVIDED",
    )


def numbered(statement: Statement) -> Statement:
    """The statement with numbers of its own: those of the database are others in each run."""
    lines = (
        line._replace(posting_id=5000 + number, entry_id=str(uuid5(NAMESPACE_OID, str(number))))
        for number, line in enumerate(statement.lines, 1)
    )
    return replace(statement, lines=lines)
