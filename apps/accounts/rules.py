from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _

JOINT_SIGNATURES = 2


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


class SigningRight(models.TextChoices):
    """How far a customer's signature goes on an account that he may pay from."""

    ALONE = "alone", _("alone")
    JOINTLY = "jointly", _("together with another")


def is_enough(rights: Iterable[str]) -> bool:
    """Whether different people with these rights, all of whom sign, release a payment: one who signs alone, or two."""
    rights = list(rights)
    return SigningRight.ALONE in rights or len(rights) >= JOINT_SIGNATURES


def signatures_needed(first: str) -> int:
    """How many must sign an order whose first signer has this right."""
    return 1 if is_enough([first]) else JOINT_SIGNATURES
