"""Changes of a customer's own settings that he signs on a page of their own: limits, trusted payees, devices
(PSD2 art. 97(1)(c)). What happens to the answer is the same for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from apps.core.errors import DomainError
from apps.portal.errors import ANSWERS, answer_for
from apps.portal.forms import CodeForm
from apps.portal.guard import Visit
from apps.portal.signing import NO_ANSWER, check_answer, chosen_method, is_dead, wrong_answer_form
from apps.sca.queries import ChallengeView
from apps.sca.rules import Purpose
from apps.sca.services import CodeRefused, DynamicLinkBroken, Proof, TooManyCodes, issue_challenge
from apps.web.views.preferences import SeeOther


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeToSign:
    """One change, and what its page does with the answer.

    ``here`` is the page, ``done`` where a right answer leads, ``back`` where everything else ends. ``authorise`` gets
    the authorisation and the proof; ``refuse`` ends the change for a reason. ``over`` is what ``authorise`` raises when
    the change came to its end in another way. The texts are whole sentences.
    """

    here: str
    done: str
    back: str
    authorise: Callable[[UUID, Proof], object]
    refuse: Callable[[str], None]
    over: type[DomainError]
    signed_text: str = ""
    worn_out_text: str
    overtaken_text: str


def take_answer(
    request: HttpRequest,
    visit: Visit,
    change: ChangeToSign,
    *,
    authorisation_id: UUID | None,
    challenge: ChallengeView | None,
) -> HttpResponse | CodeForm:
    """Where an answer leads; or the form to show, empty or with what was wrong."""
    if request.method != "POST":
        return wrong_answer_form(challenge) if "failed" in request.GET else CodeForm()
    if authorisation_id is None or challenge is None:
        return SeeOther(change.here)
    try:
        change.authorise(authorisation_id, check_answer(request, challenge, now=visit.now))
    except NO_ANSWER as error:
        return CodeForm.with_error(str(answer_for(error).text))
    except CodeRefused:
        if not is_dead(challenge):
            return SeeOther(f"{change.here}?failed")
        change.refuse("wrong codes")
        messages.error(request, change.worn_out_text)
        return SeeOther(change.back)
    except (change.over, DynamicLinkBroken) as error:
        change.refuse(error.code)
        messages.error(request, change.overtaken_text)
        return SeeOther(change.back)
    if change.signed_text:
        messages.success(request, change.signed_text)
    return SeeOther(change.done)


def ask_for_change(
    request: HttpRequest,
    visit: Visit,
    *,
    purpose: Purpose,
    snapshot: dict[str, Any],
    authorisation_id: UUID | None,
    over: type[DomainError],
) -> None:
    """Open a challenge over a change that waits, by the method that is asked for. Without an authorisation it waits no
    more. What forbids the challenge is said on the next page."""
    if authorisation_id is None:
        messages.error(request, str(ANSWERS[over].text))
        return
    try:
        issue_challenge(
            user=visit.psu.user,
            purpose=purpose,
            snapshot=snapshot,
            method=chosen_method(request, visit),
            authorisation_id=authorisation_id,
            hide_limit=False,
            now=visit.now,
        )
    except TooManyCodes as error:
        messages.error(request, str(answer_for(error).text))
