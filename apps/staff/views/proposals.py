"""The second of four eyes: what one member of staff has proposed, another confirms or declines."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.core import clock
from apps.identity.models import StaffProposal, User
from apps.identity.queries import get_proposal
from apps.identity.rules import StaffAct
from apps.identity.services import decline_act
from apps.sca.rules import Delivery, ElementsAfterFreeze
from apps.sca.services import issue_activation_code, reopen_sign_in
from apps.staff.actions import PROPOSABLE
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell
from apps.staff.forms import ConfirmForm

_METHODS = ["GET", "HEAD", "POST"]
# What carries out an act, with the proposal and the second member of staff.
_CARRY_OUT: dict[str, Callable[..., object]] = {
    StaffAct.REOPEN_SIGN_IN: reopen_sign_in,
    StaffAct.ACTIVATION_CODE: issue_activation_code,
}


@require_http_methods(_METHODS)
def confirm(request: HttpRequest, proposal_id: UUID) -> HttpResponse:
    """Carry out what another has proposed, as it stands."""
    proposal = found(get_proposal, proposal_id=proposal_id)
    require_permission(request, PROPOSABLE[StaffAct(proposal.act)])
    page = ActPage(
        title=_("Confirm: %(act)s") % {"act": proposal.get_act_display()},
        about=_facts(proposal),
        consequences=[
            _("It is done at once, as it is proposed here, and the customer is told."),
            _("You answer for it together with the one who proposed it. Look at the reason yourself."),
        ],
        button=_("Confirm and carry out"),
        done=_("It is done."),
        back_url=_page_of(proposal),
    )
    return answer_act(
        request,
        page=page,
        form_class=ConfirmForm,
        carry_out=lambda: _CARRY_OUT[proposal.act](
            proposal_id=proposal.pk, staff_id=staff_id(request), now=clock.now()
        ),
    )


@require_http_methods(_METHODS)
def decline(request: HttpRequest, proposal_id: UUID) -> HttpResponse:
    """Say no to it; or take back what one has proposed oneself."""
    proposal = found(get_proposal, proposal_id=proposal_id)
    require_permission(request, PROPOSABLE[StaffAct(proposal.act)])
    page = ActPage(
        title=_("Decline: %(act)s") % {"act": proposal.get_act_display()},
        about=_facts(proposal),
        consequences=[_("Nothing is done. It can be proposed again.")],
        button=_("Decline"),
        done=_("It is declined."),
        back_url=_page_of(proposal),
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: decline_act(
            proposal_id=proposal.pk, reason=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )


def _facts(proposal: StaffProposal) -> list[LabelledCell]:
    user = User.objects.filter(pk=proposal.object_id).first()
    facts = [
        LabelledCell(_("User ID"), Cell("text", user.username if user else "")),
        LabelledCell(_("Proposed by"), Cell("text", proposal.proposed_by.get_full_name())),
        LabelledCell(_("Reason"), Cell("text", proposal.reason)),
    ]
    if elements := proposal.data.get("elements"):
        facts.append(
            LabelledCell(_("What the customer signs with"), Cell("text", ElementsAfterFreeze(elements).label))
        )
    if delivery := proposal.data.get("delivery"):
        facts.append(
            LabelledCell(_("How the code reaches the customer"), Cell("text", Delivery(delivery).label))
        )
    return facts


def _page_of(proposal: StaffProposal) -> str:
    return reverse("admin:identity_staffproposal_change", args=[proposal.pk])
