"""What staff look at of other banks: a transfer that was settled, its cycle, and a difference in it."""

from django.db import transaction

from apps.clearing.models import ClearingDifference, ClearingInstruction, ClearingReport
from apps.clearing.rules import DifferenceKind
from apps.clearing.services import note_difference, reconcile_cycle
from apps.engine.execution import execute_payment
from tests.factories.accounts import NOW
from tests.factories.clearing import (
    CYCLE,
    answer,
    instruction_of,
    line,
    report_body,
    take_in,
    transfer_body,
    write_out,
)
from tests.staff.world import World


def settled_of(world: World) -> ClearingInstruction:
    """The released payment of the world, settled at the clearing house."""
    payment = world.released
    if not ClearingInstruction.objects.filter(payment_id=payment.pk).exists():
        with transaction.atomic():
            execute_payment(payment_id=payment.pk, now=NOW)
        write_out(payment)
        answer(payment)
    return instruction_of(payment)


def difference_of() -> ClearingDifference:
    """Something on which bank and house do not agree."""
    return note_difference(
        kind=DifferenceKind.UNKNOWN, reference="0" * 32, ours_minor=None, theirs_minor=4_200, now=NOW
    )


def compared_cycle(world: World) -> ClearingReport:
    """The cycle of that payment, reported with one cent too much, and an incoming transfer."""
    instruction = settled_of(world)
    take_in(transfer_body(world.anna.account.iban, cycle="SCT-9"))
    take_in(report_body([line(instruction.transaction_id, instruction.amount_minor + 1, is_credit=False)]))
    report = ClearingReport.objects.get(cycle=CYCLE)
    reconcile_cycle(report_id=report.pk, now=NOW)
    return report
