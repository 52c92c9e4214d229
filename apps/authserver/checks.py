"""System checks: the protocol's numbers stay inside the profile, and ID tokens can be signed."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from apps.authserver import conf

# setting -> highest value, clause
LIMITS = {
    "AUTHORIZATION_CODE_TTL_SECONDS": (60, "FAPI 2.0 5.3.2.1-11"),
    "ACCESS_TOKEN_TTL_SECONDS": (600, "access tokens live minutes"),
    "ID_TOKEN_TTL_SECONDS": (3600, "a payment credential lives an hour at most, S0-38"),
    "REFRESH_TOKEN_TTL_DAYS": (180, "RTS art. 10a"),
}
SWAPPED = ("APPLICATION", "GRANT", "ACCESS_TOKEN", "REFRESH_TOKEN", "ID_TOKEN", "DEVICE_GRANT")


@register()
def check_lifetimes(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every lifetime is between 1 and its bound."""
    return [
        Error(f"{name} = {getattr(conf, name)} is outside 1..{maximum} ({clause}).", id="authserver.E001")
        for name, (maximum, clause) in LIMITS.items()
        if not 1 <= getattr(conf, name) <= maximum
    ]


@register()
def check_library_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The library runs with this door's settings, and with none of its own tables."""
    errors: list[CheckMessage] = []
    if settings.OAUTH2_PROVIDER != conf.OAUTH2_PROVIDER:
        errors.append(
            Error("OAUTH2_PROVIDER is not apps.authserver.conf.OAUTH2_PROVIDER.", id="authserver.E002")
        )
    for name in SWAPPED:
        model = getattr(settings, f"OAUTH2_PROVIDER_{name}_MODEL", "")
        if not model.startswith("authserver."):
            errors.append(Error(f"OAUTH2_PROVIDER_{name}_MODEL is not swapped.", id="authserver.E003"))
    return errors


@register(Tags.security, deploy=True)
def check_signing_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """There is a key to sign ID tokens with, and nobody else on the machine can read it."""
    folder = Path(settings.OIDC_SIGNING_KEYS_DIR)
    keys = sorted(folder.glob("*.pem")) if folder.is_dir() else []
    if not keys:
        return [Error("No ID token signing key: run manage.py rotate_oidc_key.", id="authserver.E004")]
    return [
        Error(f"{key.name} can be read by others: chmod 600.", id="authserver.E005")
        for key in keys
        if key.stat().st_mode & 0o077
    ]
