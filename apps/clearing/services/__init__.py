"""What the clearing room does: hand over, take in, compare. Money itself is the engine's."""

from apps.clearing.services.differences import note_difference
from apps.clearing.services.handover import (
    COLLECT_TASK,
    SUBMIT_TASK,
    OutgoingOrder,
    deliver_message,
    prepare_transfer_message,
    submit_credit_transfers,
)
from apps.clearing.services.inbound import (
    READ_TASK,
    MessageIdReused,
    read_stored_message,
    receive_message,
)
from apps.clearing.services.incoming import (
    ANSWER_TASK,
    RETURN_TASK,
    lock_incoming_transfer,
    note_incoming_booked,
    prepare_answer_message,
    prepare_return_message,
    promise_answer,
    promise_return,
)
from apps.clearing.services.outcomes import (
    CREDIT_TASK,
    ENGINE_QUEUE,
    SETTLE_TASK,
    TIME_OUT_TASK,
    lock_instructions,
    time_out_instruction,
)
from apps.clearing.services.recalls import (
    RECALL_TASK,
    RecallNotPossible,
    prepare_recall_message,
    recall_transfer,
)
from apps.clearing.services.reconciliation import (
    RECONCILE_TASK,
    DifferenceSolved,
    note_unanswered,
    reconcile_cycle,
    reconcile_open_cycles,
    solve_difference,
)
from apps.clearing.services.store import SEND_TASK, store_outgoing_message

__all__ = [
    "ANSWER_TASK",
    "COLLECT_TASK",
    "CREDIT_TASK",
    "ENGINE_QUEUE",
    "READ_TASK",
    "RECALL_TASK",
    "RECONCILE_TASK",
    "RETURN_TASK",
    "SEND_TASK",
    "SETTLE_TASK",
    "SUBMIT_TASK",
    "TIME_OUT_TASK",
    "DifferenceSolved",
    "MessageIdReused",
    "OutgoingOrder",
    "RecallNotPossible",
    "deliver_message",
    "lock_incoming_transfer",
    "lock_instructions",
    "note_difference",
    "note_incoming_booked",
    "note_unanswered",
    "prepare_answer_message",
    "prepare_recall_message",
    "prepare_return_message",
    "prepare_transfer_message",
    "promise_answer",
    "promise_return",
    "read_stored_message",
    "recall_transfer",
    "receive_message",
    "reconcile_cycle",
    "reconcile_open_cycles",
    "solve_difference",
    "store_outgoing_message",
    "submit_credit_transfers",
    "time_out_instruction",
]
