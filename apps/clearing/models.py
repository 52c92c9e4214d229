from django.db import models
from django.db.models import Q

from apps.clearing.rules import InstructionStatus
from apps.core.ids import new_id


class ClearingInstruction(models.Model):
    """One outgoing credit transfer, as handed to the clearing house (what a pacs.008 carries)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment_id = models.UUIDField(unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    debtor_name = models.CharField(max_length=140)
    debtor_iban = models.CharField(max_length=34)
    creditor_name = models.CharField(max_length=140)
    creditor_iban = models.CharField(max_length=34)
    end_to_end_identification = models.CharField(max_length=35)
    remittance_information_unstructured = models.CharField(max_length=140, blank=True)
    status = models.CharField(max_length=9, choices=InstructionStatus, default=InstructionStatus.SUBMITTED)
    reason = models.CharField(max_length=4, blank=True)
    submitted_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="clearing_amount_positive"),
            models.CheckConstraint(
                condition=Q(status__in=InstructionStatus.values), name="clearing_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id}: {self.status}"
