from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.core import clock
from apps.core.errors import NotFound
from apps.identity.queries import get_psu_of_user, get_user_by_username
from apps.sca.queries import get_token
from apps.sca.rules import TokenFault
from apps.sca.services import hand_out_token, revoke_token
from apps.staff.actions import CHANGE_TOKEN
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell
from apps.staff.errors import CustomerUnknown
from apps.staff.forms import HandOutForm, TokenFaultForm


@require_http_methods(["GET", "HEAD", "POST"])
def hand_out(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Note whose a token is to be. One pair of eyes: it signs nothing before the customer has bound it himself."""
    require_permission(request, CHANGE_TOKEN)
    token = found(get_token, token_id=token_id)
    page = ActPage(
        title=_("Hand out"),
        about=[LabelledCell(_("Serial number"), Cell("text", token.serial_number))],
        consequences=[
            _("Only this customer can bind the token, and no other ever again."),
            _("It signs nothing until the customer has bound it in the portal, with a signature."),
            _("The customer gets a text message that a token is on its way."),
        ],
        button=_("Hand out"),
        done=_("It is noted whose the token is."),
        back_url=reverse("admin:sca_hardwaretoken_change", args=[token.pk]),
    )
    return answer_act(
        request,
        page=page,
        form_class=HandOutForm,
        carry_out=lambda reason, user_id: hand_out_token(
            token_id=token.pk,
            user_id=_customer(user_id),
            staff_id=staff_id(request),
            reason=reason,
            now=clock.now(),
        ),
    )


def _customer(user_id: str) -> UUID:
    user = get_user_by_username(username=user_id.strip())
    try:
        return get_psu_of_user(user_id=user.pk if user else UUID(int=0)).user_id
    except NotFound:
        raise CustomerUnknown("no customer", field="user_id") from None


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Take a token out of use. One pair of eyes: it makes an access smaller."""
    require_permission(request, CHANGE_TOKEN)
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
