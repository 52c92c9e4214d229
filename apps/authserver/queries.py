"""The hot read: who is behind an access token. One indexed select, compiled once, no further queries."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db import connection

from apps.authserver.models import AccessToken

if TYPE_CHECKING:
    from apps.tpp.models import TPP, App


@dataclass(frozen=True, slots=True)
class AccessContext:
    """What an access token opens, and to whom.

    ``payment_id`` is that of a payment or of a standing order. It, ``consent_id`` and ``psu_id`` are None when the app
    acts for itself (client_credentials).
    """

    app: "App"
    tpp: "TPP"
    scopes: frozenset[str]
    consent_id: UUID | None
    payment_id: UUID | None
    psu_id: UUID | None
    token_id: int


class TokenRow(NamedTuple):
    """A token as stored, with the state of everything its use depends on."""

    token_id: int
    expires: datetime
    scope: str
    revoked_at: datetime | None
    consent_id: UUID | None
    payment_id: UUID | None
    standing_order_id: UUID | None
    psu_id: UUID | None
    user_is_active: bool | None
    consent_status: str | None
    consent_valid_until: date | None
    app: "App"


_COLUMNS = (
    "pk",
    "expires",
    "scope",
    "revoked_at",
    "consent_id",
    "payment_id",
    "standing_order_id",
    "psu_id",
    "user__is_active",
    "consent__consent_status",
    "consent__valid_until",
)


def find_token(*, token_checksum: str) -> TokenRow | None:
    """The access token with this checksum, or None."""
    with connection.cursor() as cursor:
        cursor.execute(_token_sql(), [token_checksum])
        row = cursor.fetchone()
    return None if row is None else _as_token_row(row)


@cache
def _token_sql() -> str:
    """The select, written by the ORM from the models and kept: compiling it costs more than running it."""
    columns = [
        *_COLUMNS,
        *(f"application__app__{name}" for name in _app_fields()),
        *(f"application__app__tpp__{name}" for name in _tpp_fields()),
    ]
    queryset = AccessToken.objects.filter(token_checksum="").values_list(*columns)
    sql, parameters = queryset.query.sql_with_params()
    if parameters != ("",):
        raise RuntimeError("the select has parameters besides the checksum")
    return sql


@cache
def _app_fields() -> list[str]:
    return [field.attname for field in apps.get_model("tpp.App")._meta.concrete_fields]


@cache
def _tpp_fields() -> list[str]:
    return [field.attname for field in apps.get_model("tpp.TPP")._meta.concrete_fields]


def _as_token_row(row: tuple[Any, ...]) -> TokenRow:
    own, app_end = len(_COLUMNS), len(_COLUMNS) + len(_app_fields())
    app = apps.get_model("tpp.App").from_db("default", _app_fields(), row[own:app_end])
    app.tpp = apps.get_model("tpp.TPP").from_db("default", _tpp_fields(), row[app_end:])
    return TokenRow._make((*row[:own], app))


def get_subject(*, token_id: int) -> str | None:
    """The customer's name towards the TPP, as in the ID token; None for a token the app has for itself."""
    return AccessToken.objects.filter(pk=token_id).values_list("grant__subject", flat=True).first()
