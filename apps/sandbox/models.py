from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

CLOCK_OFFSET_MAX_SECONDS = 10 * 366 * 24 * 3600


class BankClock(models.Model):
    """How far the sandbox's bank is ahead of real time. One row, or none: not moved."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    offset_seconds = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="sandbox_clock_single_row"),
            models.CheckConstraint(
                condition=Q(offset_seconds__gte=0, offset_seconds__lte=CLOCK_OFFSET_MAX_SECONDS),
                name="sandbox_clock_offset_bounded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offset_seconds} s ahead"


class PhoneMessage(models.Model):
    """A text message that reached a phone of the sandbox. The only place where a code can be read: it is the phone."""

    id = models.BigAutoField(primary_key=True)
    to = models.CharField(max_length=16, help_text="E.164")
    text = models.TextField()
    effect_key = models.CharField(max_length=120, help_text="the sender's idempotency key")
    sent_at = models.DateTimeField(help_text="bank time")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["effect_key"], name="sandbox_phone_message_once"),
            models.CheckConstraint(condition=~Q(text=""), name="sandbox_phone_message_has_text"),
        ]
        indexes = [models.Index(fields=["to", "-id"], name="sandbox_phone_message_recent")]

    def __str__(self) -> str:
        return f"to {self.to}"


class Letter(models.Model):
    """A letter that reached somebody of the sandbox: by post, or over the counter of a branch, closed."""

    id = models.BigAutoField(primary_key=True)
    user_id = models.UUIDField(db_index=True)
    place = models.CharField(max_length=6)
    text = models.TextField()
    effect_key = models.CharField(max_length=120, unique=True, help_text="the sender's idempotency key")
    sent_at = models.DateTimeField(help_text="bank time")

    def __str__(self) -> str:
        return f"by {self.place}"
