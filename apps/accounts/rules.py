from django.db import models
from django.utils.translation import gettext_lazy as _


class AccountStatus(models.TextChoices):
    """accountStatus of NextGenPSD2."""

    ENABLED = "enabled", _("enabled")
    BLOCKED = "blocked", _("blocked")
    DELETED = "deleted", _("deleted")


class CashAccountType(models.TextChoices):
    """ISO 20022 ExternalCashAccountType1Code."""

    CACC = "CACC", _("current account")
    SVGS = "SVGS", _("savings account")


class HolderRole(models.TextChoices):
    """As what a customer is on an account."""

    OWNER = "owner", _("owner")
    JOINT_OWNER = "joint_owner", _("joint owner")
    AUTHORISED = "authorised", _("authorised person")
