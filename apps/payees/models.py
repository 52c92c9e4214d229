from django.db import models
from django.db.models import Q

from apps.core.ids import new_id


class LookupCount(models.Model):
    """How many names were looked up on one day on behalf of one asker."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    asker = models.CharField(max_length=80)
    day = models.DateField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asker", "day"], name="payee_lookup_count_once_a_day"),
            models.CheckConstraint(condition=Q(asker__regex="^(psu|app):"), name="payee_lookup_asker_form"),
        ]
        indexes = [models.Index(fields=["day"], name="payee_lookup_day")]

    def __str__(self) -> str:
        return f"{self.asker} {self.day}: {self.count}"
