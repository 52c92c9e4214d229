"""Query parameters of the contract."""

from datetime import date

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.xs2a.dates import parse_date
from apps.xs2a.refusals import FormatError

NAME_LENGTH_MAX = 40


def check_query(request: HttpRequest, *, known: frozenset[str]) -> None:
    """Every parameter is one of this path's, and given once.

    :raises FormatError: naming the one that is not.
    """
    if not request.META.get("QUERY_STRING"):
        return
    for name, values in request.GET.lists():
        if name not in known:
            raise FormatError(_("The contract knows no such parameter here."), path=name[:NAME_LENGTH_MAX])
        if len(values) != 1:
            raise FormatError(_("Give it once."), path=name)


def read_flag(request: HttpRequest, name: str) -> bool:
    """A parameter that is true, false or absent (false).

    :raises FormatError: anything else.
    """
    text = request.GET.get(name, "false")
    if text not in ("true", "false"):
        raise FormatError(_("true or false is expected."), path=name)
    return text == "true"


def read_date(request: HttpRequest, name: str) -> date | None:
    """A parameter that is a date, or absent.

    :raises FormatError: anything else.
    """
    text = request.GET.get(name)
    return None if text is None else parse_date(text, path=name)
