from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.consents.queries import get_consent
from apps.consents.services import revoke_consent_by_staff
from apps.core import clock
from apps.staff.actions import REVOKE_CONSENT
from apps.staff.acts import ActPage, answer_act, found, require_permission, staff_id
from apps.staff.cells import Cell, LabelledCell


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """Stop a company's access for a customer who asked for it, or for his safety."""
    require_permission(request, REVOKE_CONSENT)
    consent = found(get_consent, consent_id=consent_id)
    page = ActPage(
        title=_("Revoke a consent"),
        about=[
            LabelledCell(_("Company"), Cell("text", consent.tpp.legal_name)),
            LabelledCell(_("Customer"), Cell("text", consent.psu) if consent.psu else Cell("none", None)),
            LabelledCell(_("Valid until"), Cell("date", consent.valid_until)),
            LabelledCell(_("Status"), Cell("badge", consent.consent_status)),
        ],
        consequences=[
            _(
                "The company's next call is refused. It cannot be undone: the customer would have to consent anew."
            ),
            _("The customer sees in his portal that access has ended."),
        ],
        button=_("Revoke this consent"),
        done=_("The consent is revoked."),
        back_url=reverse("admin:consents_consent_change", args=[consent.pk]),
        is_danger=True,
    )
    return answer_act(
        request,
        page=page,
        carry_out=lambda reason: revoke_consent_by_staff(
            consent_id=consent.pk, staff_id=staff_id(request), reason=reason, now=clock.now()
        ),
    )
