from django.db import models
from django.db.models import Q


class ReceiptKey(models.Model):
    """A key that signs receipts, and nothing else. Its private half is sealed, and gone once it is retired; its public
    half stays for good, since receipts are kept for as long as their customers like (trigger)."""

    kid = models.CharField(primary_key=True, max_length=43, help_text="RFC 7638 thumbprint")
    public_key = models.JSONField(help_text="kty, crv, x and y of the JWK")
    sealed_private_key = models.TextField(blank=True, help_text="empty once it is retired")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, help_text="empty: it signs")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kid__regex="^[A-Za-z0-9_-]{43}$"), name="receipt_key_kid_form"
            ),
            models.CheckConstraint(
                condition=Q(retired_at__isnull=True) & ~Q(sealed_private_key="")
                | Q(retired_at__isnull=False, sealed_private_key=""),
                name="receipt_key_signs_or_is_retired",
            ),
            models.UniqueConstraint(
                fields=["retired_at"],
                condition=Q(retired_at__isnull=True),
                nulls_distinct=False,
                name="receipt_key_one_signs",
            ),
        ]

    def __str__(self) -> str:
        return self.kid
