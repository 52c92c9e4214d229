from django.apps import AppConfig


class SCAConfig(AppConfig):
    name = "apps.sca"
