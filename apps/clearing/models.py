from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.clearing.rules import (
    DifferenceKind,
    DifferenceStatus,
    Direction,
    IncomingStatus,
    InstructionStatus,
    MessageStatus,
    Rail,
    RecallReason,
    RecallStatus,
)
from apps.core.ids import new_id


class ClearingMessage(models.Model):
    """One ISO 20022 message, to the letter, in either direction. Its id is taken once: repeating it changes nothing."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    direction = models.CharField(_("direction"), max_length=3, choices=Direction)
    message_id = models.CharField(_("message ID"), max_length=35, help_text="GrpHdr/MsgId or Assgnmt/Id")
    name = models.CharField(_("message"), max_length=20, help_text="pacs.008.001.08, …")
    body = models.TextField()
    content_hash = models.BinaryField(help_text="SHA-256 of the body, to tell a repetition from a clash")
    status = models.CharField(_("status"), max_length=8, choices=MessageStatus)
    attempts = models.PositiveIntegerField(_("tries"), default=0)
    error = models.TextField(_("error"), blank=True, default="")
    created_at = models.DateTimeField(_("created"))
    done_at = models.DateTimeField(_("done"), null=True)

    class Meta:
        verbose_name = _("clearing message")
        verbose_name_plural = _("clearing messages")
        constraints = [
            models.UniqueConstraint(fields=["direction", "message_id"], name="clearing_message_once"),
            models.CheckConstraint(
                condition=Q(direction=Direction.OUT, status__in=["waiting", "sent", "refused"])
                | Q(direction=Direction.IN, status__in=["arrived", "read", "refused"]),
                name="clearing_message_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "arrived"], done_at__isnull=True)
                | Q(status__in=["sent", "read", "refused"], done_at__isnull=False),
                name="clearing_message_done_has_time",
            ),
        ]
        indexes = [models.Index(fields=["-created_at"], name="clearing_message_newest")]

    def __str__(self) -> str:
        return f"{self.name} {self.message_id}"


class ClearingInstruction(models.Model):
    """One outgoing credit transfer, as handed to the clearing house: one of those that its pacs.008 carries."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment_id = models.UUIDField(unique=True)
    rail = models.CharField(_("rail"), max_length=4, choices=Rail, default=Rail.SCT)
    message = models.ForeignKey(
        ClearingMessage, on_delete=models.PROTECT, null=True, related_name="instructions"
    )
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    debtor_name = models.CharField(max_length=140)
    debtor_iban = models.CharField(max_length=34)
    creditor_name = models.CharField(max_length=140)
    creditor_iban = models.CharField(max_length=34)
    creditor_agent = models.CharField(
        _("payee’s bank"), max_length=11, blank=True, default="", help_text="BIC; empty: the IBAN says it"
    )
    charge_bearer = models.CharField(
        _("who pays the fees"), max_length=4, default="SLEV", help_text="ISO 20022 ChargeBearerType1Code"
    )
    end_to_end_identification = models.CharField(max_length=35)
    remittance_information_unstructured = models.CharField(max_length=140, blank=True)
    status = models.CharField(max_length=9, choices=InstructionStatus, default=InstructionStatus.SUBMITTED)
    reason = models.CharField(max_length=4, blank=True)
    cycle = models.CharField(
        _("cycle"), max_length=35, blank=True, default="", help_text="in which it settled"
    )
    return_id = models.CharField(_("return ID"), max_length=35, blank=True, default="")
    return_reason = models.CharField(_("reason of the return"), max_length=4, blank=True, default="")
    return_cycle = models.CharField(_("cycle of the return"), max_length=35, blank=True, default="")
    received_at = models.DateTimeField(
        null=True, help_text="when the order was received: instant runs from here"
    )
    submitted_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    late_accepted_at = models.DateTimeField(_("settled late"), null=True)
    returned_at = models.DateTimeField(_("returned"), null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="clearing_amount_positive"),
            models.CheckConstraint(
                condition=Q(status__in=InstructionStatus.values), name="clearing_status_known"
            ),
            models.CheckConstraint(condition=Q(rail__in=Rail.values), name="clearing_rail_known"),
            models.CheckConstraint(
                condition=Q(returned_at__isnull=True, return_id="")
                | (Q(returned_at__isnull=False) & ~Q(return_id="")),
                name="clearing_return_has_id",
            ),
            models.CheckConstraint(
                condition=Q(late_accepted_at__isnull=True) | Q(status=InstructionStatus.TIMED_OUT),
                name="clearing_late_only_timed_out",
            ),
        ]
        indexes = [
            models.Index(fields=["cycle"], name="clearing_by_cycle", condition=~Q(cycle="")),
            models.Index(
                fields=["return_cycle"], name="clearing_by_return_cycle", condition=~Q(return_cycle="")
            ),
            models.Index(
                fields=["submitted_at"],
                name="clearing_unanswered",
                condition=Q(status__in=["submitted", "sent"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id}: {self.status}"

    @property
    def transaction_id(self) -> str:
        """TxId: how the clearing house knows it."""
        return self.payment_id.hex

    @property
    def was_settled(self) -> bool:
        """Whether the clearing house moved the money, in time or late."""
        return (
            self.status in (InstructionStatus.ACCEPTED, InstructionStatus.RETURNED)
            or self.late_accepted_at is not None
        )


class IncomingTransfer(models.Model):
    """A credit transfer from another bank for an account that is said to be here."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.ForeignKey(ClearingMessage, on_delete=models.PROTECT, related_name="incoming_transfers")
    transaction_id = models.CharField(_("transaction ID"), max_length=35)
    debtor_agent = models.CharField(_("payer’s bank"), max_length=35)
    rail = models.CharField(_("rail"), max_length=4, choices=Rail)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    debtor_name = models.CharField(max_length=140)
    debtor_iban = models.CharField(max_length=34, blank=True)
    creditor_name = models.CharField(max_length=140)
    creditor_iban = models.CharField(max_length=34)
    end_to_end_identification = models.CharField(max_length=35)
    remittance_information_unstructured = models.CharField(max_length=140, blank=True)
    status = models.CharField(max_length=9, choices=IncomingStatus, default=IncomingStatus.RECEIVED)
    reason = models.CharField(max_length=4, blank=True, default="")
    cycle = models.CharField(_("cycle"), max_length=35, blank=True, default="")
    return_cycle = models.CharField(_("cycle of the return"), max_length=35, blank=True, default="")
    received_at = models.DateTimeField(_("received"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("incoming transfer")
        verbose_name_plural = _("incoming transfers")
        constraints = [
            models.UniqueConstraint(fields=["debtor_agent", "transaction_id"], name="clearing_incoming_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="clearing_incoming_amount_positive"),
            models.CheckConstraint(
                condition=Q(status__in=IncomingStatus.values), name="clearing_incoming_status_known"
            ),
            models.CheckConstraint(condition=Q(rail__in=Rail.values), name="clearing_incoming_rail_known"),
        ]
        indexes = [
            models.Index(fields=["transaction_id"], name="clearing_incoming_tx"),
            models.Index(fields=["cycle"], name="clearing_incoming_cycle", condition=~Q(cycle="")),
            models.Index(
                fields=["return_cycle"], name="clearing_incoming_return_cycle", condition=~Q(return_cycle="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.transaction_id}: {self.status}"


class ClearingReport(models.Model):
    """What the clearing house says it settled in one cycle (camt.053). Balances are the bank's position, signed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.OneToOneField(ClearingMessage, on_delete=models.PROTECT, related_name="report")
    cycle = models.CharField(_("cycle"), max_length=35, unique=True)
    rail = models.CharField(_("rail"), max_length=4, choices=Rail)
    number = models.PositiveBigIntegerField(_("number"))
    entries = models.PositiveIntegerField(_("entries"))
    opening_minor = models.BigIntegerField(_("opening balance"))
    closing_minor = models.BigIntegerField(_("closing balance"))
    currency = models.CharField(max_length=3)
    received_at = models.DateTimeField(_("received"))
    reconciled_at = models.DateTimeField(_("reconciled"), null=True)

    class Meta:
        verbose_name = _("cycle report")
        verbose_name_plural = _("cycle reports")
        constraints = [
            models.UniqueConstraint(fields=["rail", "number"], name="clearing_report_number_once"),
            models.CheckConstraint(condition=Q(rail__in=Rail.values), name="clearing_report_rail_known"),
        ]
        indexes = [models.Index(fields=["-received_at"], name="clearing_report_newest")]

    def __str__(self) -> str:
        return self.cycle


class ClearingDifference(models.Model):
    """Something on which the clearing house and the books do not agree; staff look into it and mark it solved."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    report = models.ForeignKey(
        ClearingReport, on_delete=models.PROTECT, null=True, related_name="differences"
    )
    kind = models.CharField(_("kind"), max_length=15, choices=DifferenceKind)
    cycle = models.CharField(_("cycle"), max_length=35, blank=True, default="")
    reference = models.CharField(_("transaction ID"), max_length=80)
    ours_minor = models.BigIntegerField(_("in our books"), null=True)
    theirs_minor = models.BigIntegerField(_("reported"), null=True)
    currency = models.CharField(max_length=3, default="EUR")
    status = models.CharField(
        _("status"), max_length=6, choices=DifferenceStatus, default=DifferenceStatus.OPEN
    )
    found_at = models.DateTimeField(_("found"))
    solved_at = models.DateTimeField(_("solved"), null=True)
    solved_by = models.UUIDField(_("solved by"), null=True, help_text="member of staff; empty: by itself")
    note = models.CharField(_("note"), max_length=500, blank=True, default="")

    class Meta:
        verbose_name = _("clearing difference")
        verbose_name_plural = _("clearing differences")
        constraints = [
            models.UniqueConstraint(fields=["cycle", "kind", "reference"], name="clearing_difference_once"),
            models.CheckConstraint(
                condition=Q(kind__in=DifferenceKind.values), name="clearing_difference_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(status=DifferenceStatus.OPEN, solved_at__isnull=True)
                | Q(status=DifferenceStatus.SOLVED, solved_at__isnull=False),
                name="clearing_difference_solved_has_time",
            ),
        ]
        indexes = [models.Index(fields=["-found_at"], name="clearing_difference_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class ClearingRecall(models.Model):
    """The bank asks back money that was settled (camt.056)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    instruction = models.OneToOneField(ClearingInstruction, on_delete=models.PROTECT, related_name="recall")
    reason = models.CharField(_("reason"), max_length=4, choices=RecallReason)
    note = models.CharField(_("note"), max_length=500, blank=True, default="")
    status = models.CharField(_("status"), max_length=9, choices=RecallStatus, default=RecallStatus.REQUESTED)
    answer_reason = models.CharField(_("reason of the refusal"), max_length=4, blank=True, default="")
    requested_by = models.UUIDField(_("asked by"), null=True, help_text="member of staff; empty: by itself")
    requested_at = models.DateTimeField(_("asked"))
    answered_at = models.DateTimeField(_("answered"), null=True)

    class Meta:
        verbose_name = _("recall")
        verbose_name_plural = _("recalls")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=RecallStatus.values), name="clearing_recall_status_known"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=RecallReason.values), name="clearing_recall_reason_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instruction_id}: {self.status}"
