from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.ids import new_id
from apps.notifications.rules import MessageStatus


class OutboxMessage(models.Model):
    """Work promised by a committed transaction. Times are the database server's, not bank time."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    topic = models.CharField(max_length=80, help_text="name of the Celery task that carries it out")
    queue = models.CharField(max_length=20, default="default")
    payload = models.JSONField(help_text="ids only: no names, amounts, numbers or codes")
    effect_key = models.CharField(max_length=120, unique=True, help_text="one row for one effect")
    correlation_id = models.CharField(
        max_length=64, default="-", help_text="X-Request-ID of the causing call"
    )
    status = models.CharField(max_length=8, choices=MessageStatus, default=MessageStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    available_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=MessageStatus.values), name="outbox_status_known"),
            models.CheckConstraint(
                condition=Q(status=MessageStatus.DONE, done_at__isnull=False)
                | (~Q(status=MessageStatus.DONE) & Q(done_at__isnull=True)),
                name="outbox_done_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["available_at"], name="outbox_waiting", condition=Q(status__in=["pending", "sent"])
            ),
            models.Index(fields=["created_at"], name="outbox_dead", condition=Q(status="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.effect_key}"


class SMSDelivery(models.Model):
    """That a message went out, and how often it was tried; never its text, never its number."""

    effect_key = models.CharField(max_length=120, primary_key=True)
    user_id = models.UUIDField(null=True)
    provider_reference = models.CharField(max_length=100, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.effect_key
