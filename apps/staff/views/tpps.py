from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from apps.consents.queries import count_live_consents_of_tpp
from apps.core import clock
from apps.payments.queries import count_unfinished_payments_of_tpp
from apps.staff.actions import BLOCK_TPP, SUSPEND_APP
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell
from apps.tpp.models import TPP, App
from apps.tpp.queries import get_app, get_tpp
from apps.tpp.services import block_tpp, suspend_app, unblock_tpp

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
def block(request: HttpRequest, tpp_id: UUID) -> HttpResponse:
    """Deny a TPP access (PSD2 art. 68(5)), after seeing whom it will hit."""
    require_permission(request, BLOCK_TPP)
    tpp = found(get_tpp, tpp_id=tpp_id)
    consents, payments = (
        count_live_consents_of_tpp(tpp_id=tpp.pk),
        count_unfinished_payments_of_tpp(tpp_id=tpp.pk),
    )
    page = ActPage(
        title=_("Block %(name)s") % {"name": tpp.brand_name},
        about=_about_tpp(tpp),
        consequences=[
            _("From the next call on, every request of this company is refused; its tokens stop working."),
            ngettext(
                "%(count)d live consent can no longer be used.",
                "%(count)d live consents can no longer be used.",
                consents,
            )
            % {"count": consents},
            ngettext(
                "%(count)d payment is not finished; what its customer has approved will still be carried out.",
                "%(count)d payments are not finished; what their customers have approved will still be carried out.",
                payments,
            )
            % {"count": payments},
            _("The competent authority must be told at once (PSD2 art. 68(6))."),
        ],
        button=_("Block this company"),
        done=_("%(name)s is blocked.") % {"name": tpp.brand_name},
        back_url=reverse("admin:tpp_tpp_change", args=[tpp.pk]),
        is_danger=True,
        reason_hint=_(
            "Objective and provable: unauthorised or fraudulent access. Kept in the trail with your name."
        ),
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: block_tpp(
            tpp_id=tpp.pk, reason=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )


@require_http_methods(_METHODS)
def unblock(request: HttpRequest, tpp_id: UUID) -> HttpResponse:
    """Let a TPP in again."""
    require_permission(request, BLOCK_TPP)
    tpp = found(get_tpp, tpp_id=tpp_id)
    consents = count_live_consents_of_tpp(tpp_id=tpp.pk)
    page = ActPage(
        title=_("Unblock %(name)s") % {"name": tpp.brand_name},
        about=[*_about_tpp(tpp), LabelledCell(_("Reason of the block"), Cell("text", tpp.blocked_reason))],
        consequences=[
            _("From the next call on, this company's requests are answered again."),
            ngettext(
                "%(count)d live consent can be used again.",
                "%(count)d live consents can be used again.",
                consents,
            )
            % {"count": consents},
        ],
        button=_("Unblock this company"),
        done=_("%(name)s has access again.") % {"name": tpp.brand_name},
        back_url=reverse("admin:tpp_tpp_change", args=[tpp.pk]),
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: unblock_tpp(
            tpp_id=tpp.pk, reason=reason, staff_id=staff_id(request), now=clock.now()
        ),
    )


@require_http_methods(_METHODS)
def suspend(request: HttpRequest, app_id: UUID) -> HttpResponse:
    """Stop one app of a TPP; the company's other apps go on."""
    return _change_suspension(request, app_id=app_id, suspended=True)


@require_http_methods(_METHODS)
def resume(request: HttpRequest, app_id: UUID) -> HttpResponse:
    """Let a suspended app go on."""
    return _change_suspension(request, app_id=app_id, suspended=False)


def _change_suspension(request: HttpRequest, *, app_id: UUID, suspended: bool) -> HttpResponse:
    require_permission(request, SUSPEND_APP)
    app = found(get_app, app_id=app_id)
    page = _suspension_page(app) if suspended else _resumption_page(app)
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: suspend_app(
            app_id=app.pk, suspended=suspended, staff_id=staff_id(request), reason=reason, now=clock.now()
        ),
    )


def _suspension_page(app: App) -> ActPage:
    return ActPage(
        title=_("Suspend %(name)s") % {"name": app.name},
        about=_about_app(app),
        consequences=[
            _("From the next call on, every request of this app is refused; its tokens stop working."),
            _("Other apps of the company are not affected."),
        ],
        button=_("Suspend this app"),
        done=_("%(name)s is suspended.") % {"name": app.name},
        back_url=reverse("admin:tpp_app_change", args=[app.pk]),
        is_danger=True,
    )


def _resumption_page(app: App) -> ActPage:
    return ActPage(
        title=_("Resume %(name)s") % {"name": app.name},
        about=_about_app(app),
        consequences=[_("From the next call on, this app's requests are answered again.")],
        button=_("Resume this app"),
        done=_("%(name)s works again.") % {"name": app.name},
        back_url=reverse("admin:tpp_app_change", args=[app.pk]),
    )


def _about_tpp(tpp: TPP) -> list[LabelledCell]:
    return [
        LabelledCell(_("Company"), Cell("text", tpp.legal_name)),
        LabelledCell(_("Authorisation number"), Cell("code", tpp.authorisation_number)),
        LabelledCell(_("Roles"), Cell("list", list(tpp.roles)) if tpp.roles else Cell("none", None)),
        LabelledCell(_("Status"), Cell("badge", tpp.status)),
    ]


def _about_app(app: App) -> list[LabelledCell]:
    return [
        LabelledCell(_("App"), Cell("text", app.name)),
        LabelledCell(_("Company"), Cell("text", app.tpp.legal_name)),
        LabelledCell(_("Client ID"), Cell("code", app.client_id)),
        LabelledCell(_("Status"), Cell("badge", app.status)),
    ]
