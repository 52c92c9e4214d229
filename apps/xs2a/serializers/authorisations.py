"""Authorisation sub-resources."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from apps.sca.rules import SCAStatus

if TYPE_CHECKING:
    from apps.sca.models import SCAAuthorisation


def authorisation_started(*, authorisation: "SCAAuthorisation", hrefs: dict[str, Any]) -> dict[str, Any]:
    """``startScaprocessResponse``."""
    return {
        "scaStatus": authorisation.sca_status,
        "authorisationId": str(authorisation.pk),
        "_links": hrefs,
    }


def authorisation_list(*, authorisations: "Iterable[SCAAuthorisation]") -> dict[str, Any]:
    """``authorisations``."""
    return {"authorisationIds": [str(authorisation.pk) for authorisation in authorisations]}


def authorisation_status(*, authorisation: "SCAAuthorisation", now: datetime) -> dict[str, Any]:
    """``scaStatusResponse``; one left lying past its time has failed, whether the job has seen it or not."""
    over = authorisation.is_open and authorisation.expires_at <= now
    return {"scaStatus": SCAStatus.FAILED.value if over else authorisation.sca_status}
