from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        """Register the system checks that keep settings inside their legal bounds."""
        from apps.core import checks  # noqa: F401
