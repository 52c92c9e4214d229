"""The page of an act: what it is about, what follows, a reason, a confirmation; then the room carries it out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise

from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.staff.cells import LabelledCell
from apps.staff.errors import words_for
from apps.staff.forms import ReasonForm
from apps.web.views.preferences import SeeOther

Text = str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class ActPage:
    """The words of the page. ``consequences`` say what will be different afterwards, in numbers where there are any."""

    title: Text
    about: Sequence[LabelledCell]
    consequences: Sequence[Text]
    button: Text
    done: Text
    back_url: str
    is_danger: bool = False
    reason_hint: Text = ""


def require_permission(request: HttpRequest, permission: str) -> None:
    """Staff without this permission get 403, whatever the object.

    :raises PermissionDenied: not permitted.
    """
    if not request.user.has_perm(permission):
        raise PermissionDenied(permission)


def staff_id(request: HttpRequest) -> UUID:
    """Who acts. The site's guard has seen to it that somebody is signed in."""
    return cast(UUID, request.user.pk)


def found(query: Callable[..., Any], **arguments: Any) -> Any:
    """What a room's query returns; what does not exist is 404."""
    try:
        return query(**arguments)
    except NotFound:
        raise Http404 from None


def answer_act(
    request: HttpRequest,
    *,
    page: ActPage,
    carry_out: Callable[..., object],
    form_class: type[ReasonForm] = ReasonForm,
) -> HttpResponse:
    """Show the page of an act, or carry it out with ``reason`` (and what more the form asks) and go back."""
    form = form_class(request.POST if request.method == "POST" else None)
    if page.reason_hint:
        form.fields["reason"].help_text = str(page.reason_hint)
    if form.is_valid():
        try:
            carry_out(**{name: value for name, value in form.cleaned_data.items() if name != "is_confirmed"})
        except InvalidInput as error:
            form.add_error(error.field if error.field in form.fields else "reason", str(words_for(error)))
        except DomainError as error:
            messages.error(request, str(words_for(error)))
            return SeeOther(page.back_url)
        else:
            messages.success(request, str(page.done))
            return SeeOther(page.back_url)
    context = {**admin.site.each_context(request), "title": page.title, "page": page, "form": form}
    return render(request, "staff/act.html", context, status=422 if form.errors else 200)
