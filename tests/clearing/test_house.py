"""The sandbox's clearing house, by what the bank writes to it: it takes a group whole, and answers for each in it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from apps.clearing.iso20022.items import AnswerItem, ReportItem, ReturnItem
from apps.clearing.iso20022.reading import read_items
from apps.clearing.iso20022.writing import OutgoingTransfer, write_credit_transfers, write_recall
from apps.clearing.rules import Rail
from apps.core.iban import make_iban
from examples.clearing_house.behaviour import Behaviour
from examples.clearing_house.books import Books, Refused
from examples.clearing_house.messages import BadMessage
from tests.factories.accounts import NOW
from tests.factories.clearing import BANK_BIC

START = NOW.timestamp()
PAID, CLOSED, NOBODY, RETURNS = "1234567890", "9999999999", "9999999001", "9999999002"
SILENT, LATE, TWICE = "9999999003", "9999999004", "9999999005"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(
        tmp_path / "house.sqlite3", bank_bic=BANK_BIC, cycle_seconds=3, instant_seconds=10, now=START
    )
    yield books
    books.close()


def tx(number: int) -> str:
    return UUID(int=number).hex


def group(*account_numbers: str, mid: str = "T1", first: int = 1, rail: Rail = Rail.SCT) -> bytes:
    """A pacs.008 of the bank: 1.00 to the first, 2.00 to the second, …"""
    transfers = [
        OutgoingTransfer(
            transaction_id=tx(first + number),
            end_to_end_identification="NOTPROVIDED",
            amount_minor=100 * (number + 1),
            currency="EUR",
            rail=rail,
            received_at=NOW,
            debtor_name="Anna",
            debtor_iban="DE02100999001000000001",
            creditor_name="Somebody",
            creditor_iban=make_iban(country="DE", bank_code="12030000", account_number=account_number),
            creditor_agent="",
            charge_bearer="SLEV",
            remittance_information_unstructured="",
        )
        for number, account_number in enumerate(account_numbers)
    ]
    return write_credit_transfers(
        transfers, message_id=mid, bank_bic=BANK_BIC, settlement_date=NOW.date(), now=NOW
    )


def told(books: Books, *, at: float = START + 60) -> list[bytes]:
    """What the house has for the bank by then; it is told once."""
    found = books.due_messages(now=at)
    for number, _body in found:
        books.note_delivery(number, status=202, answer="", now=at)
    return [body for _number, body in found]


def after_cycle(books: Books, *, at: float = START + 60) -> list[bytes]:
    books.close_cycle("sct", now=START + 1)
    return told(books, at=at)


def answers(bodies: list[bytes]) -> list[list[tuple[str, str, str]]]:
    """Of each pacs.002 whom it is about, and how they stand."""
    found = [[item for item in read_items(body) if isinstance(item, AnswerItem)] for body in bodies]
    return [[(item.transaction_id, item.status, item.reason) for item in items] for items in found if items]


def report(bodies: list[bytes]) -> ReportItem:
    (found,) = [item for body in bodies for item in read_items(body) if isinstance(item, ReportItem)]
    return found


def test_a_group_is_settled_with_its_cycle_answered_in_one_and_reported_each(books: Books) -> None:
    assert books.take(group(PAID, PAID, PAID), now=START)
    assert told(books) == []
    bodies = after_cycle(books)
    assert answers(bodies) == [[(tx(1), "ACSC", ""), (tx(2), "ACSC", ""), (tx(3), "ACSC", "")]]
    assert b"<GrpSts>ACSC</GrpSts>" in bodies[0]
    assert [(line.transaction_id, line.amount_minor) for line in report(bodies).entries] == [
        (tx(1), 100),
        (tx(2), 200),
        (tx(3), 300),
    ]
    assert report(bodies).closing_minor == -600


def test_some_settled_and_some_refused_is_in_part(books: Books) -> None:
    books.take(group(PAID, CLOSED, NOBODY), now=START)
    bodies = after_cycle(books)
    assert answers(bodies) == [[(tx(1), "ACSC", ""), (tx(2), "RJCT", "AC04"), (tx(3), "RJCT", "AC01")]]
    assert b"<GrpSts>PART</GrpSts>" in bodies[0]
    assert report(bodies).closing_minor == -100


def test_all_refused_is_refused(books: Books) -> None:
    books.take(group(CLOSED, CLOSED), now=START)
    assert b"<OrgnlNbOfTxs>2</OrgnlNbOfTxs><GrpSts>RJCT</GrpSts>" in after_cycle(books)[0]


def test_what_is_told_later_leaves_the_group_in_part(books: Books) -> None:
    books.take(group(PAID, LATE, SILENT), now=START)
    bodies = after_cycle(books)
    assert answers(bodies) == [[(tx(1), "ACSC", "")], [(tx(2), "ACSC", "")]]
    assert all(b"<GrpSts>PART</GrpSts>" in body for body in (bodies[0], bodies[-1]))


def test_one_of_a_group_comes_back(books: Books) -> None:
    books.take(group(PAID, RETURNS), now=START)
    bodies = after_cycle(books) + after_cycle(books)
    (back,) = [item for body in bodies for item in read_items(body) if isinstance(item, ReturnItem)]
    assert (back.transaction_id, back.amount_minor, back.reason) == (tx(2), 200, "AC04")


def test_one_of_a_group_is_recalled(books: Books) -> None:
    books.take(group(PAID, PAID), now=START)
    after_cycle(books)
    asked = write_recall(
        message_id="K1",
        case_id="c1",
        original_message_id="T1",
        transaction_id=tx(2),
        end_to_end_identification="NOTPROVIDED",
        amount_minor=200,
        currency="EUR",
        reason="DUPL",
        bank_bic=BANK_BIC,
        house="RHEINCLEAR",
        now=NOW,
    )
    books.take(asked, now=START)
    (back,) = [
        item for body in after_cycle(books) for item in read_items(body) if isinstance(item, ReturnItem)
    ]
    assert (back.transaction_id, back.amount_minor, back.reason) == (tx(2), 200, "FOCR")


def test_the_same_message_again_is_settled_once(books: Books) -> None:
    body = group(PAID, PAID)
    assert [books.take(body, now=START) for _ in range(3)] == [True, False, False]
    bodies = after_cycle(books)
    assert len(answers(bodies)) == 1
    assert report(bodies).closing_minor == -300
    assert not books.take(body, now=START)
    assert after_cycle(books) == []


def test_another_message_under_its_id_is_refused(books: Books) -> None:
    books.take(group(PAID, PAID), now=START)
    with pytest.raises(Refused, match="another message has this id"):
        books.take(group(PAID, PAID, PAID), now=START)


def test_a_transfer_that_came_in_another_message_is_refused_and_the_others_are_not(books: Books) -> None:
    books.take(group(PAID), now=START)
    books.take(group(PAID, PAID, mid="T2"), now=START)
    at_once = told(books)
    assert answers(at_once) == [[(tx(1), "RJCT", "AM05")]]
    assert b"<GrpSts>PART</GrpSts>" in at_once[0]
    assert report(after_cycle(books)).closing_minor == -100 - 200


def test_messages_about_one_come_twice_and_about_the_others_once(books: Books) -> None:
    books.take(group(PAID, TWICE), now=START)
    assert answers(after_cycle(books)) == [
        [(tx(1), "ACSC", "")],
        [(tx(2), "ACSC", "")],
        [(tx(2), "ACSC", "")],
    ]


def test_an_order_of_the_sandbox_is_for_one_of_a_group(books: Books) -> None:
    books.order_next(Behaviour("reject", "AG01"))
    books.take(group(PAID, PAID), now=START)
    assert answers(after_cycle(books)) == [[(tx(1), "RJCT", "AG01"), (tx(2), "ACSC", "")]]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"<NbOfTxs>2<", b"<NbOfTxs>3<", "NbOfTxs does not say 2"),
        (b"3.00</TtlIntr", b"3.01</TtlIntr", "TtlIntrBkSttlmAmt is not the sum"),
        (tx(2).encode(), tx(1).encode(), f"{tx(1)} comes twice"),
    ],
    ids=["number", "sum", "id twice"],
)
def test_a_wrong_group_is_refused_whole_with_the_reason(
    books: Books, old: bytes, new: bytes, why: str
) -> None:
    body = group(PAID, PAID)
    assert old in body
    with pytest.raises(BadMessage, match=why):
        books.take(body.replace(old, new), now=START)
    assert books.show("transfers") == books.show("received") == []
    assert after_cycle(books) == []


def test_an_urgent_one_is_answered_at_once(books: Books) -> None:
    books.take(group(PAID, rail=Rail.T2), now=START)
    assert answers(told(books)) == [[(tx(1), "ACSC", "")]]
