from django.apps import AppConfig


class PayeesConfig(AppConfig):
    name = "apps.payees"
