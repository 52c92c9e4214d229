"""Freezing all of a customer's access at once: by himself in the portal, by staff while he is on the phone."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.consents.services import revoke_all_consents
from apps.identity.queries import get_psu
from apps.identity.services import end_sessions
from apps.sca.services import freeze_sign_in


def freeze_customer(*, psu_id: UUID, actor_type: str, actor_id: UUID, reason: str, now: datetime) -> None:
    """Stop every use of a customer's access until staff reopen it (PSD2 art. 70(1)(e)).

    No sign-in, no code, no signature, no session, no company's access is left. Orders that are signed already are
    carried out: they are to be cancelled one by one. Doing it again does what is left to be done.

    :raises apps.core.errors.NotFound: no such customer.
    """
    psu = get_psu(psu_id=psu_id)
    # Companies first: whoever presses the button can press it again if this fails, as long as he is signed in.
    revoke_all_consents(psu_id=psu_id, actor_type=actor_type, actor_id=actor_id, reason=reason, now=now)
    with transaction.atomic():
        freeze_sign_in(user_id=psu.user_id, actor_type=actor_type, actor_id=actor_id, reason=reason, now=now)
        end_sessions(user_id=psu.user_id, actor_type=actor_type, actor_id=actor_id, now=now)
    # And what was being given meanwhile; from now on nothing can be.
    revoke_all_consents(psu_id=psu_id, actor_type=actor_type, actor_id=actor_id, reason=reason, now=now)
