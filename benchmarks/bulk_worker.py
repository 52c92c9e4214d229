"""A process that checks, signs and books files of payments as the bank does, and prints its figures as JSON; run by
``bench_bulk``: ``python -m benchmarks.bulk_worker check|book|sign COUNT``. Books a file for every line it is sent."""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

import psutil  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import override_settings  # noqa: E402

from apps.bulk.models import PaymentBatch, PaymentFile  # noqa: E402
from apps.bulk.queries import hash_items  # noqa: E402
from apps.bulk.services import (  # noqa: E402
    authorise_payment_file,
    check_payment_file,
    receive_payment_file,
    send_payment_file_code,
    start_payment_file_authorisation,
)
from apps.core.clock import bank_date  # noqa: E402
from apps.core.iban import make_iban  # noqa: E402
from apps.core.target_calendar import is_business_day  # noqa: E402
from apps.engine.bulk import book_set, start_batch  # noqa: E402
from tests.bulk.files import Group, Pay, pain001  # noqa: E402
from tests.factories.accounts import bank_accounts, customer, fund  # noqa: E402
from tests.factories.payments import proof_for  # noqa: E402

NOW = datetime.now(UTC)
while not is_business_day(bank_date(NOW)):  # On a Sunday it would wait for the Monday.
    NOW += timedelta(days=1)
PAYEES = 5_000


def main() -> None:
    what, count = sys.argv[1], int(sys.argv[2])
    psu = _payer()
    if what == "book":
        _book_when_told(psu, count)
    else:
        print(json.dumps({"check": _check, "sign": _sign}[what](psu, count)))


def _check(psu: Any, count: int) -> dict[str, float]:
    """What a check of many payments takes in time, and in memory beyond that of a check of a few."""
    small = _file(psu, 1_000, name="small")
    _checked(psu, small)
    process, before = psutil.Process(), _peak_mb()
    content = _file_on_disk(psu, count)
    size = os.path.getsize(content)
    began = time.monotonic()
    file = _checked(psu, _pieces(content))
    seconds = time.monotonic() - began
    assert file.number_of_transactions == count, file.problems
    return {
        "seconds": seconds,
        "growth_mb": _peak_mb() - before,
        "file_mb": size / 2**20,
        "rss_mb": process.memory_info().rss / 2**20,
    }


def _book_when_told(psu: Any, count: int) -> None:
    """A line in, a file booked and its rate out, so that the limit can be measured in between."""
    for number, _line in enumerate(sys.stdin):
        print(_book(psu, count, name=f"book-{number}"), flush=True)


def _book(psu: Any, count: int, *, name: str) -> float:
    """Payments booked a second, from the engine's first look at a signed group to the last commit."""
    file = _signed(psu, _checked(psu, _file(psu, count, name=name)))
    batch = PaymentBatch.objects.get(file=file)
    began = time.monotonic()
    with transaction.atomic():
        start_batch(batch_id=batch.pk, now=NOW)
    for each in range(batch.sets):
        with transaction.atomic():
            book_set(batch_id=batch.pk, number=each, now=NOW)
    seconds = time.monotonic() - began
    file.refresh_from_db()
    assert file.status == "ACSC", file.status
    return count / seconds


def _sign(psu: Any, count: int) -> dict[str, Any]:
    """Seconds from the wish for a code to the signed file, the code's entry left out, by what is shown of the file; and
    of hashing its payments, which no way of signing can do without. Four paid files are there before."""
    for number in range(4):
        _settle(_signed(psu, _checked(psu, _file(psu, count, name=f"paid-{number}"))))
    figures: dict[str, list[float]] = {"riskiest": [], "random": [], "hash": []}
    for number in range(3):
        for strategy in ("riskiest", "random"):
            file = _checked(psu, _file(psu, count, name=f"{strategy}-{number}"))
            began = time.monotonic()
            with override_settings(SCA_BATCH_DISPLAY=strategy):
                _signed(psu, file)
            figures[strategy].append(time.monotonic() - began)
            began = time.monotonic()
            hash_items(file_id=file.pk)
            figures["hash"].append(time.monotonic() - began)
    return figures


