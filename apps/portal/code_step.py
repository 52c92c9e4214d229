"""The step between password and entry: what the browser's session keeps of it, and what its page may show.

Everything here is the same for a code that is on its way and for a decoy (N7): times, tries and buttons depend on the
challenge, and a decoy is a challenge too.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext

from apps.portal.forms import CodeForm
from apps.sca.queries import ChallengeView, get_challenge_view

SENDS_WINDOW = timedelta(minutes=10)


@dataclass
class CodeStep:
    """One browser's wait for a code. ``user_id`` is empty when user ID or password was wrong."""

    challenge_id: str
    user_id: str
    sent_at: list[str] = field(default_factory=list)

    @classmethod
    def started(cls, *, challenge_id: UUID, user_id: UUID | None, now: datetime) -> "CodeStep":
        """The code was just sent, or so it looks."""
        return cls(str(challenge_id), str(user_id or ""), [now.isoformat()])

    def resent(self, *, challenge_id: UUID, now: datetime) -> None:
        """Another code took the place of the last one."""
        self.challenge_id = str(challenge_id)
        self.sent_at.append(now.isoformat())

    def may_resend(self, *, now: datetime) -> bool:
        """Whether one more may be asked for: as often in ten minutes as the bank sends messages at all."""
        recent = [sent for sent in self.sent_at if datetime.fromisoformat(sent) > now - SENDS_WINDOW]
        return len(recent) < settings.SCA_SENDS_PER_10_MINUTES

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CodePage:
    """What the page shows: the form, or why the code cannot be used any more."""

    form: CodeForm
    challenge: ChallengeView
    is_expired: bool
    is_exhausted: bool
    seconds_left: int
    may_resend: bool


def describe(
    step: CodeStep, *, form: CodeForm | None = None, has_failed: bool = False, now: datetime
) -> CodePage:
    """The page of a step. ``form`` is one that came back with an error of its own.

    ``has_failed`` comes from the address (``?failed``), not from the session: a form sent twice must not write over
    what its other half, the right one, has just stored there.
    """
    challenge = get_challenge_view(challenge_id=UUID(step.challenge_id))
    # That an app has said no must not be seen here: it would tell that user ID and password were right (N7).
    is_void = challenge.status == "voided" and not challenge.is_for_device
    return CodePage(
        form=form or (CodeForm.with_error(failure_text()) if has_failed else CodeForm()),
        challenge=challenge,
        is_expired=challenge.expires_at <= now or is_void,
        is_exhausted=is_exhausted(challenge),
        seconds_left=max(0, int((challenge.expires_at - now).total_seconds())),
        may_resend=step.may_resend(now=now),
    )


def is_worth_a_look(challenge_id: UUID, *, now: datetime) -> bool:
    """Whether a page that waits for an app shows something else when it is loaded again: the app has said yes, or time
    is up."""
    challenge = get_challenge_view(challenge_id=challenge_id)
    return challenge.is_answered or challenge.expires_at <= now


def is_over_for_good(challenge: ChallengeView) -> bool:
    """Whether every try failed: not while the last of them, which may be right, is still being looked at."""
    return challenge.status == "dead" or (challenge.status == "voided" and challenge.attempts_left == 0)


def is_exhausted(challenge: ChallengeView) -> bool:
    """Whether every try is used up."""
    return challenge.status == "dead" or challenge.attempts_left == 0


def failure_text() -> str:
    """One sentence for every way to fail (RTS art. 4(3)(a))."""
    return gettext(
        "This did not work. The user ID, the password or the code is not right, or the code is too old."
    )
