from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from apps.audit.services import record_event
from apps.core import clock
from apps.notifications.models import OutboxMessage
from apps.notifications.rules import MessageStatus
from apps.notifications.services import replay_message
from apps.staff.actions import REPLAY_MESSAGE
from apps.staff.acts import require_permission, staff_id
from apps.web.views.preferences import SeeOther

REPLAYED_AT_ONCE_MAX = 500


@require_POST
def replay(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Give one dead message new tries."""
    require_permission(request, REPLAY_MESSAGE)
    if not OutboxMessage.objects.filter(pk=message_id).exists():
        raise Http404
    if _replay(request, message_id):
        messages.success(request, _("The message is tried again."))
    else:
        messages.info(request, _("The message is not dead; there is nothing to do."))
    return SeeOther(reverse("admin:notifications_outboxmessage_change", args=[message_id]))


@require_POST
def replay_all(request: HttpRequest) -> HttpResponse:
    """Give every dead message new tries; a few hundred at once, so that the workers are not swamped."""
    require_permission(request, REPLAY_MESSAGE)
    dead = OutboxMessage.objects.filter(status=MessageStatus.DEAD).order_by("created_at")
    ids = list(dead.values_list("pk", flat=True)[:REPLAYED_AT_ONCE_MAX])
    count = sum(_replay(request, message_id) for message_id in ids)
    messages.success(
        request,
        ngettext("%(count)d message is tried again.", "%(count)d messages are tried again.", count)
        % {"count": count},
    )
    return SeeOther(reverse("admin:notifications_outboxmessage_changelist"))


@transaction.atomic
def _replay(request: HttpRequest, message_id: UUID) -> bool:
    replayed = replay_message(message_id=message_id)
    if replayed:
        record_event(
            event="notifications.message.replayed",
            object_type="message",
            object_id=message_id,
            actor_type="staff",
            actor_id=staff_id(request),
            at=clock.now(),
        )
    return replayed
