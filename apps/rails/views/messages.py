from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.clearing.houses import SIGNATURE_HEADER, is_signed_by_house
from apps.clearing.iso20022.envelope import MESSAGE_MAX_BYTES, MessageMalformed
from apps.clearing.services import MessageIdReused, receive_message
from apps.core import clock
from apps.rails.errors import answer_for


@csrf_exempt  # No browser and no cookie: the message's own signature says who sends it.
@require_POST
def take(request: HttpRequest) -> HttpResponse:
    """POST /rails/messages/: keep one message. 202 once it is kept, whether it is new or was here before."""
    length = request.headers.get("Content-Length") or "0"
    if not (length.isascii() and length.isdigit()):
        return JsonResponse({"code": "length_needed"}, status=411)
    if int(length) > MESSAGE_MAX_BYTES:
        return JsonResponse({"code": "message_malformed", "problems": ["too large"]}, status=413)
    body = request.read(MESSAGE_MAX_BYTES + 1)
    if not is_signed_by_house(signature=request.headers.get(SIGNATURE_HEADER, ""), body=body):
        return JsonResponse({"code": "not_signed"}, status=401)
    try:
        is_new = receive_message(body=body, now=clock.now())
    except (MessageMalformed, MessageIdReused) as error:
        return answer_for(error)
    return JsonResponse({"taken": is_new}, status=202)
