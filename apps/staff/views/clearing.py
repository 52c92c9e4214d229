from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.clearing.queries import get_difference, get_instruction
from apps.clearing.rules import RecallReason
from apps.clearing.services import recall_transfer, solve_difference
from apps.core import clock
from apps.staff.actions import RECALL_TRANSFER, SOLVE_DIFFERENCE
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell
from apps.staff.forms import RecallForm


@require_http_methods(["GET", "HEAD", "POST"])
def solve(request: HttpRequest, difference_id: UUID) -> HttpResponse:
    """Say what a difference was, and take it off the list of open ones."""
    require_permission(request, SOLVE_DIFFERENCE)
    difference = found(get_difference, difference_id=difference_id)
    page = ActPage(
        title=_("Mark a difference as solved"),
        about=[
            LabelledCell(_("Kind"), Cell("text", difference.get_kind_display())),
            LabelledCell(_("Transaction ID"), Cell("code", difference.reference)),
            LabelledCell(_("In our books"), _money(difference.ours_minor, difference.currency)),
            LabelledCell(_("Reported"), _money(difference.theirs_minor, difference.currency)),
        ],
        consequences=[
            _("It is no longer counted as open. The reason stays with it."),
            _("Nothing is booked by this: what is missing in the books must have been booked before."),
        ],
        button=_("Mark as solved"),
        done=_("The difference is marked as solved."),
        back_url=reverse("admin:clearing_clearingdifference_change", args=[difference.pk]),
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: solve_difference(
            difference_id=difference.pk, note=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def recall(request: HttpRequest, instruction_id: UUID) -> HttpResponse:
    """Ask the payee's bank to give the money of a settled transfer back (camt.056)."""
    require_permission(request, RECALL_TRANSFER)
    instruction = found(get_instruction, instruction_id=instruction_id)
    page = ActPage(
        title=_("Recall a transfer"),
        about=[
            LabelledCell(_("Amount"), _money(instruction.amount_minor, instruction.currency)),
            LabelledCell(_("Payee"), Cell("text", instruction.creditor_name)),
            LabelledCell(_("Status"), Cell("badge", instruction.status)),
        ],
        consequences=[
            _("The payee’s bank is asked to give the money back. It may refuse, and the payee has to agree."),
            _("If it comes, the payer is credited and sees why. It cannot be asked twice."),
        ],
        button=_("Recall this transfer"),
        done=_("The recall is on its way."),
        back_url=reverse("admin:clearing_clearinginstruction_change", args=[instruction.pk]),
        is_danger=True,
    )
    return answer_act(
        request,
        page=page,
        form_class=RecallForm,
        carry_out=lambda reason, code: recall_transfer(
            instruction_id=instruction.pk,
            reason=RecallReason(code),
            note=reason,
            staff_id=staff_id(request),
            now=clock.now(),
        ),
    )


def _money(amount_minor: int | None, currency: str) -> Cell:
    return Cell("none", None) if amount_minor is None else Cell("money", amount_minor, currency=currency)
