"""What a code signs, on the telephone that got it: for a bank whose messages do not say it in clear (S1-17, S1-18).

The page opens with the password and the code together. The message's address alone shows nothing, and says nothing of
whether there is anything behind it.
"""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.core import clock
from apps.payments.limit_rules import LimitKind
from apps.portal.code_step import failure_text
from apps.portal.errors import answer_for
from apps.portal.forms import DetailsForm
from apps.portal.guard import count_password, retry_later
from apps.portal.phrases import LIMIT_NAMES
from apps.sca.messages import snapshot_in_words
from apps.sca.rules import CodeMalformed
from apps.sca.services import CodeRefused, open_details


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, challenge_id: UUID) -> HttpResponse:
    """The form; after password and code what is signed, in the very words of the snapshot. Nothing is spent by it."""
    form, status, too_many = DetailsForm(), 200, None
    if request.method == "POST":
        form, status = DetailsForm(request.POST), 422
        throttle = count_password(request)
        if not throttle.is_allowed:
            status, too_many = 429, throttle
        elif form.is_valid():
            try:
                snapshot = open_details(challenge_id=challenge_id, now=clock.now(), **form.cleaned_data)
            except CodeMalformed as error:
                form.add_error("code", str(answer_for(error).text))
            except CodeRefused:
                form.add_error(None, failure_text())
            else:
                return render(request, "portal/details.html", _context(snapshot))
    context = {"form": form, "too_many": too_many}
    return retry_later(render(request, "portal/details_open.html", context, status=status), too_many)


def _context(snapshot: dict[str, Any]) -> dict[str, Any]:
    limits = []
    if "new" in snapshot:
        limits = [(LIMIT_NAMES[kind], snapshot["new"][kind], snapshot["old"][kind]) for kind in LimitKind]
    return {"shown": snapshot, "words": snapshot_in_words(snapshot), "limits": limits}
