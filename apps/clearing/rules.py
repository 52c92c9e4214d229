from django.db import models


class InstructionStatus(models.TextChoices):
    """Life of an instruction to the clearing house."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
