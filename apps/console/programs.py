"""Programs to copy, filled with the values of one app: its configuration on top, the same text for all below."""

import json
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from apps.console.forms import answer_page_uri
from apps.console.keys import ALGORITHM_OF_KIND

if TYPE_CHECKING:
    from apps.tpp.models import App, AppKey

SAMPLES = Path(__file__).with_name("samples")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a program needs to know to speak to this bank as one app."""

    issuer: str
    client_id: str
    kid: str
    algorithm: str
    key_type: str
    private_key_file: str
    redirect_uri: str

    @property
    def values(self) -> dict[str, str]:
        """The names under which the programs expect them."""
        return {
            "ISSUER": self.issuer,
            "CLIENT_ID": self.client_id,
            "KID": self.kid,
            "ALGORITHM": self.algorithm,
            "KEY_TYPE": self.key_type,
            "PRIVATE_KEY_FILE": self.private_key_file,
            "REDIRECT_URI": self.redirect_uri,
        }


def configure(*, app: "App", key: "AppKey") -> Configuration:
    """The configuration of an app with one of its keys."""
    return Configuration(
        issuer=settings.PUBLIC_BASE_URL,
        client_id=app.client_id,
        kid=key.kid,
        algorithm=ALGORITHM_OF_KIND[key.jwk["kty"]],
        key_type=key.jwk["kty"],
        private_key_file=private_key_file(key.kid),
        redirect_uri=_best_redirect_uri(app.redirect_uris),
    )


def private_key_file(kid: str) -> str:
    """How the browser names the file that it saves (static/js/make-key.js)."""
    name = "".join(char for char in kid if char.isascii() and char.isalnum())[:12]
    return f"private-key-{name}.pem"


def env_file(configuration: Configuration) -> str:
    """The configuration as environment variables, for a shell as for the usual libraries."""
    lines = [
        f"{name}={shlex.quote(value)}"
        for name, value in (configuration.values | _endpoints(configuration)).items()
    ]
    return "\n".join(lines) + "\n"


def python_program(configuration: Configuration, *, name: str) -> str:
    """A whole program; ``name`` is ``account_information`` or ``payment``."""
    # A JSON string is a Python string; kid and addresses are the developer's own text and must stay strings.
    lines = [f"{name} = {json.dumps(value)}" for name, value in configuration.values.items()]
    return "\n".join(lines) + "\n\n" + _sample(f"{name}.py")


def shell_program(configuration: Configuration, *, name: str) -> str:
    """The same with curl, as far as the customer's part."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in configuration.values.items()]
    return "\n".join(lines) + "\n\n" + _sample(f"{name}.sh")


def _endpoints(configuration: Configuration) -> dict[str, Any]:
    issuer = configuration.issuer
    return {
        "DISCOVERY": f"{issuer}/.well-known/openid-configuration",
        "TOKEN_ENDPOINT": f"{issuer}/oauth/token",
        "AUTHORIZATION_ENDPOINT": f"{issuer}/oauth/authorize",
        "API_BASE_URL": f"{issuer}/v1",
    }


def _best_redirect_uri(redirect_uris: list[str]) -> str:
    """Our own page if the app has it: it needs no program that waits for the answer."""
    ours = answer_page_uri()
    return ours if ours in redirect_uris else next(iter(redirect_uris), "")


@cache
def _sample(name: str) -> str:
    return (SAMPLES / f"{name}.txt").read_text(encoding="utf-8")
