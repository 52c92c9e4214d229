from django.apps import AppConfig


class AuthenticatorConfig(AppConfig):
    name = "apps.authenticator"
