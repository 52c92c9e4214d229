"""Pages of the staff's admin on which rows are looked at, and nothing is ever added, edited or deleted by hand.

Rooms declare in their ``admin.py`` what of a row may be seen; ``apps.staff`` draws it and adds what may be done. The
site takes no other kind of page, so that nothing a library brings along opens a second way to the tables.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.filters import SimpleListFilter
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.views.decorators.http import require_safe

from apps.core.ids import parse_uuid

ROWS_PER_PAGE = 50
_GROUPED_IBAN = re.compile(r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9 ]{11,40}")
RELATED_ROWS_MAX = 100


@dataclass(frozen=True, slots=True)
class RelatedRows:
    """Rows that hang on the one shown: the reverse relation ``accessor``, as a table of ``fields``.

    ``order`` says which come first when there are more than the page shows.
    """

    title: str | Promise
    accessor: str
    fields: Sequence[str]
    order: Sequence[str] = ("pk",)
    limit: int = RELATED_ROWS_MAX


class ReadOnlyAdmin(ModelAdmin):
    """A model whose rows staff may read.

    ``list_display`` and ``fieldsets`` name what is shown, and nothing else is reachable: filters take only what
    ``list_filter`` names (Django itself would let ``?password__startswith=`` through). ``iban_fields`` are shown
    shortened in lists and in full on the row's own page only.
    """

    actions = None
    list_per_page = ROWS_PER_PAGE
    list_max_show_all = 0
    show_full_result_count = False
    preserve_filters = False

    badge_fields: Sequence[str] = ()
    literal_fields: Sequence[str] = ()  # Shown as stored: codes that have words for customers only.
    iban_fields: Sequence[str] = ()
    money_fields: dict[str, str] = {}  # The amount's field → the currency's.
    uuid_search_fields: Sequence[str] = ()
    related_rows: Sequence[RelatedRows] = ()
    audit_object_type = ""  # By what name the trail calls these rows; empty: no timeline.

    def row_title(self, row: Any) -> str:
        """What a row's page is called."""
        return str(row)

    def audit_objects(self, row: Any) -> list[tuple[str, Any]]:
        """Under which names, as (type, id), the trail tells of this row."""
        return [(self.audit_object_type, row.pk)] if self.audit_object_type else []

    # Nobody edits by hand --------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only who was given ``view_…``: a ``change_…`` permission is for an action, not for looking around."""
        return request.user.has_perm(f"{self.opts.app_label}.view_{self.opts.model_name}")

    def get_urls(self) -> list[URLPattern]:
        """The list and the row; no other page exists, not even to be refused."""
        wrap = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("", wrap(require_safe(self.changelist_view)), name=f"{name}_changelist"),
            path("<path:object_id>/", wrap(require_safe(self.detail_view)), name=f"{name}_change"),
        ]

    # Lists -----------------------------------------------------------------------------------------------

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Whether a list may be narrowed by this; what no filter offers could spell out hidden columns."""
        allowed: set[str] = set()
        for item in self.get_list_filter(request) if request else self.list_filter:
            if isinstance(item, type) and issubclass(item, SimpleListFilter):
                allowed.add(str(item.parameter_name))
            else:
                name = str(item[0]) if isinstance(item, list | tuple) else str(item)
                allowed |= {name, f"{name}__exact", f"{name}__isnull"}
        return lookup in allowed

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if any("\x00" in value for values in request.GET.lists() for value in (values[0], *values[1])):
            raise SuspiciousOperation("NUL in the query")
        return super().changelist_view(request, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """An id finds its row; everything else is looked for in ``search_fields``. An IBAN may be typed in groups."""
        identifier = parse_uuid(search_term.strip())
        if identifier is not None and self.uuid_search_fields:
            found = queryset.none()
            for name in self.uuid_search_fields:
                found = found | queryset.filter(**{name: identifier})
            return found, False
        if self.iban_fields and _GROUPED_IBAN.fullmatch(search_term.strip()):
            search_term = search_term.replace(" ", "")
        return super().get_search_results(request, queryset, search_term)

    # The row ---------------------------------------------------------------------------------------------

    def detail_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One row, as ``fieldsets`` says. Missing and not to be seen are told apart only to those who may look."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row: Model | None = self.get_object(request, object_id)
        if row is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": self.row_title(row),
            "opts": self.opts,
            "original": row,
            "model_admin": self,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/object_detail.html", context)
