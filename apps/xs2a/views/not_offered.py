from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from apps.xs2a.refusals import ServiceNotOffered
from apps.xs2a.views.base import XS2AView


class NotOfferedView(XS2AView):
    """A path of the contract that this bank does not offer: said in so many words, to everybody."""

    http_method_names: list[str] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise ServiceNotOffered(_("The contract has this service; this bank does not offer it."))
