"""In which form the list of transactions is wanted: JSON, or a statement as accounting programs read it."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from apps.statements.rules import StatementFormat
from apps.xs2a.refusals import RequestedFormatsInvalid
from apps.xs2a.views.base import JSONOnly, read_media_range

JSON = "application/json"
REPORT_FORMATS = {"application/xml": StatementFormat.CAMT053, "text/plain": StatementFormat.MT940}
_OFFERED = (JSON, *REPORT_FORMATS)


class JSONOrReport(JSONOnly):
    """What the client wants most; JSON where it does not mind (RFC 9110 12.5.1)."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        header = request.META.get("HTTP_ACCEPT", "").lower()
        wanted = dict(read_media_range(part) for part in header.split(",")) if header else {"*/*": 1.0}
        # The first of the best: the order is the bank's preference.
        chosen = max(_OFFERED, key=lambda offered: _quality(offered, wanted))
        if _quality(chosen, wanted) <= 0:
            raise RequestedFormatsInvalid(
                _("The answer is application/json, application/xml or text/plain."), path="Accept"
            )
        return renderers[0], chosen


def _quality(offered: str, wanted: dict[str, float]) -> float:
    """How much a type is wanted: by the range that names it most exactly."""
    ranges = (offered, offered.partition("/")[0] + "/*", "*/*")
    return next((wanted[one] for one in ranges if one in wanted), 0.0)
