"""``PSU-ID-Token``: the customer whom an earlier consent made known pays, without telling who he is again (S0-38).

The token is no permission. It says to whom the bank sends a code, and the code, with the password beside it, is what
authorises (N1). So before anything is created it must be right in itself and belong to the debtor's account.
"""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.queries import is_holder
from apps.audit.services import record_event
from apps.authserver.queries import AccessContext
from apps.authserver.refusals import IDTokenRefused
from apps.authserver.services import verify_id_token
from apps.consents.queries import covers_iban
from apps.core.errors import NotFound
from apps.core.iban import mask_iban
from apps.identity.queries import get_psu
from apps.xs2a.headers import PSU_ID_TOKEN
from apps.xs2a.refusals import IDTokenNotAccepted

if TYPE_CHECKING:
    from apps.identity.models import PSU

LENGTH_MAX = 4096


def identify_payer(
    request: HttpRequest, *, caller: AccessContext, debtor_iban: str, now: datetime
) -> "PSU | None":
    """The customer whom the ID token names for a payment from this account; None without a token.

    Every refusal is on the audit trail, and no code was sent (S0-40).

    :raises IDTokenNotAccepted: not a token this bank gave this app, expired, revoked, or not tied to the account.
    """
    token = request.META.get("HTTP_PSU_ID_TOKEN")
    if token is None:
        return None
    try:
        psu_id = _check(token, caller=caller, debtor_iban=debtor_iban, now=now)
        return get_psu(psu_id=psu_id)
    except (IDTokenRefused, IDTokenNotAccepted, NotFound) as error:
        _record(error.detail, caller=caller, debtor_iban=debtor_iban, now=now)
        if isinstance(error, IDTokenNotAccepted):
            raise
        raise IDTokenNotAccepted(
            _("The ID token is none that this bank gave this app, or it has expired or was revoked."),
            path=PSU_ID_TOKEN,
        ) from error


def _check(token: str, *, caller: AccessContext, debtor_iban: str, now: datetime) -> UUID:
    if not token.isascii() or len(token) > LENGTH_MAX:
        raise IDTokenRefused("form")
    claims = verify_id_token(token=token, app=caller.app, now=now)
    # Same customer, same consent, same TPP (S0-40); and he may still pay from it.
    tied = claims.consent_id is not None and covers_iban(
        consent_id=claims.consent_id, psu_id=claims.psu_id, app_id=caller.app.pk, iban=debtor_iban
    )
    if not tied or not is_holder(psu_id=claims.psu_id, iban=debtor_iban):
        raise IDTokenNotAccepted(_("The ID token does not belong to the debtor account."), path=PSU_ID_TOKEN)
    return claims.psu_id


def _record(reason: str, *, caller: AccessContext, debtor_iban: str, now: datetime) -> None:
    record_event(
        event="xs2a.id_token.refused",
        object_type="app",
        object_id=caller.app.pk,
        actor_type="tpp",
        actor_id=caller.tpp.pk,
        at=now,
        data={"reason": reason, "debtor_iban": mask_iban(debtor_iban)},
    )
