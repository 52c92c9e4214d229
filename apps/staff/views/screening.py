from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from apps.accounts.queries import list_accounts_for_psu
from apps.core import clock
from apps.screening.explanations import explain_names
from apps.screening.models import ScreeningHit
from apps.screening.queries import get_hit
from apps.screening.services import clear_hit, confirm_hit
from apps.staff.actions import DECIDE_HIT
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
def clear(request: HttpRequest, hit_id: UUID) -> HttpResponse:
    """The customer only has a similar name."""
    require_permission(request, DECIDE_HIT)
    hit = found(get_hit, hit_id=hit_id)
    page = ActPage(
        title=_("Not this person"),
        about=_about(hit),
        consequences=[
            _("The customer goes on as before."),
            _("The hit is not raised again until the entry on the list or the customer's name changes."),
        ],
        button=_("Not this person"),
        done=_("The hit is cleared."),
        back_url=reverse("admin:screening_screeninghit_change", args=[hit.pk]),
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: clear_hit(
            hit_id=hit.pk, reason=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )


@require_http_methods(_METHODS)
def confirm(request: HttpRequest, hit_id: UUID) -> HttpResponse:
    """The customer is who is listed: funds are frozen."""
    require_permission(request, DECIDE_HIT)
    hit = found(get_hit, hit_id=hit_id)
    count = list_accounts_for_psu(psu_id=hit.psu_id).count()
    page = ActPage(
        title=_("True match"),
        about=_about(hit),
        consequences=[
            ngettext(
                "%(count)d account of the customer is blocked at once, a joint one too: it neither pays nor is paid.",
                "%(count)d accounts of the customer are blocked at once, joint ones too: nothing is paid any more.",
                count,
            )
            % {"count": count},
            _("Reporting it to the authority in charge is for you to do: the bank's software does not."),
            _("The decision cannot be taken back here."),
        ],
        button=_("Confirm and block the accounts"),
        done=_("The match is confirmed and the accounts are blocked."),
        back_url=reverse("admin:screening_screeninghit_change", args=[hit.pk]),
        is_danger=True,
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: confirm_hit(
            hit_id=hit.pk, reason=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )


def _about(hit: ScreeningHit) -> list[LabelledCell]:
    entry = hit.entry
    return [
        LabelledCell(_("Customer"), Cell("text", hit.customer_name)),
        LabelledCell(_("Listed name"), Cell("text", hit.listed_name)),
        LabelledCell(_("EU reference"), Cell("text", entry.eu_reference)),
        LabelledCell(
            _("Dates of birth"), Cell("list", entry.birthdates) if entry.birthdates else Cell("none", None)
        ),
        LabelledCell(_("Likeness (of 100)"), Cell("text", hit.score)),
        LabelledCell(
            _("Why"),
            Cell("list", explain_names(customer_name=hit.customer_name, listed_name=hit.listed_name)),
        ),
        LabelledCell(_("Status"), Cell("badge", hit.status)),
    ]
