from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.core import clock
from apps.identity.models import User
from apps.identity.queries import get_psu
from apps.sca.queries import get_authentication_state
from apps.sca.rules import Delivery, ElementsAfterFreeze
from apps.sca.services import propose_activation_code, propose_reopening
from apps.staff.actions import REOPEN_SIGN_IN
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell
from apps.staff.forms import ActivationForm, LiftFreezeForm, ReasonForm
from apps.web import freezing

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
def reopen_customer(request: HttpRequest, psu_id: UUID) -> HttpResponse:
    """Lift the pause of a customer's sign-in."""
    require_permission(request, REOPEN_SIGN_IN)
    psu = found(get_psu, psu_id=psu_id)
    return _reopen(request, user=psu.user, back_url=reverse("admin:identity_psu_change", args=[psu.pk]))


@require_http_methods(_METHODS)
def freeze_customer(request: HttpRequest, psu_id: UUID) -> HttpResponse:
    """Stop every use of a customer's access, on his word."""
    require_permission(request, REOPEN_SIGN_IN)
    psu = found(get_psu, psu_id=psu_id)
    page = ActPage(
        title=_("Freeze everything"),
        about=[
            LabelledCell(_("Customer"), Cell("text", psu.full_name)),
            LabelledCell(_("User ID"), Cell("text", psu.user.username)),
        ],
        consequences=[
            _(
                "The customer is signed out everywhere. Sign-in and signing stay closed until staff reopen them."
            ),
            _("Passkeys are suspended. Lifting the freeze says whether they come back."),
            _("Codes that are under way are void, and every company loses its access for good."),
            _("Orders that are signed already are carried out. Go through them with the customer."),
        ],
        button=_("Freeze everything"),
        done=_("Everything is frozen, and the customer gets a text message about it."),
        back_url=reverse("admin:identity_psu_change", args=[psu.pk]),
        is_danger=True,
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: freezing.freeze_customer(
            psu_id=psu.pk,
            actor_type="staff",
            actor_id=staff_id(request),
            reason=reason,
            now=clock.now(),
        ),
    )


@require_http_methods(_METHODS)
def activate_customer(request: HttpRequest, psu_id: UUID) -> HttpResponse:
    """Have an activation code printed for a customer who has lost what he signs with."""
    require_permission(request, REOPEN_SIGN_IN)
    psu = found(get_psu, psu_id=psu_id)
    page = ActPage(
        title=_("Activation code"),
        about=[
            LabelledCell(_("Customer"), Cell("text", psu.full_name)),
            LabelledCell(_("User ID"), Cell("text", psu.user.username)),
        ],
        consequences=[
            _("Nothing yet: another member of staff has to confirm it within a day."),
            _(
                "Then a code is printed in a closed letter. With it and the password the customer registers anew."
            ),
            _("It lives one hour if it is handed over, ten days by post. Look at the identity card first."),
        ],
        button=_("Propose it"),
        done=_("Proposed. Another member of staff has to confirm it."),
        back_url=reverse("admin:identity_psu_change", args=[psu.pk]),
    )
    return answer_act(
        request,
        page=page,
        form_class=ActivationForm,
        carry_out=lambda reason, delivery: propose_activation_code(
            user=psu.user,
            delivery=Delivery(delivery),
            staff_id=staff_id(request),
            reason=reason,
            now=clock.now(),
        ),
    )


@require_http_methods(_METHODS)
def reopen_user(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Lift the pause of any log-in."""
    require_permission(request, REOPEN_SIGN_IN)
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise Http404
    return _reopen(request, user=user, back_url=reverse("admin:identity_user_change", args=[user.pk]))


def _reopen(request: HttpRequest, *, user: User, back_url: str) -> HttpResponse:
    state = get_authentication_state(user_id=user.pk)
    is_frozen = state is not None and state.frozen_at is not None
    page = ActPage(
        title=_("Reopen sign-in"),
        about=[LabelledCell(_("User ID"), Cell("text", user.username))],
        consequences=[
            _("Nothing yet: another member of staff has to confirm it within a day."),
            _("Then failed attempts and a freeze are forgotten, and this person can sign in at once."),
            _(
                "Make sure first who is asking: whoever failed five times may be somebody else (RTS art. 4(4))."
            ),
        ],
        button=_("Propose it"),
        done=_("Proposed. Another member of staff has to confirm it."),
        back_url=back_url,
    )
    return answer_act(
        request,
        page=page,
        form_class=LiftFreezeForm if is_frozen else ReasonForm,
        carry_out=lambda reason, elements=ElementsAfterFreeze.RESTORE: propose_reopening(
            user=user,
            elements=ElementsAfterFreeze(elements),
            staff_id=staff_id(request),
            reason=reason,
            now=clock.now(),
        ),
    )
