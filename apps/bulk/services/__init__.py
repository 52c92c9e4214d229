"""What this room does, by noun; callers import it from here."""

from apps.bulk.services.checking import (
    CHECK_TASK,
    VERIFY_TASK,
    check_payment_file,
    try_payment_file,
    verify_set_of_payees,
)
from apps.bulk.services.execution import (
    BOOK_TASK,
    SEND_FILE_REFUSAL_NOTICE_TASK,
    begin_batch,
    check_batch_authorised,
    finish_set,
    hold_back_batch,
    lock_batch,
    note_outcomes,
    note_set_booked,
    refuse_batch,
)
from apps.bulk.services.files import (
    TooLateToCancelFile,
    TooManyFilesWaiting,
    cancel_payment_file,
    expire_payment_files,
    is_file_cancellable,
    receive_payment_file,
    reject_payment_file,
    set_payee_check,
)
from apps.bulk.services.signing import (
    START_TASK,
    authorise_payment_file,
    payment_file_snapshot,
    release_due_batches,
    send_payment_file_code,
    start_payment_file_authorisation,
)
from apps.bulk.services.status import PaymentFileStatusInvalid

__all__ = [
    "BOOK_TASK",
    "CHECK_TASK",
    "SEND_FILE_REFUSAL_NOTICE_TASK",
    "START_TASK",
    "VERIFY_TASK",
    "PaymentFileStatusInvalid",
    "TooLateToCancelFile",
    "TooManyFilesWaiting",
    "authorise_payment_file",
    "begin_batch",
    "cancel_payment_file",
    "check_batch_authorised",
    "check_payment_file",
    "expire_payment_files",
    "finish_set",
    "hold_back_batch",
    "is_file_cancellable",
    "lock_batch",
    "note_outcomes",
    "note_set_booked",
    "payment_file_snapshot",
    "receive_payment_file",
    "refuse_batch",
    "reject_payment_file",
    "release_due_batches",
    "send_payment_file_code",
    "set_payee_check",
    "start_payment_file_authorisation",
    "try_payment_file",
    "verify_set_of_payees",
]
