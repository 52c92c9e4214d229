from django.db import models
from django.utils.translation import gettext_lazy as _


class NameMatch(models.TextChoices):
    """partyNameMatchCode of NextGenPSD2 1.3.16: what the check of a payee's name came to."""

    MTCH = "MTCH", _("name and IBAN belong together")
    CMTC = "CMTC", _("almost the same name")
    NMTC = "NMTC", _("another name")
    NOAP = "NOAP", _("could not be checked")
