from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class StaffConfig(AppConfig):
    name = "apps.staff"


class StaffAdminConfig(AdminConfig):
    """Django's admin, with the bank's own site."""

    default_site = "apps.staff.site.StaffSite"
