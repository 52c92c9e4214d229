"""Putting away what has had its time. What must be kept is in the audit trail."""

from datetime import datetime, timedelta

from django.db.models import Q

from apps.authserver.models import AccessToken, AuthorizationRequest, Grant, IDToken, SpentAssertion

# So long an expired token is still known as expired, and a replayed code as a replay.
KEPT_AFTER_EXPIRY = timedelta(days=1)


def purge_expired(*, now: datetime) -> dict[str, int]:
    """Delete what can never be used again; returns how many rows of each kind went."""
    before = now - KEPT_AFTER_EXPIRY
    dead_family = (
        Q(refresh_token=None) | Q(refresh_token__revoked__lt=before) | Q(refresh_token__expires_at__lt=before)
    )
    gone = {
        "assertions": SpentAssertion.objects.filter(expires_at__lt=now),
        "access_tokens": AccessToken.objects.filter(expires__lt=before),
        "id_tokens": IDToken.objects.filter(expires__lt=before, access_token=None),
        "grants": Grant.objects.filter(dead_family, expires__lt=before).exclude(
            access_tokens__expires__gte=before
        ),
        "authorization_requests": AuthorizationRequest.objects.filter(expires_at__lt=before, grant=None),
    }
    return {name: queryset.delete()[0] for name, queryset in gone.items()}
