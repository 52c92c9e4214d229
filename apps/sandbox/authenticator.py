"""The authenticator apps of the sandbox's developers: their secrets follow from the installation's own.

Nothing is stored, so the page that shows a code and the file for scripts always agree with what was enrolled.
"""

import hashlib
import hmac
from base64 import b32encode
from time import time

from django_otp.oath import TOTP

from apps.core.keys import derive_key
from apps.sca.authenticator_secrets import AUTHENTICATOR_SECRET_BYTES

STEP_SECONDS = 30


def secret_of(user_id: str) -> bytes:
    """The secret of a persona's app."""
    mac = hmac.digest(derive_key("sandbox.authenticator.v1"), user_id.encode(), hashlib.sha256)
    return mac[:AUTHENTICATOR_SECRET_BYTES]


def secret_text_of(user_id: str) -> str:
    """The secret as authenticator apps take it: base 32."""
    return b32encode(secret_of(user_id)).decode()


def code_of(user_id: str, *, steps: int = 0) -> str:
    """The six digits the app shows now, or ``steps`` of 30 seconds away. Real time: an app knows no bank clock."""
    totp = TOTP(secret_of(user_id), step=STEP_SECONDS, digits=6, drift=steps)
    totp.time = time()
    return f"{totp.token():06d}"
