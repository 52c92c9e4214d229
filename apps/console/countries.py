"""The countries whose authorities license TPPs, by name."""

import gettext
from functools import cache

import pycountry
from django.utils.translation import get_language

EEA = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
    *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
)


def country_choices() -> list[tuple[str, str]]:
    """The countries of the European Economic Area, named and ordered in the reader's language."""
    return sorted(((code, country_name(code)) for code in EEA), key=lambda choice: choice[1].casefold())


def country_name(code: str) -> str:
    """The name of a country in the reader's language; the code itself if it is none."""
    country = pycountry.countries.get(alpha_2=code)
    return _names(get_language() or "en").gettext(country.name) if country else code


@cache
def _names(language: str) -> gettext.NullTranslations:
    return gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language], fallback=True)
