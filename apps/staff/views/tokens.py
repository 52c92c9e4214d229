from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.core import clock
from apps.sca.queries import get_token
from apps.sca.rules import TokenFault
from apps.sca.services import revoke_token
from apps.staff.actions import REVOKE_TOKEN
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell
from apps.staff.forms import TokenFaultForm


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Take a token out of use. One pair of eyes: it makes an access smaller."""
    require_permission(request, REVOKE_TOKEN)
    token = found(get_token, token_id=token_id)
    page = ActPage(
        title=_("Take out of use"),
        about=[
            LabelledCell(_("Serial number"), Cell("text", token.serial_number)),
            LabelledCell(_("Customer"), Cell("text", str(token.holder or "–"))),
        ],
        consequences=[
            _("The token signs nothing any more, at once. What it has signed before stays signed."),
            _("Nobody can bind it again. The customer, if it has one, gets a text message."),
        ],
        button=_("Take out of use"),
        done=_("The token is out of use."),
        back_url=reverse("admin:sca_hardwaretoken_change", args=[token.pk]),
        is_danger=True,
    )
    return answer_act(
        request,
        page=page,
        form_class=TokenFaultForm,
        carry_out=lambda reason, fault: revoke_token(
            token_id=token.pk,
            fault=TokenFault(fault),
            staff_id=staff_id(request),
            reason=reason,
            now=clock.now(),
        ),
    )
