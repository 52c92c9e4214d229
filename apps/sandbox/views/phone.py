from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.core.errors import NotFound
from apps.sandbox.queries import get_phone, list_letters, list_messages, show_message
from apps.sandbox.seeding import personas


@require_safe
def phone(request: HttpRequest, user_id: str) -> HttpResponse:
    """The phone of one person with its messages, newest first. phone.js asks for the page again in the background."""
    try:
        found = get_phone(user_id=user_id)
    except NotFound:
        raise Http404 from None
    shown = [show_message(message) for message in list_messages(phone=found)]
    context = {
        "phone": found,
        "messages_shown": shown,
        "letters": list_letters(phone=found),
        "newest": found.authenticator_code or (shown[0].message_id if shown else 0),
        "people": (*personas.CUSTOMERS, *personas.STAFF, *personas.MEMBERS),
    }
    return render(request, "sandbox/phone_detail.html", context)
