from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.queries import get_account_holder
from apps.accounts.rules import SigningRight
from apps.accounts.services import change_signing_right
from apps.core import clock
from apps.core.iban import mask_iban
from apps.staff.actions import CHANGE_SIGNING
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell


@require_http_methods(["GET", "HEAD", "POST"])
def change_signing(request: HttpRequest, holder_id: int) -> HttpResponse:
    """From alone to jointly, or back: as the customers have agreed with the bank, on paper."""
    require_permission(request, CHANGE_SIGNING)
    holder = found(get_account_holder, holder_id=holder_id)
    account, is_alone = holder.payment_account, holder.signs == SigningRight.ALONE
    page = ActPage(
        title=_("Let somebody sign only together with another") if is_alone else _("Let somebody sign alone"),
        about=[
            LabelledCell(_("Customer"), Cell("text", holder.psu)),
            LabelledCell(_("Account"), Cell("text", f"{account.display_name}, {mask_iban(account.iban)}")),
            LabelledCell(_("Signs"), Cell("text", holder.get_signs_display())),
        ],
        consequences=[
            _("What this customer signs from now on is carried out only when another holder signs it, too.")
            if is_alone
            else _("What this customer signs from now on is carried out without anybody else."),
            _(
                "What was signed before stays signed; what waits for a second signature goes on waiting for it."
            ),
        ],
        button=_("Change it"),
        done=_("It is changed."),
        back_url=reverse("admin:accounts_paymentaccount_change", args=[account.pk]),
        is_danger=not is_alone,
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: change_signing_right(
            holder_id=holder.pk,
            signs=SigningRight.JOINTLY if is_alone else SigningRight.ALONE,
            reason=reason,
            staff_id=staff_id(request),
            now=clock.now(),
        ),
    )
