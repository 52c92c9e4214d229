"""What the pages have in common on which something is signed with a code: payments, standing orders, limits."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext

from apps.portal.code_step import is_exhausted
from apps.portal.forms import CodeForm
from apps.portal.guard import Visit
from apps.sca.queries import (
    ChallengeView,
    get_authentication_state,
    get_challenge_view,
    get_open_challenge_id,
    list_authorisations,
)
from apps.sca.rules import SubjectType


def open_authorisation_id(*, subject_type: SubjectType, subject_id: UUID, visit: Visit) -> UUID | None:
    """The newest authorisation of what is signed that still waits."""
    authorisations = list_authorisations(subject_type=subject_type, subject_id=subject_id)
    still_open = [one.pk for one in authorisations if one.is_open and one.expires_at > visit.now]
    return still_open[-1] if still_open else None


def code_under_way(authorisation_id: UUID | None, visit: Visit) -> ChallengeView | None:
    """The code that the customer can still enter."""
    if authorisation_id is None:
        return None
    challenge_id = get_open_challenge_id(
        authorisation_id=authorisation_id, user_id=visit.psu.user_id, now=visit.now
    )
    challenge = get_challenge_view(challenge_id=challenge_id) if challenge_id else None
    return challenge if challenge and not is_exhausted(challenge) else None


def sign_context(visit: Visit, challenge: ChallengeView | None, form: CodeForm) -> dict[str, Any]:
    """What the part of the page needs on which the code is entered."""
    state = get_authentication_state(user_id=visit.psu.user_id)
    return {
        "challenge": challenge,
        "form": form,
        "seconds_left": int((challenge.expires_at - visit.now).total_seconds()) if challenge else 0,
        "is_paused": bool(state and state.blocked_until and state.blocked_until > visit.now),
        "paused_until": state.blocked_until if state else None,
    }


def wrong_code_form() -> CodeForm:
    """The form after a wrong code."""
    return CodeForm.with_error(gettext("This code was not right. Check it, or have a new one sent."))


def is_dead(challenge: ChallengeView) -> bool:
    """Whether the code has been tried wrongly too often, or was ended in another way."""
    return get_challenge_view(challenge_id=challenge.challenge_id).status == "dead"
