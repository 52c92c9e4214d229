from django.apps import AppConfig


class XS2AConfig(AppConfig):
    name = "apps.xs2a"
