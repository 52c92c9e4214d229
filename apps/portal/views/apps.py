"""Connected apps: who may see what, what they did with it, and the one click that ends it (PSD2 art. 67)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.consents.queries import is_usable_at, list_accesses, list_consents_for_psu
from apps.consents.rules import current_status
from apps.consents.services import revoke_consent
from apps.core.clock import bank_date
from apps.core.ids import parse_uuid
from apps.portal.guard import Visit, customers_only
from apps.portal.phrases import access_text, ago, granted_kinds
from apps.web.views.preferences import SeeOther

if TYPE_CHECKING:
    from apps.consents.models import Consent

HISTORY = 50


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """A consent, told for its customer."""

    consent: "Consent"
    status: str
    kinds: list[str]
    last_used: str
    history: list[tuple[Any, str]]
    is_just_stopped: bool
    is_paused: bool


@require_safe
@customers_only
def app_list(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Live ones first; one that was just stopped keeps its place until the next look."""
    stopped = parse_uuid(request.GET.get("stopped", ""))
    live: list[ConnectedApp] = []
    ended: list[ConnectedApp] = []
    for consent in list_consents_for_psu(psu_id=visit.psu.pk):
        told = _tell(
            consent, visit, is_just_stopped=consent.pk == stopped and consent.consent_status == "revokedByPsu"
        )
        is_live = told.is_just_stopped or is_usable_at(consent=consent, now=visit.now)
        (live if is_live else ended).append(told)
    return render(request, "portal/app_list.html", {"live": live, "ended": ended})


@require_POST
@customers_only
def stop(request: HttpRequest, visit: Visit, consent_id: UUID) -> HttpResponse:
    """Stop a company's access: from its next call on it is refused."""
    consent = revoke_consent(consent_id=consent_id, psu_id=visit.psu.pk, now=visit.now)
    return SeeOther(f"{reverse('portal:app-list')}?stopped={consent.pk}")


def _tell(consent: "Consent", visit: Visit, *, is_just_stopped: bool) -> ConnectedApp:
    last_used_at = consent.last_used_at  # type: ignore[attr-defined]
    return ConnectedApp(
        consent=consent,
        status=current_status(
            consent_status=consent.consent_status, valid_until=consent.valid_until, today=bank_date(visit.now)
        ),
        kinds=granted_kinds(consent.accounts.all()),
        last_used=ago(last_used_at, now=visit.now) if last_used_at else "",
        history=[
            (access, access_text(access)) for access in list_accesses(consent_id=consent.pk, limit=HISTORY)
        ],
        is_just_stopped=is_just_stopped,
        is_paused=consent.tpp.status == "blocked",
    )
