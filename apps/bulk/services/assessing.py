"""Transaction monitoring of a file: each of its payments, in the database, before the file can be signed (RTS art. 2).

A payment's own facts are put into a number of two bytes (:mod:`apps.risk.patterns`), so that 100,000 payments are
read once, by one statement, and only the few different numbers among them are scored.
"""

from datetime import datetime, timedelta

from django.db import connection

from apps.accounts.queries import get_balance
from apps.bulk.models import PaymentBatch, PaymentFile
from apps.bulk.queries import list_batches
from apps.bulk.rules import VOID_STATUSES, FileStatus
from apps.core.names.rules import NameMatch
from apps.payments.risk import get_last_security_change, list_past_payments
from apps.risk.facts import CHANGE_HOURS, EMPTIED_PERCENT, HABIT_PAYMENTS_MIN, NEW_PAYEE, Origin
from apps.risk.models import RiskAssessment
from apps.risk.patterns import HAS_OTHER_NAME, IS_LISTED, IS_NEW, IS_NEW_COUNTRY, UNKNOWN, thresholds_of
from apps.risk.queries import get_rules, list_listed_ibans
from apps.risk.rules import Measure
from apps.risk.services import assess_file, common_facts_of_file

# A business pays much the same people each month: with more files there is only more to read.
EARLIER_FILES = 3

_ITEMS = "bulk_paymentbatch b JOIN bulk_paymentitem i ON i.batch_id = b.id"
_USUAL = f"""
SELECT count(*), percentile_disc(0.95) WITHIN GROUP (ORDER BY i.amount_minor)
FROM {_ITEMS} WHERE b.file_id = ANY(%s)
"""  # noqa: S608 (its own names)
_PATTERNS = f"""
WITH known AS (
    SELECT i.creditor_iban AS iban FROM {_ITEMS} WHERE b.file_id = ANY(%(earlier)s)
    UNION SELECT unnest(%(paid)s::text[])
), countries AS (
    SELECT left(iban, 2) AS country FROM known UNION SELECT left(debtor_iban, 2) FROM bulk_paymentbatch
    WHERE file_id = %(file)s
), often AS (
    SELECT i.creditor_iban AS iban, width_bucket(count(*), %(bursts)s::bigint[]) AS reached
    FROM {_ITEMS} WHERE b.file_id = %(file)s GROUP BY i.creditor_iban HAVING count(*) > 1
)
SELECT coalesce(string_agg(int2send(pattern), ''::bytea ORDER BY number, position), ''::bytea) FROM (
    SELECT b.number, i.position, (
        width_bucket(i.amount_minor, %(amounts)s::bigint[])
        | (coalesce(width_bucket(i.amount_minor * 100 / %(usual)s::bigint, %(percents)s::bigint[]), {UNKNOWN}) << 3)
        | CASE WHEN known.iban IS NULL THEN {IS_NEW} | (coalesce(often.reached, 0) << 6)
            | CASE WHEN i.creditor_name_match = '{NameMatch.NMTC}' THEN {HAS_OTHER_NAME} ELSE 0 END ELSE 0 END
        | CASE WHEN listed.iban IS NULL THEN 0 ELSE {IS_LISTED} END
        | CASE WHEN countries.country IS NULL THEN {IS_NEW_COUNTRY} ELSE 0 END
    )::smallint AS pattern
    FROM {_ITEMS}
    LEFT JOIN known ON known.iban = i.creditor_iban
    LEFT JOIN often ON often.iban = i.creditor_iban
    LEFT JOIN unnest(%(listed)s::text[]) AS listed (iban) ON listed.iban = i.creditor_iban
    LEFT JOIN countries ON countries.country = left(i.creditor_iban, 2)
    WHERE b.file_id = %(file)s
) AS items
"""  # noqa: S608 (its own names)


def assess_payments_of_file(*, file: PaymentFile, now: datetime) -> RiskAssessment:
    """Assess every payment of a file that has been checked, and link the file with the result. It refuses nothing."""
    rules, origin = get_rules(now=now), Origin.from_dict(file.origin)
    thresholds = thresholds_of(rules.rules)
    batches = list(list_batches(file_id=file.pk))
    earlier = _earlier_files(file)
    paid = {
        one.creditor_iban
        for account_id in {batch.debtor_account_id for batch in batches}
        for one in list_past_payments(account_id=account_id, now=now)
        if one.is_authorised and now - one.at > NEW_PAYEE
    }
    with connection.cursor() as cursor:
        cursor.execute(_USUAL, [earlier])
        count, usual = cursor.fetchone()
        cursor.execute(
            _PATTERNS,
            {
                "file": file.pk,
                "earlier": earlier,
                "paid": list(paid),
                "usual": usual if count >= HABIT_PAYMENTS_MIN else None,
                "listed": list_listed_ibans(),
                "amounts": thresholds[Measure.AMOUNT_MINOR],
                "percents": thresholds[Measure.PERCENT_OF_USUAL],
                "bursts": thresholds[Measure.BURST_TO_NEW_PAYEE],
            },
        )
        (patterns,) = cursor.fetchone()
    common = common_facts_of_file(
        psu_id=file.psu_id,
        origin=origin,
        takeover_signs=_takeover_signs(file, batches, now=now),
        files_last_day=_files_of_day(file),
        now=now,
    )
    file.risk_assessment = assess_file(
        file_id=file.pk,
        psu_id=file.psu_id,
        common=common,
        patterns=bytes(patterns),
        origin=origin,
        rules=rules,
        now=now,
    )
    return file.risk_assessment


def _earlier_files(file: PaymentFile) -> list[object]:
    """The last files of the customer that were more than looked at, and are old enough to make a payee known."""
    signed = PaymentFile.objects.filter(
        psu_id=file.psu_id, authorised_at__lt=file.created_at - NEW_PAYEE
    ).exclude(status__in=VOID_STATUSES)
    return list(signed.order_by("-created_at").values_list("pk", flat=True)[:EARLIER_FILES])


def _files_of_day(file: PaymentFile) -> int:
    others = PaymentFile.objects.filter(
        psu_id=file.psu_id,
        created_at__gt=file.created_at - timedelta(days=1),
        created_at__lte=file.created_at,
    )
    return others.exclude(pk=file.pk).exclude(status__in=[*VOID_STATUSES, FileStatus.PDNG]).count()


def _takeover_signs(file: PaymentFile, batches: list[PaymentBatch], *, now: datetime) -> int:
    """As for a single payment: an account emptied shortly after number or limits were changed."""
    changed_at = get_last_security_change(psu_id=file.psu_id, user_id=file.psu.user_id)
    if changed_at is None or not timedelta(0) <= now - changed_at <= timedelta(hours=CHANGE_HOURS):
        return 0
    return int(
        any(
            batch.total_minor * 100
            >= get_balance(account=batch.debtor_account).available_minor * EMPTIED_PERCENT
            for batch in batches
        )
    )
