"""For the pages on which an app is waited for."""

from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from apps.portal.guard import Visit, customers_only
from apps.sca.queries import is_settled


@require_safe
@customers_only
def status(request: HttpRequest, visit: Visit, challenge_id: UUID) -> JsonResponse:
    """``done`` when the customer's app has answered, or nothing can come of it any more."""
    return JsonResponse(
        {"done": is_settled(challenge_id=challenge_id, user_id=visit.psu.user_id, now=visit.now)}
    )
