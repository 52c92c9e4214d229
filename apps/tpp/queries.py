from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.core.errors import NotFound
from apps.tpp.models import TPP, App, AppKey, TPPMember
from apps.tpp.rules import AppStatus, KeyStatus, TPPStatus


def get_active_app(*, client_id: str) -> App:
    """The app of this client id, active and of an active TPP.

    :raises NotFound: unknown, suspended, or its TPP is blocked: all alike.
    """
    app = (
        App.objects.select_related("tpp")
        .filter(client_id=client_id, status=AppStatus.ACTIVE, tpp__status=TPPStatus.ACTIVE)
        .first()
    )
    if app is None:
        raise NotFound("app")
    return app


def get_tpp(*, tpp_id: UUID) -> TPP:
    """A TPP in whatever state.

    :raises NotFound: there is none.
    """
    tpp = TPP.objects.filter(pk=tpp_id).first()
    if tpp is None:
        raise NotFound("tpp")
    return tpp


def get_app(*, app_id: UUID) -> App:
    """An app in whatever state, with its TPP.

    :raises NotFound: there is none.
    """
    app = App.objects.select_related("tpp").filter(pk=app_id).first()
    if app is None:
        raise NotFound("app")
    return app


def list_active_jwks(*, app_id: UUID) -> list[dict[str, Any]]:
    """The public keys by which an app may sign, each with its ``kid``."""
    app = App.objects.filter(pk=app_id).prefetch_related("keys").first()
    if app is None:
        return []
    return [key.jwk | {"kid": key.kid} for key in app.keys.all() if key.status == KeyStatus.ACTIVE]


def list_tpps_for_member(*, user_id: UUID) -> QuerySet[TPP]:
    """The TPPs a person works for."""
    return TPP.objects.filter(members__user_id=user_id).order_by("legal_name")


def list_apps_for_member(*, user_id: UUID) -> QuerySet[App]:
    """The apps a person may manage."""
    return App.objects.filter(tpp__members__user_id=user_id).select_related("tpp").order_by("name")


def get_app_for_member(*, user_id: UUID, app_id: UUID) -> App:
    """One app a person may manage.

    :raises NotFound: missing, or another TPP's: the same to whoever asks.
    """
    app = list_apps_for_member(user_id=user_id).filter(pk=app_id).first()
    if app is None:
        raise NotFound("app")
    return app


def get_tpp_for_member(*, user_id: UUID, tpp_id: UUID) -> TPP:
    """One TPP a person works for.

    :raises NotFound: missing, or not his: the same to whoever asks.
    """
    tpp = list_tpps_for_member(user_id=user_id).filter(pk=tpp_id).first()
    if tpp is None:
        raise NotFound("tpp")
    return tpp


def list_members(*, tpp_id: UUID) -> QuerySet[TPPMember]:
    """Who manages a TPP's apps, by user ID. The caller has made sure that the TPP may be seen."""
    return TPPMember.objects.filter(tpp_id=tpp_id).select_related("user").order_by("user__username")


def list_keys(*, app_id: UUID) -> QuerySet[AppKey]:
    """The keys of an app, retired ones too: active first, then the newest first."""
    return AppKey.objects.filter(app_id=app_id).order_by("status", "-added_at", "-pk")


def get_key(*, app_id: UUID, key_id: int) -> AppKey:
    """One key of an app.

    :raises NotFound: missing, or another app's.
    """
    key = AppKey.objects.filter(app_id=app_id, pk=key_id).first()
    if key is None:
        raise NotFound("key")
    return key