def _settle(file: PaymentFile) -> None:
    """As if the engine had booked it: all that matters here is that its payees were paid before."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bulk_paymentbatch SET status = 'ACSC' WHERE file_id = %s", [file.pk])
        cursor.execute(
            "UPDATE bulk_paymentitem i SET status = 'ACSC' FROM bulk_paymentbatch b"
            " WHERE b.id = i.batch_id AND b.file_id = %s",
            [file.pk],
        )
        cursor.execute("ANALYZE bulk_paymentitem")


def _payer() -> Any:
    bank_accounts()
    psu: Any = customer("Emil", balance_minor=1)
    psu.account.owner_name = "Krueger Werkzeugbau GmbH"
    psu.account.save()
    fund(psu.account, 10**12)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_paymentlimits
                (psu_id, per_payment_minor, per_day_minor, portal_per_day_minor, xs2a_per_day_minor, changed_at)
            VALUES (%s, 100000000000, 10000000000000, 10000000000000, 10000000000000, now())
            """,
            [psu.pk],
        )
        cursor.execute(
            "INSERT INTO bulk_payeecheckoptout (payment_account_id, psu_id, since) VALUES (%s, %s, now())",
            [psu.account.pk, psu.pk],
        )
        ibans = _payees()
        cursor.execute(
            """
            WITH opened AS (
                INSERT INTO ledger_ledgeraccount (id, code, kind, currency, minimum_balance_minor)
                SELECT gen_random_uuid(), 'customer:' || iban, 'customer', 'EUR', 0 FROM unnest(%s::text[]) iban
                RETURNING id, substr(code, 10) AS iban
            )
            INSERT INTO accounts_paymentaccount (id, iban, currency, display_name, owner_name, product,
                                                 cash_account_type, status, ledger_account_id, opened_date)
            SELECT gen_random_uuid(), iban, 'EUR', 'Giro', 'Anna Schneider', 'Giro', 'CACC', 'enabled', id, current_date
            FROM opened ON CONFLICT DO NOTHING
            """,
            [ibans],
        )
        cursor.execute("ANALYZE")
    return psu


def _payees() -> list[str]:
    return [
        make_iban(country="DE", bank_code="10099900", account_number=str(5_000_000_000 + number))
        for number in range(PAYEES)
    ]


def _file(psu: Any, count: int, *, name: str) -> Iterator[bytes]:
    yield _message(psu, count, name=name)


def _file_on_disk(psu: Any, count: int) -> str:
    """Written by a process of its own, so that its memory is none of ours."""
    path = os.path.join(os.environ["BANK_VAR_DIR"], "large.xml")
    child = os.fork()
    if child == 0:
        with open(path, "wb") as out:
            out.write(_message(psu, count, name="large"))
        os._exit(0)
    os.waitpid(child, 0)
    return path


def _message(psu: Any, count: int, *, name: str) -> bytes:
    """A pain.001 of one group, an element a line."""
    ibans = _payees()
    payments = [
        Pay(
            name="Anna Schneider",
            iban=ibans[number % PAYEES],
            amount=f"{1 + number % 9}.50",
            reference=f"Salary {number}",
            end_to_end=f"{name}-{number}",
        )
        for number in range(count)
    ]
    group = Group(psu.account.iban, payments, day=bank_date(NOW).isoformat())
    return pain001(group, message=f"MSG-{name}")


def _pieces(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(2**18):
            yield piece


def _checked(psu: Any, content: Iterator[bytes]) -> PaymentFile:
    file = receive_payment_file(psu=psu, name="salaries.xml", content=content, now=NOW)
    with transaction.atomic():
        check_payment_file(file_id=file.pk, now=NOW)
    file.refresh_from_db()
    assert file.status == "RCVD", file.problems
    return file


def _signed(psu: Any, file: PaymentFile) -> PaymentFile:
    authorisation: UUID = start_payment_file_authorisation(file_id=file.pk, psu=psu, now=NOW).pk
    challenge = send_payment_file_code(file_id=file.pk, authorisation_id=authorisation, psu=psu, now=NOW)
    proof = proof_for(challenge, now=NOW)
    file = authorise_payment_file(
        file_id=file.pk, authorisation_id=authorisation, psu=psu, proof=proof, now=NOW
    )
    # On a day without banks the group would wait.
    PaymentBatch.objects.filter(file=file, released_at=None).update(released_at=NOW)
    return file


def _peak_mb() -> float:
    """The most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
