from django.apps import AppConfig


class TPPConfig(AppConfig):
    name = "apps.tpp"
