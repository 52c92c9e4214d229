"""Drawing rows for the staff's pages: ``{% load staff %}``."""

from dataclasses import dataclass, replace
from typing import Any

from django import template
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.utils import flatten
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst

from apps.core.read_only_admin import ReadOnlyAdmin, RelatedRows
from apps.staff.actions import ActLink, act_links
from apps.staff.cells import Cell, LabelledCell, cell_of, label_of, related_admin, url_of
from apps.staff.navigation import TITLES
from apps.staff.panels import Panel, panels_for
from apps.staff.story import StoryEvent, events_of
from apps.web.statuses import status_look

register = template.Library()


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list: where it leads, and its cells."""

    url: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Section:
    """A group of fields on a row's page."""

    title: str | Promise | None
    facts: list[LabelledCell]


@register.simple_tag
def list_headers(change_list: ChangeList) -> list[dict[str, Any]]:
    """The columns' heads, with the addresses that sort by them."""
    model_admin = _read_only(change_list.model_admin)
    heads = list(result_headers(change_list))
    for head, name in zip(heads, change_list.list_display, strict=True):
        head["text"] = label_of(str(name), change_list.model, model_admin)
    return heads


@register.simple_tag(takes_context=True)
def list_rows(context: dict[str, Any], change_list: ChangeList) -> list[ListRow]:
    """The rows of one page of a list, with what is personal shortened."""
    model_admin, request = _read_only(change_list.model_admin), context["request"]
    url_name = f"admin:{change_list.opts.app_label}_{change_list.opts.model_name}_change"
    return [
        ListRow(
            url=reverse(url_name, args=[row.pk]),
            cells=_opening(
                [
                    cell_of(row, str(name), model_admin=model_admin, masked=True, request=request)
                    for name in change_list.list_display
                ]
            ),
        )
        for row in change_list.result_list
    ]


@register.simple_tag
def list_filters(change_list: ChangeList) -> list[dict[str, Any]]:
    """Each filter with its choices, statuses in the words of their badges."""
    model_admin = _read_only(change_list.model_admin)
    return [
        {"title": _filter_title(spec, model_admin), "choices": _choices(spec, change_list, model_admin)}
        for spec in change_list.filter_specs
    ]


@register.simple_tag
def list_title(opts: Any) -> str:
    """What a list is called: as in the menu."""
    return str(TITLES.get(opts.label) or capfirst(opts.verbose_name_plural))


@register.simple_tag
def page_url(change_list: ChangeList, number: int) -> str:
    """The address of another page of the list."""
    return change_list.get_query_string({PAGE_VAR: number})


@register.simple_tag(takes_context=True)
def sections(context: dict[str, Any], model_admin: ReadOnlyAdmin, row: models.Model) -> list[Section]:
    """The fields of a row, as its page declares them."""
    request = context["request"]
    return [
        Section(title, [_fact(row, str(name), model_admin, request) for name in flatten(options["fields"])])
        for title, options in model_admin.get_fieldsets(request, row)
    ]


@register.simple_tag(takes_context=True)
def related_tables(context: dict[str, Any], model_admin: ReadOnlyAdmin, row: models.Model) -> list[Panel]:
    """The rows that hang on this one."""
    return [
        _related_table(related, model_admin, row, context["request"]) for related in model_admin.related_rows
    ]


@register.simple_tag(takes_context=True)
def panels(context: dict[str, Any], model_admin: ReadOnlyAdmin, row: models.Model) -> list[Panel]:
    """What other rooms know about this row."""
    return panels_for(row, model_admin=model_admin, request=context["request"])


@register.simple_tag(takes_context=True)
def acts(context: dict[str, Any], row: models.Model) -> list[ActLink]:
    """What may be done with it."""
    return act_links(row, request=context["request"])


@register.simple_tag
def timeline(model_admin: ReadOnlyAdmin, row: models.Model) -> list[StoryEvent]:
    """What the trail tells of it, oldest first."""
    objects = model_admin.audit_objects(row)
    return events_of(objects) if objects else []


@register.filter
def told(data: dict[str, Any]) -> list[tuple[str, str]]:
    """The recorded facts of an event, as pairs; empty ones and hashes are for the trail's own page."""
    return [
        (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in data.items()
        if value not in ("", None, []) and not name.endswith("sha256")
    ]


def _related_table(
    related: RelatedRows, model_admin: ReadOnlyAdmin, row: models.Model, request: HttpRequest
) -> Panel:
    manager = getattr(row, related.accessor)
    model = manager.model
    own_admin = related_admin(model, model_admin=model_admin)
    foreign = [
        name
        for name in related.fields
        if name in {field.name for field in model._meta.fields if field.is_relation}
    ]
    return Panel(
        title=related.title,
        headers=[label_of(name, model, own_admin) for name in related.fields],
        rows=[
            _linked(
                [
                    cell_of(item, name, model_admin=own_admin, masked=True, request=request)
                    for name in related.fields
                ],
                url=url_of(item, request=request, model_admin=model_admin),
            )
            for item in manager.select_related(*foreign).order_by(*related.order)[: related.limit]
        ],
    )


def _opening(cells: list[Cell]) -> list[Cell]:
    """The first cell opens the row's own page, so it leads nowhere else: a link has no place in a link."""
    return [replace(cells[0], url=""), *cells[1:]]


def _linked(cells: list[Cell], *, url: str) -> list[Cell]:
    """The first cell leads to the row's own page, if it has one."""
    return [replace(cells[0], kind="link", url=url), *cells[1:]] if url else cells


def _fact(row: models.Model, name: str, model_admin: ReadOnlyAdmin, request: HttpRequest) -> LabelledCell:
    return LabelledCell(
        label_of(name, type(row), model_admin),
        cell_of(row, name, model_admin=model_admin, masked=False, request=request),
    )


def _filter_title(spec: Any, model_admin: ReadOnlyAdmin) -> str:
    field = getattr(spec, "field", None)
    return label_of(field.name, model_admin.model, model_admin) if field is not None else str(spec.title)


def _choices(spec: Any, change_list: ChangeList, model_admin: ReadOnlyAdmin) -> list[dict[str, Any]]:
    choices = list(spec.choices(change_list))
    field = getattr(spec, "field", None)
    if field is None or field.name not in (*model_admin.badge_fields, *model_admin.literal_fields):
        return choices
    stored = {str(label): value for value, label in field.flatchoices}
    for choice in choices:
        value = stored.get(str(choice["display"]))
        if value:
            choice["display"] = value if field.name in model_admin.literal_fields else status_look(value).text
    return choices


def _read_only(model_admin: Any) -> ReadOnlyAdmin:
    if not isinstance(model_admin, ReadOnlyAdmin):
        raise TypeError(f"{model_admin} is no page for reading")
    return model_admin
