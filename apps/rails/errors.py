"""What a clearing house is told when a message is not taken: one table from error to HTTP status."""

from django.http import JsonResponse

from apps.clearing.iso20022.envelope import MessageMalformed
from apps.clearing.services import MessageIdReused
from apps.core.errors import DomainError

ANSWERS: dict[type[DomainError], int] = {
    MessageMalformed: 422,
    MessageIdReused: 409,
}


def answer_for(error: DomainError) -> JsonResponse:
    """The code of the refusal, and what is wrong with the message, line by line."""
    status = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    problems = list(error.problems) if isinstance(error, MessageMalformed) else []
    return JsonResponse({"code": error.code, "problems": problems}, status=status)
