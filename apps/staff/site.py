from django.contrib.admin import AdminSite


class StaffSite(AdminSite):
    """The staff's admin."""
