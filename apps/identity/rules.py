from django.db import models


class CoreOperation(models.TextChoices):
    """What a core user may be allowed to invoke (S0-53: per operation)."""

    CREDIT_TRANSFER = "credit_transfer"
    READ_ACCOUNT = "read_account"
