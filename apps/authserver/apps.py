from django.apps import AppConfig


class AuthserverConfig(AppConfig):
    name = "apps.authserver"

    def ready(self) -> None:
        """Register the system checks of this door."""
        from apps.authserver import checks  # noqa: F401
