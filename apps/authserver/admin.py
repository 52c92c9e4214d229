"""What the library would show to staff is not shown: no client forms, no tokens, no codes (RTS art. 35(5)).

TPPs, apps and consents have pages of their own in the staff door.
"""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest


class HiddenAdmin(ModelAdmin):
    """Named in ``conf.OAUTH2_PROVIDER`` for each model that the library registers; nobody sees or changes it."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
