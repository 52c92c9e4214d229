from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from apps.core.read_only_admin import ReadOnlyAdmin

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.identity.models import User


# Pages of Django's that are not ours: none of them is needed, and some would look around or change things.
_LIBRARY_PAGES = {
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "app_list",
}


class StaffSite(AdminSite):
    """Django's admin for staff: two elements to get in, rows to read, and the acts of ``apps.staff.views``."""

    site_header = _("Staff")
    site_title = _("Staff")
    index_title = _("Overview")
    enable_nav_sidebar = False
    final_catch_all_view = True

    def register(
        self, model_or_iterable: Any, admin_class: type[ModelAdmin] | None = None, **options: Any
    ) -> None:
        """Take pages for reading only; what a library registers for itself stays outside (RTS art. 35(5))."""
        if admin_class is not None and issubclass(admin_class, ReadOnlyAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Active staff who proved password and possession in this session, at whichever door of the bank's own.

        An authenticator app opens the console and nothing else (S1-19).
        """
        from apps.sca.queries import is_authenticator

        user: User | AnonymousUser = request.user
        device = getattr(user, "otp_device", None)
        return bool(user.is_active and user.is_staff and device is not None and not is_authenticator(device))

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The overview, sign-in and sign-out, our acts, then the models; nothing else of Django's own."""
        from apps.staff.urls import act_patterns
        from apps.staff.views import sign_in

        own = [
            path("", self.admin_view(require_safe(self.index)), name="index"),
            path("login/", sign_in.sign_in, name="login"),
            path("login/code/", sign_in.code, name="login-code"),
            path("logout/", require_POST(self.admin_view(self.logout)), name="logout"),
            *act_patterns(self.admin_view),
        ]
        taken = {pattern.name for pattern in own}
        inherited = [
            pattern
            for pattern in super().get_urls()
            if getattr(pattern, "name", None) not in taken | _LIBRARY_PAGES
        ]
        return [*own, *inherited]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        from apps.staff.navigation import build_staff_menu

        allowed = self.has_permission(request)
        return {
            "site_title": self.site_title,
            "site_header": self.site_header,
            "site_url": None,
            "has_permission": allowed,
            "staff_menu": build_staff_menu(self, request) if allowed else [],
        }

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        """Figures of the day instead of a list of tables."""
        from apps.staff.views.overview import overview

        return overview(request, {**self.each_context(request), "title": self.index_title})

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        """End the session."""
        from apps.web.views.preferences import SeeOther

        logout(request)
        messages.success(request, gettext("You are signed out."))
        return SeeOther(reverse("admin:login"))

    def admin_of(self, model_label: str) -> ReadOnlyAdmin | None:
        """The pages of a model such as ``tpp.TPP``, or None if it has none."""
        model_admin = self._registry.get(apps.get_model(model_label))
        return model_admin if isinstance(model_admin, ReadOnlyAdmin) else None
