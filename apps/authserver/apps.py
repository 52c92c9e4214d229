import logging

from django.apps import AppConfig


class AuthserverConfig(AppConfig):
    name = "apps.authserver"

    def ready(self) -> None:
        """Register the system checks of this door, and keep oauthlib from writing credentials into the log."""
        from apps.authserver import checks  # noqa: F401

        # At DEBUG it logs codes, refresh tokens and whole token answers (S0-5).
        logging.getLogger("oauthlib").setLevel(logging.INFO)
