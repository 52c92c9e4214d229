from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.ledger.rules import Direction, EntryKind, LedgerAccountKind


class LedgerAccount(models.Model):
    """A book account with its running totals. Changed only by ``ledger_post_entry``."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(max_length=60, unique=True, help_text="customer:<IBAN>, clearing:sepa-sct, …")
    kind = models.CharField(max_length=10, choices=LedgerAccountKind)
    currency = models.CharField(max_length=3)
    debits_minor = models.BigIntegerField(db_default=0, default=0)
    credits_minor = models.BigIntegerField(db_default=0, default=0)
    minimum_balance_minor = models.BigIntegerField(
        null=True, blank=True, help_text="lowest balance allowed: minus the overdraft limit; empty: no limit"
    )
    last_posted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("ledger account")
        constraints = [
            models.CheckConstraint(
                condition=Q(debits_minor__gte=0, credits_minor__gte=0),
                name="ledger_account_totals_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(minimum_balance_minor__isnull=True)
                | Q(credits_minor__gte=F("debits_minor") + F("minimum_balance_minor")),
                name="ledger_account_minimum_balance",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex="^[A-Z]{3}$"), name="ledger_account_currency_form"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=LedgerAccountKind.values), name="ledger_account_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def balance_minor(self) -> int:
        return self.credits_minor - self.debits_minor


class Entry(models.Model):
    """One event in the books: why, when, and what the parties are told about it."""

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=30, choices=EntryKind)
    reference = models.CharField(max_length=64, help_text="id of what is booked; unique for its kind")
    currency = models.CharField(max_length=3)
    booking_date = models.DateField()
    value_date = models.DateField()
    posted_at = models.DateTimeField(help_text="bank time")
    recorded_at = models.DateTimeField(db_default=Now())
    content_hash = models.BinaryField(
        help_text="over accounts, directions and amounts, to tell a replay from a clash"
    )
    debtor_name = models.CharField(max_length=140, blank=True)
    debtor_iban = models.CharField(max_length=34, blank=True)
    creditor_name = models.CharField(max_length=140, blank=True)
    creditor_iban = models.CharField(max_length=34, blank=True)
    end_to_end_identification = models.CharField(max_length=35, blank=True)
    remittance_information_unstructured = models.CharField(max_length=140, blank=True)

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["kind", "reference"], name="ledger_entry_kind_reference"),
            models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="ledger_entry_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Posting(models.Model):
    """One side of an entry on one account. Append-only (trigger); an entry's postings balance (deferred trigger)."""

    id = models.BigAutoField(primary_key=True)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings")
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="postings", db_index=False
    )
    direction = models.CharField(max_length=6, choices=Direction)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    booking_date = models.DateField()
    balance_after_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="ledger_posting_amount_positive"),
            models.CheckConstraint(
                condition=Q(direction__in=Direction.values), name="ledger_posting_direction_known"
            ),
        ]
        indexes = [models.Index(fields=["account", "-booking_date", "-id"], name="ledger_posting_statement")]

    def __str__(self) -> str:
        return f"{self.direction} {self.amount_minor} {self.currency}"
