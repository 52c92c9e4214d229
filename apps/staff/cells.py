"""From a row's value to what a page shows of it. One place decides how a kind of value looks, and what is masked."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.admin.utils import display_for_field, label_for_field, lookup_field
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import models
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise

from apps.core.iban import mask_iban
from apps.core.read_only_admin import ReadOnlyAdmin
from apps.staff.labels import LABELS

HIDDEN = "•••"


@dataclass(frozen=True, slots=True)
class Cell:
    """One value to show: ``kind`` chooses the markup in ``admin/_cell.html``."""

    kind: str
    value: Any
    currency: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class LabelledCell:
    label: str | Promise
    cell: Cell


def cell_of(
    row: models.Model, name: str, *, model_admin: ReadOnlyAdmin, masked: bool, request: HttpRequest
) -> Cell:
    """How ``name`` of ``row`` is shown. ``masked`` shortens account numbers and times, as in lists."""
    try:
        field, _attribute, value = lookup_field(name, row, model_admin)
    except ObjectDoesNotExist:
        return Cell("none", None)
    if isinstance(field, models.BinaryField):
        return Cell("text", HIDDEN)  # Hashes and nonces: no page needs them, and some open things.
    if isinstance(field, models.ManyToManyField):
        return Cell("list", [str(item) for item in value.all()])
    if value is None or value == "":
        return Cell("none", None)
    if name in model_admin.badge_fields:
        return Cell("badge", value)
    if name in model_admin.literal_fields:
        return Cell("code", value)
    if name in model_admin.iban_fields:
        return Cell("text" if masked else "iban", mask_iban(value) if masked else value)
    if name in model_admin.money_fields:
        return Cell("money", value, currency=getattr(row, model_admin.money_fields[name]))
    if isinstance(value, models.Model):
        return Cell("link", str(value), url=url_of(value, request=request, model_admin=model_admin))
    if isinstance(value, datetime):
        return Cell("minute" if masked else "second", value)
    return _plain_cell(value, field)


def _plain_cell(value: Any, field: Any) -> Cell:
    if isinstance(field, models.JSONField):
        return Cell("json", json.dumps(value, indent=2, ensure_ascii=False, default=str))
    if isinstance(value, bool):
        return Cell("bool", value)
    if isinstance(value, date):
        return Cell("date", value)
    if isinstance(value, list | tuple):
        return Cell("list", [str(item) for item in value])
    if isinstance(field, models.UUIDField):
        return Cell("code", str(value))
    if field is not None and field.flatchoices:
        return Cell("text", display_for_field(value, field, ""))
    return Cell("text", value)


def url_of(row: models.Model, *, request: HttpRequest, model_admin: ReadOnlyAdmin) -> str:
    """The page of another row, if there is one and this member of staff may see it."""
    other = model_admin.admin_site._registry.get(type(row))
    if other is None or not other.has_view_permission(request):
        return ""
    try:
        return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""


def label_of(name: str, model: type[models.Model], model_admin: ReadOnlyAdmin) -> str:
    """The words for a field: its room's, if the room has words for it that can be translated, else ours."""
    try:
        words = getattr(model._meta.get_field(name), "verbose_name", "")
    except (AttributeError, FieldDoesNotExist):
        words = getattr(getattr(type(model_admin), name, None), "short_description", "")
    if isinstance(words, Promise) and not name.endswith(
        "_minor"
    ):  # Shown as money, so the unit is no word for it.
        return str(words)
    return str(LABELS[name]) if name in LABELS else str(label_for_field(name, model, model_admin))


def related_admin(model: type[models.Model], *, model_admin: ReadOnlyAdmin) -> ReadOnlyAdmin:
    """The declared pages of a related model, or bare ones that show its fields by kind alone."""
    registered = model_admin.admin_site._registry.get(model)
    if isinstance(registered, ReadOnlyAdmin):
        return registered
    bare = ReadOnlyAdmin(model, model_admin.admin_site)
    bare.badge_fields = [name for name in ("status",) if name in _names(model._meta.get_fields())]
    return bare


def _names(fields: Iterable[Any]) -> set[str]:
    return {field.name for field in fields}
