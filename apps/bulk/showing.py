"""Which payments of a file are shown to who signs it, beside total and number (RTS art. 5(3)(b), S3-22 to
S3-24).

Nobody reads ten thousand payees. The hash over all of them is always signed (S3-25); these few are what a person can
look at. They are chosen once for each who signs, kept (:class:`ShownPayments`), and part of what is signed.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from secrets import SystemRandom
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q

from apps.bulk.models import PaymentBatch, PaymentFile, PaymentItem, ShownPayments
from apps.bulk.rules import SHOWN_MAX, DisplayStrategy, RiskFacts, risk_reasons, risk_score
from apps.identity.models import PSU
from apps.payments.queries import list_paid_ibans
from apps.payments.trusted_payees import list_trusted_payees

# How many payments of earlier files, the latest first, tell whether a payee is new.
_HISTORY_MAX = 200_000
_FACTS = """
WITH history AS (
    SELECT id FROM (
        SELECT b.id, sum(b.number_of_transactions) OVER (ORDER BY b.released_at DESC, b.id)
                     - b.number_of_transactions AS before
        FROM bulk_paymentbatch b
        WHERE b.debtor_account_id = ANY (%(accounts)s) AND b.file_id <> %(file)s AND b.status IN ('ACSC', 'PART')
    ) latest WHERE before < %(most)s
), known AS (
    SELECT unnest(%(paid)s::text[]) AS creditor_iban
    UNION
    SELECT creditor_iban FROM bulk_paymentitem
    WHERE batch_id IN (SELECT id FROM history) AND status = 'ACSC' AND returned_at IS NULL
)
SELECT i.id, i.amount_minor, i.creditor_name_match, k.creditor_iban IS NULL,
    left(i.creditor_iban, 2) <> left(b.debtor_iban, 2)
FROM bulk_paymentbatch b JOIN bulk_paymentitem i ON i.batch_id = b.id
LEFT JOIN known k ON k.creditor_iban = i.creditor_iban
WHERE b.file_id = %(file)s AND i.creditor_iban <> ALL (%(left_out)s::text[]) ORDER BY b.number, i.position
"""
_random = SystemRandom()


def choose_payments(*, file: PaymentFile, psu: PSU) -> tuple[DisplayStrategy, list[dict[str, Any]]]:
    """The payments that are shown to the customer who signs now, by the bank's policy: ids with the reasons to tell.

    ``without_trusted`` leaves out payees whom he trusts and shows the riskiest of the others: none, if he trusts all.
    """
    strategy = DisplayStrategy(settings.SCA_BATCH_DISPLAY)
    if strategy == DisplayStrategy.WITHOUT_TRUSTED:
        trusted = list_trusted_payees(psu_id=psu.pk).values_list("iban", flat=True)
        return strategy, list(_choose_riskiest(file, left_out=list(trusted)))
    if strategy == DisplayStrategy.RANDOM:
        return strategy, [{"id": str(item_id), "reasons": []} for item_id in _choose_at_random(file)]
    return strategy, list(_choose_riskiest(file))


def shown_parts(*, authorisation_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """What the snapshots of these authorisations say of the payments shown, from the payments as they stand now.

    An authorisation from before anything was shown has none.
    """
    rows = list(ShownPayments.objects.filter(pk__in=list(authorisation_ids)))
    wanted = [chosen["id"] for row in rows for chosen in row.payments]
    items = {str(item.pk): item for item in PaymentItem.objects.filter(pk__in=wanted)}
    return {
        row.pk: {
            "shown": {
                "strategy": row.strategy,
                "payments": [
                    _as_shown(items[chosen["id"]], chosen["reasons"])
                    for chosen in row.payments
                    if chosen["id"] in items
                ],
            }
        }
        for row in rows
    }


def _as_shown(item: PaymentItem, reasons: list[str]) -> dict[str, Any]:
    return {
        "line": item.line,
        "creditor_name": item.creditor_name,
        "creditor_iban": item.creditor_iban,
        "amount_minor": item.amount_minor,
        "remittance_information_unstructured": item.remittance_information_unstructured,
        "creditor_name_match": item.creditor_name_match,
        "matched_creditor_name": item.matched_creditor_name,
        "reasons": reasons,
    }


def _choose_at_random(file: PaymentFile) -> Iterator[UUID]:
    """Each as likely as any other, and none to be foreseen by who altered the file (S3-23); in the file's order."""
    batches = list(PaymentBatch.objects.filter(file=file).order_by("number"))
    count = sum(batch.number_of_transactions for batch in batches)
    chosen = sorted(_random.sample(range(count), min(SHOWN_MAX, count)))
    places, first = Q(), 0
    for batch in batches:
        last = first + batch.number_of_transactions
        if positions := [number - first for number in chosen if first <= number < last]:
            places |= Q(batch=batch, position__in=positions)
        first = last
    return (
        PaymentItem.objects.filter(places)
        .order_by("batch__number", "position")
        .values_list("pk", flat=True)
        .iterator()
    )


def _choose_riskiest(file: PaymentFile, *, left_out: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Of equal scores the higher amount, then the one that comes first in the file (S3-22)."""
    count, total = file.number_of_transactions or 0, file.total_minor or 0
    for _score, _amount, _place, item_id, reasons in heapq.nlargest(
        SHOWN_MAX,
        (
            (risk_score(reasons), facts.amount_minor, -place, item_id, reasons)
            for place, (item_id, facts) in enumerate(_facts(file, left_out))
            for reasons in (risk_reasons(facts, count=count, total_minor=total),)
        ),
    ):
        yield {"id": str(item_id), "reasons": [reason.value for reason in reasons]}


def _facts(file: PaymentFile, left_out: Sequence[str]) -> Iterator[tuple[UUID, RiskFacts]]:
    accounts = list(
        PaymentBatch.objects.filter(file=file).values_list("debtor_account", flat=True).distinct()
    )
    paid = list_paid_ibans(account_ids=accounts)
    with connection.cursor() as cursor:
        cursor.execute(
            _FACTS,
            {
                "file": file.pk,
                "accounts": accounts,
                "most": _HISTORY_MAX,
                "paid": list(paid),
                "left_out": list(left_out),
            },
        )
        for item_id, amount_minor, name_match, is_new_payee, is_abroad in cursor:
            yield item_id, RiskFacts(amount_minor, name_match, is_new_payee, is_abroad)
