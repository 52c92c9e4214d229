"""Acts of staff that take two people, done as two people do them."""

from datetime import datetime

from apps.identity.models import User
from apps.identity.services import register_user
from apps.sca.rules import ElementsAfterFreeze
from apps.sca.services import propose_reopening, reopen_sign_in


def colleague(username: str) -> User:
    """A member of staff of that name, without roles: the rooms ask for two people, the door for their rights."""
    found = User.objects.filter(username=username).first()
    return found or register_user(
        username=username,
        password="linden-staff-2026",
        first_name=username.title(),
        last_name="Vogel",
        language="en",
        staff_roles=(),
        now=datetime.fromisoformat("2026-11-21T12:00:00+00:00"),
    )


def reopened(
    user: User, *, elements: ElementsAfterFreeze = ElementsAfterFreeze.RESTORE, now: datetime
) -> None:
    """Rita proposes, Sami confirms."""
    proposal = propose_reopening(
        user=user, elements=elements, staff_id=colleague("rita").pk, reason="seen at the branch", now=now
    )
    reopen_sign_in(proposal_id=proposal.pk, staff_id=colleague("sami").pk, now=now)
