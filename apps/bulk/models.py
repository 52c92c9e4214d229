from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.bulk.rules import BatchStatus, DisplayStrategy, FileFormat, FileStatus, ItemStatus, ReasonCode
from apps.core.ids import new_id
from apps.core.names.rules import NameMatch


class PaymentFile(models.Model):
    """An uploaded file of payments. What is in it never changes: whoever needs something else uploads another."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    psu = models.ForeignKey(
        "identity.PSU", on_delete=models.PROTECT, related_name="payment_files", verbose_name=_("customer")
    )
    file_name = models.CharField(_("file"), max_length=100)
    file_format = models.CharField(
        _("format"), max_length=15, choices=FileFormat, blank=True, help_text="empty until it is recognised"
    )
    size_bytes = models.BigIntegerField(_("size in bytes"))
    upload_sha256 = models.BinaryField(help_text="of the bytes that were uploaded")
    message_identification = models.CharField(_("message identification"), max_length=35, blank=True)
    initiating_party = models.CharField(_("initiating party"), max_length=140, blank=True)
    number_of_transactions = models.PositiveIntegerField(_("payments"), null=True)
    total_minor = models.BigIntegerField(_("total (minor units)"), null=True)
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    items_sha256 = models.BinaryField(
        null=True, help_text="over every payment: payee, IBAN, amount, texts, what was found of the name"
    )
    status = models.CharField(_("status"), max_length=4, choices=FileStatus, default=FileStatus.PDNG)
    status_reason = models.CharField(_("reason"), max_length=4, choices=ReasonCode, blank=True)
    problems = models.JSONField(
        default=list, help_text="the first of what is wrong; see apps.bulk.rules.Problem"
    )
    has_more_problems = models.BooleanField(default=False)
    authorisation_id = models.UUIDField(null=True, help_text="by which it was authorised")
    authorised_at = models.DateTimeField(_("authorised"), null=True)
    signatures_needed = models.PositiveSmallIntegerField(
        _("signatures needed"),
        default=1,
        db_default=1,
        help_text="set with the first; never lowered (trigger)",
    )
    origin = models.JSONField(
        default=dict, help_text="where it was uploaded from (apps.risk.facts.Origin); empty: not known"
    )
    risk_assessment = models.OneToOneField(
        "risk.RiskAssessment",
        on_delete=models.PROTECT,
        null=True,
        related_name="payment_file",
        verbose_name=_("risk assessment"),
        help_text="of every payment of it, made before it is offered to be signed; never another (trigger)",
    )
    created_at = models.DateTimeField(_("uploaded"))
    status_changed_at = models.DateTimeField(_("last change"))

    class Meta:
        verbose_name = _("payment file")
        verbose_name_plural = _("payment files")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=FileStatus.values), name="bulk_file_status_known"),
            models.CheckConstraint(condition=Q(currency="EUR"), name="bulk_file_currency_euro"),
            models.CheckConstraint(
                condition=Q(status__in=["PDNG", "RCVD", "PATC", "RJCT", "CANC"])
                | Q(authorised_at__isnull=False, authorisation_id__isnull=False),
                name="bulk_file_executed_only_authorised",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["PDNG", "RJCT", "CANC"])
                | Q(
                    number_of_transactions__gte=1,
                    number_of_transactions__lte=100_000,
                    total_minor__gt=0,
                    items_sha256__isnull=False,
                ),
                name="bulk_file_offered_only_checked",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["PDNG", "RJCT", "CANC"]) | Q(risk_assessment__isnull=False),
                name="bulk_file_offered_only_assessed",
            ),
            models.CheckConstraint(
                condition=Q(signatures_needed__gte=1, signatures_needed__lte=2),
                name="bulk_file_signatures_one_or_two",
            ),
            models.CheckConstraint(
                condition=~Q(status="PATC") | Q(signatures_needed__gt=1),
                name="bulk_file_partly_signed_needs_more",
            ),
            # Each once for a customer, unless nothing came of the other.
            models.UniqueConstraint(
                fields=["psu", "message_identification"],
                condition=~Q(status__in=["PDNG", "RJCT", "CANC"]),
                name="bulk_file_message_once_per_customer",
            ),
            models.UniqueConstraint(
                fields=["psu", "upload_sha256"],
                condition=~Q(status__in=["PDNG", "RJCT", "CANC"]),
                name="bulk_file_content_once_per_customer",
            ),
        ]
        indexes = [
            models.Index(fields=["psu", "-created_at"], name="bulk_file_of_psu"),
            models.Index(fields=["created_at"], name="bulk_file_partly_signed", condition=Q(status="PATC")),
            models.Index(
                fields=["created_at"],
                name="bulk_file_unsigned",
                condition=Q(status__in=["PDNG", "RCVD", "PATC"]),
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_partly_signed(self) -> bool:
        """Whether one has signed it, and another has to."""
        return self.status == FileStatus.PATC

    @property
    def is_scheduled(self) -> bool:
        """Whether it is authorised and not a block of it has begun."""
        return self.status == FileStatus.ACTC


class PaymentFilePart(models.Model):
    """A piece of an uploaded file, until it has been checked; any machine can read it."""

    file = models.ForeignKey(PaymentFile, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="bulk_part_once")]

    def __str__(self) -> str:
        return f"{self.file_id} {self.number}"


class FileProgress(models.Model):
    """How far a check or a booking is. Written outside of the transaction it tells of; of no importance."""

    file_id = models.UUIDField(primary_key=True)
    percent = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(percent__lte=100), name="bulk_progress_percent")]

    def __str__(self) -> str:
        return f"{self.file_id} {self.percent} %"


class PaymentBatch(models.Model):
    """Payments of a file from one account on one day (a PmtInf of pain.001). The engine carries it out as a whole."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    file = models.ForeignKey(
        PaymentFile,
        on_delete=models.PROTECT,
        related_name="batches",
        db_index=False,
        verbose_name=_("payment file"),
    )
    number = models.PositiveSmallIntegerField(_("number"), help_text="its place in the file, from 1")
    payment_information_identification = models.CharField(_("group’s name"), max_length=35)
    debtor_account = models.ForeignKey("accounts.PaymentAccount", on_delete=models.PROTECT, related_name="+")
    debtor_iban = models.CharField(_("debtor IBAN"), max_length=34)
    batch_booking = models.BooleanField(
        _("booked as one"), help_text="BtchBookg: one debit for all, or one for each payment"
    )
    requested_execution_date = models.DateField(
        _("to be carried out on"), null=True, help_text="empty: at once"
    )
    number_of_transactions = models.PositiveIntegerField(_("payments"), default=0)
    total_minor = models.BigIntegerField(_("total (minor units)"), default=0)
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    checks_payees = models.BooleanField(
        _("names checked"),
        default=True,
        help_text="False: a business that opted out (SEPA Regulation art. 5c(6))",
    )
    status = models.CharField(_("status"), max_length=4, choices=BatchStatus, default=BatchStatus.PDNG)
    status_reason = models.CharField(_("reason"), max_length=4, choices=ReasonCode, blank=True)
    released_at = models.DateTimeField(_("handed to the engine"), null=True)
    begun_at = models.DateTimeField(
        _("begun"), null=True, help_text="when its money was set aside and its sum counted against the limits"
    )
    set_size = models.PositiveIntegerField(help_text="how many payments the engine books in one transaction")
    next_set = models.PositiveIntegerField(default=0, help_text="the sets before it are booked")
    core_user_id = models.CharField(_("core user"), max_length=8, blank=True, help_text="set by the engine")

    class Meta:
        verbose_name = _("group of payments")
        verbose_name_plural = _("groups of payments")
        constraints = [
            models.UniqueConstraint(fields=["file", "number"], name="bulk_batch_once"),
            models.UniqueConstraint(
                fields=["file", "payment_information_identification"], name="bulk_batch_identification_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=BatchStatus.values), name="bulk_batch_status_known"
            ),
            models.CheckConstraint(condition=Q(currency="EUR"), name="bulk_batch_currency_euro"),
            models.CheckConstraint(condition=Q(set_size__gt=0), name="bulk_batch_set_size_positive"),
            models.CheckConstraint(
                condition=Q(status__in=["PDNG", "RJCT"]) | Q(released_at__isnull=False),
                name="bulk_batch_begun_only_released",
            ),
        ]
        indexes = [
            models.Index(
                fields=["requested_execution_date"],
                name="bulk_batch_waits_for_its_day",
                condition=Q(status="PDNG", released_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.payment_information_identification

    @property
    def sets(self) -> int:
        """In how many sets it is booked."""
        return -(-self.number_of_transactions // self.set_size)


class PaymentItem(models.Model):
    """One transfer of a file. Payee, amount and texts cannot be changed, not even by SQL (trigger)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    batch = models.ForeignKey(
        PaymentBatch,
        on_delete=models.PROTECT,
        related_name="items",
        db_index=False,
        verbose_name=_("group of payments"),
    )
    position = models.PositiveIntegerField(_("position"), help_text="its place in the batch, from 0")
    line = models.PositiveIntegerField(_("line"), help_text="of the file")
    instruction_identification = models.CharField(max_length=35, blank=True)
    end_to_end_identification = models.CharField(_("end-to-end ID"), max_length=35)
    amount_minor = models.BigIntegerField(_("amount (minor units)"))
    creditor_name = models.CharField(_("creditor"), max_length=70)
    creditor_iban = models.CharField(_("creditor IBAN"), max_length=34)
    remittance_information_unstructured = models.CharField(_("reference"), max_length=140, blank=True)
    purpose = models.CharField(_("purpose"), max_length=4, blank=True, help_text="ExternalPurpose1Code")
    is_internal = models.BooleanField(help_text="the payee's account is one of this bank's")
    creditor_name_match = models.CharField(_("name check"), max_length=4, choices=NameMatch, blank=True)
    matched_creditor_name = models.CharField(_("payee’s name at his bank"), max_length=140, blank=True)
    status = models.CharField(_("status"), max_length=4, choices=ItemStatus, default=ItemStatus.PDNG)
    status_reason = models.CharField(_("reason"), max_length=4, choices=ReasonCode, blank=True)
    return_reason = models.CharField(
        _("reason of the return"),
        max_length=4,
        blank=True,
        db_default="",  # Payments are loaded by COPY, which does not name it.
        help_text="ISO 20022, by the other bank",
    )
    returned_at = models.DateTimeField(_("came back"), null=True)

    class Meta:
        verbose_name = _("payment of a file")
        verbose_name_plural = _("payments of files")
        constraints = [
            models.UniqueConstraint(fields=["batch", "position"], name="bulk_item_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, amount_minor__lte=99_999_999_999), name="bulk_item_amount"
            ),
            models.CheckConstraint(condition=Q(status__in=ItemStatus.values), name="bulk_item_status_known"),
            models.CheckConstraint(
                condition=Q(status="RJCT") ^ Q(status_reason=""), name="bulk_item_reason_if_refused"
            ),
            models.CheckConstraint(
                condition=Q(returned_at__isnull=True, return_reason="")
                | Q(returned_at__isnull=False, status="ACSC") & ~Q(return_reason=""),
                name="bulk_item_returned_only_done",
            ),
            models.CheckConstraint(
                condition=Q(creditor_name_match__in=["", *NameMatch.values]),
                name="bulk_item_name_match_known",
            ),
            models.CheckConstraint(
                condition=Q(creditor_name_match="CMTC") ^ Q(matched_creditor_name=""),
                name="bulk_item_name_shown_if_close",
            ),
        ]
        indexes = [
            models.Index(
                fields=["batch"], name="bulk_item_unfinished", condition=Q(status__in=["PDNG", "ACSP"])
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ShownPayments(models.Model):
    """Which payments of a file were shown beside its total to one of those who sign it, with his newest code.

    They are part of what he signs; this says which they are, so that they can be looked up again as they stand: when
    the code is checked, and by the engine. Whoever changes a row here makes the signature void.
    """

    authorisation_id = models.UUIDField(primary_key=True, help_text="of who signs")
    file = models.ForeignKey(PaymentFile, on_delete=models.PROTECT, related_name="shown")
    strategy = models.CharField(max_length=15, choices=DisplayStrategy)
    payments = models.JSONField(help_text="ids in the order shown, each with the reasons that were told")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(strategy__in=DisplayStrategy.values), name="bulk_shown_strategy_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.file_id} {self.strategy}"


class PayeeCheckOptOut(models.Model):
    """That the holder of a business account does without the check of names in files (SEPA Regulation art. 5c(6))."""

    payment_account = models.OneToOneField(
        "accounts.PaymentAccount", on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    psu = models.ForeignKey("identity.PSU", on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.payment_account_id)
