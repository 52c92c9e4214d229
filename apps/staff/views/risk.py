from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.core import clock
from apps.risk.admin import explain_assessment
from apps.risk.queries import get_case, get_element
from apps.risk.rules import CaseOutcome, ElementKind
from apps.risk.services import close_case, list_element, take_element_off
from apps.staff.actions import CLOSE_CASE, LIST_ELEMENT
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell
from apps.staff.forms import CaseForm, ElementForm

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
def close(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Say what somebody who looked at a risky payment made of it."""
    require_permission(request, CLOSE_CASE)
    case = found(get_case, case_id=case_id)
    page = ActPage(
        title=_("Close a case"),
        about=[
            LabelledCell(_("What"), Cell("text", case.assessment.get_subject_display())),
            LabelledCell(_("Score (of 100)"), Cell("text", case.assessment.score)),
            LabelledCell(_("Why"), Cell("list", explain_assessment(case.assessment))),
            LabelledCell(_("Status"), Cell("badge", case.status)),
        ],
        consequences=[
            _("The case leaves the queue, and what you found stays with it."),
            _("The payment is neither stopped nor released by this."),
            _(
                "If it is fraud, freezing the customer's access and recalling the money are acts of their own."
            ),
        ],
        button=_("Close the case"),
        done=_("The case is closed."),
        back_url=reverse("admin:risk_riskcase_change", args=[case.pk]),
    )
    return answer_act(
        request,
        page=page,
        form_class=CaseForm,
        carry_out=lambda reason, outcome: close_case(
            case_id=case.pk,
            outcome=CaseOutcome(outcome),
            reason=reason,
            staff_id=staff_id(request),
            now=clock.now(),
        ),
    )


@require_http_methods(_METHODS)
def add_element(request: HttpRequest) -> HttpResponse:
    """Put an account, a network or a device on the list of compromised elements."""
    require_permission(request, LIST_ELEMENT)
    page = ActPage(
        title=_("List a compromised element"),
        about=[],
        consequences=[
            _("Every payment and sign-in from now on is compared with it, and looks risky where it agrees."),
            _("Nothing is blocked by this."),
        ],
        button=_("Put it on the list"),
        done=_("It is on the list."),
        back_url=reverse("admin:risk_compromisedelement_changelist"),
    )
    return answer_act(
        request,
        page=page,
        form_class=ElementForm,
        carry_out=lambda reason, kind, value: list_element(
            kind=ElementKind(kind), value=value, reason=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )


@require_http_methods(_METHODS)
def remove_element(request: HttpRequest, element_id: UUID) -> HttpResponse:
    """Take an element off the list."""
    require_permission(request, LIST_ELEMENT)
    element = found(get_element, element_id=element_id)
    page = ActPage(
        title=_("Take off the list"),
        about=[
            LabelledCell(_("Kind"), Cell("text", element.get_kind_display())),
            LabelledCell(_("Value"), Cell("code", element.value)),
            LabelledCell(_("Reason"), Cell("text", element.reason)),
        ],
        consequences=[
            _("Payments and sign-ins from now on are no longer compared with it."),
            _("What was assessed before stays as it is."),
        ],
        button=_("Take it off the list"),
        done=_("It is off the list."),
        back_url=reverse("admin:risk_compromisedelement_change", args=[element.pk]),
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: take_element_off(
            element_id=element.pk, reason=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )
