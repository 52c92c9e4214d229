from uuid import UUID

from django.db import connection

from apps.core import clock
from apps.sandbox.models import Letter


class SandboxSMSGateway:
    """Delivers text messages to the sandbox's phone page instead of a mobile network (``settings.SMS_GATEWAY``)."""

    def send(self, *, to: str, text: str, idempotency_key: str) -> str:
        """Put the message on the phone; the same key again changes nothing, as with a real provider."""
        with connection.cursor() as cursor:
            cursor.execute(
                'INSERT INTO sandbox_phonemessage ("to", text, effect_key, sent_at) VALUES (%s, %s, %s, %s)'
                " ON CONFLICT (effect_key) DO NOTHING",
                [to, text, idempotency_key, clock.now()],
            )
        return f"sandbox:{idempotency_key}"


class SandboxLetterGateway:
    """Delivers letters to the page of a person's phone (``settings.LETTER_GATEWAY``)."""

    def send(self, *, user_id: UUID, place: str, text: str, idempotency_key: str) -> None:
        """Put the letter there; the same key again changes nothing."""
        Letter.objects.get_or_create(
            effect_key=idempotency_key,
            defaults={"user_id": user_id, "place": place, "text": text, "sent_at": clock.now()},
        )
