"""What single payments and standing orders have in common, on each of their tables; nothing of it changes once it is
taken in but status, signatures and the payee's confirmation."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.core.names.rules import NameMatch
from apps.payments.rules import Channel, StatusReason, TransactionStatus


class InitiatedOrder(models.Model):
    """An order that a customer signs: from which account, to whom, how much, and how it came to the bank."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False, help_text="paymentId")
    channel = models.CharField(_("channel"), max_length=6, choices=Channel)
    debtor_iban = models.CharField(_("debtor IBAN"), max_length=34)
    creditor_name = models.CharField(_("creditor"), max_length=70)
    creditor_iban = models.CharField(_("creditor IBAN"), max_length=34)
    creditor_name_match = models.CharField(_("name check"), max_length=4, choices=NameMatch)
    matched_creditor_name = models.CharField(
        _("payee’s name at his bank"), max_length=140, blank=True, help_text="shown with a close match"
    )
    creditor_name_checked_at = models.DateTimeField(
        _("name checked"), null=True, help_text="empty: taken in before names were checked"
    )
    vop_requested = models.BooleanField(
        default=False, help_text="Client-VOP-Requested: the TPP wants to be told, and its customer asked"
    )
    creditor_confirmed_at = models.DateTimeField(null=True, help_text="by the customer, through his TPP")
    creditor_agent = models.CharField(
        _("payee’s bank"), max_length=11, blank=True, default="", help_text="BIC; empty: the IBAN says it"
    )
    amount_minor = models.BigIntegerField(_("amount (minor units)"))
    currency = models.CharField(_("currency"), max_length=3)
    end_to_end_identification = models.CharField(max_length=35, blank=True)
    remittance_information_unstructured = models.CharField(_("reference"), max_length=140, blank=True)
    transaction_status = models.CharField(
        _("status"), max_length=4, choices=TransactionStatus, default=TransactionStatus.RCVD
    )
    status_reason = models.CharField(_("reason"), max_length=4, choices=StatusReason, blank=True)
    request_id = models.CharField(max_length=36, help_text="X-Request-ID, or the form's own key")
    request_hash = models.BinaryField(help_text="of the order, to tell a repeated call from another")
    tpp_redirect_uri = models.CharField(max_length=500, blank=True)
    tpp_nok_redirect_uri = models.CharField(max_length=500, blank=True)
    tpp_notification_uri = models.CharField(max_length=500, blank=True)
    authorisation_id = models.UUIDField(null=True, help_text="by which it was authorised")
    created_at = models.DateTimeField(_("created"))
    status_changed_at = models.DateTimeField(_("last change"))
    authorised_at = models.DateTimeField(_("authorised"), null=True)
    signatures_needed = models.PositiveSmallIntegerField(
        _("signatures needed"),
        default=1,
        db_default=1,
        help_text="set with the first; never lowered (trigger)",
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_partly_signed(self) -> bool:
        """Whether one has signed it, and another has to."""
        return self.transaction_status == TransactionStatus.PATC

    @property
    def reported_status(self) -> str:
        """transactionStatus as its TPP is told it."""
        return self.transaction_status
