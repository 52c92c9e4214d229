import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import MethodNotAllowed, NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.authserver.queries import AccessContext
from apps.core import clock
from apps.tpp.rules import Role
from apps.xs2a.access import authenticate, check_role
from apps.xs2a.errors import refuse
from apps.xs2a.headers import read_request_id
from apps.xs2a.parsers import read_json_object
from apps.xs2a.query import check_query

_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")  # RFC 9110 12.4.2
_ACCEPTED = ("application/json", "application/*", "*/*")


class JSONOnly(BaseContentNegotiation):
    """Answers are JSON; a client that says it takes none is told so (406)."""

    def select_parser(self, request: Request, parsers: Any) -> None:
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        header = request.META.get("HTTP_ACCEPT", "").lower()
        if header and not any(_accepts(part) for part in header.split(",")):
            raise NotAcceptable
        return renderers[0], "application/json"


def _accepts(part: str) -> bool:
    kind, quality = read_media_range(part)
    return kind in _ACCEPTED and quality > 0


def read_media_range(part: str) -> tuple[str, float]:
    """One part of an Accept header: the media range and how much it is wanted, from 0 (not at all) to 1."""
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        name, _equals, value = parameter.replace(" ", "").partition("=")
        if name == "q":
            return kind, float(value) if _QUALITY.fullmatch(value) else 1.0
    return kind, 1.0


class XS2AView(APIView):
    """The one gate in front of everything (S0-50): every call's method, request id, token and role, in this order.

    ``role`` is what the TPP must be licensed for. A view adds what the service itself asks for, then calls the room.
    """

    role: Role
    for_payments = False
    query_parameters: frozenset[str] = frozenset()
    renderer_classes = [JSONRenderer]
    parser_classes: list[Any] = []
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    throttle_classes: list[Any] = []
    content_negotiation_class = JSONOnly
    http_method_names = ["get", "post", "put", "delete"]

    http: HttpRequest
    caller: AccessContext
    now: datetime
    request_id: UUID

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)
        self.http = request._request
        self.request_id = read_request_id(self.http)
        self.now = clock.now()
        self.caller = authenticate(self.http, now=self.now)
        check_role(self.caller, self.role)
        check_query(self.http, known=self.query_parameters)

    def read_body(self) -> dict[str, Any]:
        """The body as a strict JSON object."""
        return read_json_object(self.http)

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        response = refuse(exc, for_payments=self.for_payments)
        if response is None:
            # A fault of ours: Django logs it and answers through errors.render_unrouted.
            raise exc
        return response
