from django.db import models


class AuditEvent(models.Model):
    """One fact that was recorded. Never updated, never deleted (trigger and privileges)."""

    id = models.BigAutoField(primary_key=True)
    stream = models.SmallIntegerField()
    seq = models.BigIntegerField()
    at = models.DateTimeField(help_text="bank time of the change")
    recorded_at = models.DateTimeField(help_text="clock of the database server")
    event = models.CharField(
        max_length=100, help_text="room.object.fact, such as payments.payment.authorised"
    )
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    request_id = models.CharField(max_length=64)
    session_id = models.CharField(max_length=64)
    data = models.JSONField()
    prev_hash = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "seq"], name="audit_event_stream_seq")]
        indexes = [
            models.Index(fields=["object_type", "object_id", "id"], name="audit_event_object"),
            models.Index(fields=["-at"], name="audit_event_at"),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.event} {self.object_id}"


class AuditHead(models.Model):
    """The last link of a chain, so that a cut-off tail is noticed."""

    stream = models.SmallIntegerField(primary_key=True)
    seq = models.BigIntegerField()
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"stream {self.stream} at {self.seq}"
