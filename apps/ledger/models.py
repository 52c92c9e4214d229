from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.ledger.rules import Direction, EntryKind, HoldStatus, LedgerAccountKind


class LedgerAccount(models.Model):
    """A book account with its running totals. Changed only by the ledger's functions in the database."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(max_length=60, unique=True, help_text="customer:<IBAN>, clearing:sepa-sct, …")
    kind = models.CharField(max_length=10, choices=LedgerAccountKind)
    currency = models.CharField(max_length=3)
    debits_minor = models.BigIntegerField(db_default=0, default=0)
    credits_minor = models.BigIntegerField(db_default=0, default=0)
    held_minor = models.BigIntegerField(db_default=0, default=0, help_text="sum of the holds in force")
    minimum_balance_minor = models.BigIntegerField(
        null=True, blank=True, help_text="lowest balance allowed: minus the overdraft limit; empty: no limit"
    )
    folds_later = models.BooleanField(
        db_default=False,
        default=False,
        help_text="totals wait in PendingTotal and are folded in later: for accounts that many postings hit",
    )
    last_posted_at = models.DateTimeField(null=True, blank=True)
    last_booking_date = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = _("ledger account")
        constraints = [
            models.CheckConstraint(
                condition=Q(debits_minor__gte=0, credits_minor__gte=0),
                name="ledger_account_totals_not_negative",
            ),
            models.CheckConstraint(condition=Q(held_minor__gte=0), name="ledger_account_held_not_negative"),
            models.CheckConstraint(
                condition=Q(minimum_balance_minor__isnull=True)
                | Q(credits_minor__gte=F("debits_minor") + F("held_minor") + F("minimum_balance_minor")),
                name="ledger_account_minimum_balance",
            ),
            models.CheckConstraint(
                condition=Q(folds_later=False) | Q(minimum_balance_minor__isnull=True, held_minor=0),
                name="ledger_account_folds_later_without_limit",
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
        """Booked balance; of an account that folds later, as of the last fold."""
        return self.credits_minor - self.debits_minor


class EntryKey(models.Model):
    """That something is booked: one row an entry, in one table for all months, so that it is booked once for ever."""

    entry_id = models.UUIDField(primary_key=True, editable=False, help_text="made from kind and reference")
    booking_date = models.DateField()
    currency = models.CharField(max_length=3)
    content_hash = models.BinaryField(
        help_text="over accounts, directions and amounts, to tell a replay from a clash"
    )

    def __str__(self) -> str:
        return str(self.entry_id)


class Entry(models.Model):
    """One event in the books: why, when, and what the parties are told about it. A partition for each month."""

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=30, choices=EntryKind)
    reference = models.CharField(max_length=64, help_text="id of what is booked; unique for its kind")
    currency = models.CharField(max_length=3)
    booking_date = models.DateField()
    value_date = models.DateField()
    posted_at = models.DateTimeField(help_text="bank time")
    recorded_at = models.DateTimeField(db_default=Now())
    debtor_name = models.CharField(max_length=140, blank=True)
    debtor_iban = models.CharField(max_length=34, blank=True)
    creditor_name = models.CharField(max_length=140, blank=True)
    creditor_iban = models.CharField(max_length=34, blank=True)
    end_to_end_identification = models.CharField(max_length=35, blank=True)
    remittance_information_unstructured = models.CharField(max_length=140, blank=True)

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="ledger_entry_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Posting(models.Model):
    """One side of an entry on one account. Append-only, and balanced, by triggers. A partition for each month.

    Without foreign keys: the trigger that checks the balance finds entry and account in passing, and nobody can
    delete either.
    """

    id = models.BigAutoField(primary_key=True)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings", db_constraint=False)
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="postings", db_index=False, db_constraint=False
    )
    direction = models.CharField(max_length=6, choices=Direction)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    booking_date = models.DateField()
    balance_after_minor = models.BigIntegerField(null=True, help_text="empty on accounts that fold later")

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


class PendingTotal(models.Model):
    """What a posting adds to an account that folds later: a row of its own, so that nobody waits for the account's."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    debit_minor = models.BigIntegerField()
    credit_minor = models.BigIntegerField()
    posted_at = models.DateTimeField()
    booking_date = models.DateField()

    def __str__(self) -> str:
        return f"{self.debit_minor}/{self.credit_minor}"


class CarriedTotal(models.Model):
    """What an account's detached months add up to: the books are proved from it and the postings that are here."""

    account = models.OneToOneField(
        LedgerAccount, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    debits_minor = models.BigIntegerField()
    credits_minor = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.account_id)


class ClosedDay(models.Model):
    """A booking day that is over: what comes later is booked on the next open day."""

    day = models.DateField(primary_key=True)
    closed_at = models.DateTimeField(db_default=Now())
    balances_at = models.DateTimeField(null=True, help_text="when its daily balances stood")

    def __str__(self) -> str:
        return self.day.isoformat()


class DailyBalance(models.Model):
    """An account at the end of a closed day on which something was booked on it."""

    pk = models.CompositePrimaryKey("account_id", "day")
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    day = models.DateField()
    debits_minor = models.BigIntegerField(help_text="of this day")
    credits_minor = models.BigIntegerField(help_text="of this day")
    closing_balance_minor = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}"


class Hold(models.Model):
    """Money of an account that is promised to something: still there, no longer available."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="holds")
    reference = models.CharField(max_length=64, unique=True, help_text="id of what it is for")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="ledger_hold_amount_positive")
        ]
        indexes = [models.Index(fields=["account"], name="ledger_hold_of_account")]

    def __str__(self) -> str:
        return self.reference


class HoldEvent(models.Model):
    """A step in a hold's life; append-only (trigger)."""

    id = models.BigAutoField(primary_key=True)
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="events", db_index=False)
    status = models.CharField(max_length=8, choices=HoldStatus)
    happened_at = models.DateTimeField(help_text="bank time")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=HoldStatus.values), name="ledger_hold_status_known"
            ),
            models.UniqueConstraint(fields=["hold", "status"], name="ledger_hold_step_once"),
            models.UniqueConstraint(
                fields=["hold"], condition=~Q(status=HoldStatus.PLACED), name="ledger_hold_ends_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hold_id} {self.status}"
