"""What this room does for the doors and the engine, by what becomes of an order; callers import it from here."""

from apps.payments.services.authorising import (
    authorise_payment,
    check_authorised_as_is,
    list_authorised_as_is,
    payment_snapshot,
    send_payment_code,
    start_payment_authorisation,
)
from apps.payments.services.orders import (
    CreditorNotConfirmed,
    CurrencyNotSupported,
    DebtorAccountNotYours,
    PaymentOrder,
    RequestIdReused,
    SameAccount,
    TPPAddresses,
    confirm_creditor,
    initiate_payment,
    verify_payee_of_order,
    waits_for_confirmation,
)
from apps.payments.services.release import hold_back_payment, release_due_payments
from apps.payments.services.reports import (
    SEND_REFUSAL_NOTICE_TASK,
    ExecutionReport,
    lock_payment_for_execution,
    lock_payments_for_execution,
    note_execution,
    note_executions,
    note_return,
)
from apps.payments.services.status import ENGINE_QUEUE, EXECUTE_TASK, PUSH_STATUS_TASK, PaymentStatusInvalid
from apps.payments.services.withdrawal import (
    TooLateToCancel,
    cancel_payment,
    expire_payments,
    is_cancellable,
    reject_payment,
)

__all__ = [
    "ENGINE_QUEUE",
    "EXECUTE_TASK",
    "PUSH_STATUS_TASK",
    "SEND_REFUSAL_NOTICE_TASK",
    "CreditorNotConfirmed",
    "CurrencyNotSupported",
    "DebtorAccountNotYours",
    "ExecutionReport",
    "PaymentOrder",
    "PaymentStatusInvalid",
    "RequestIdReused",
    "SameAccount",
    "TPPAddresses",
    "TooLateToCancel",
    "authorise_payment",
    "cancel_payment",
    "check_authorised_as_is",
    "confirm_creditor",
    "expire_payments",
    "hold_back_payment",
    "initiate_payment",
    "is_cancellable",
    "list_authorised_as_is",
    "lock_payment_for_execution",
    "lock_payments_for_execution",
    "note_execution",
    "note_executions",
    "note_return",
    "payment_snapshot",
    "reject_payment",
    "release_due_payments",
    "send_payment_code",
    "start_payment_authorisation",
    "verify_payee_of_order",
    "waits_for_confirmation",
]
