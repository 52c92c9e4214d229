"""The one Content-Security-Policy of every page: nothing inline, nothing evaluated, nothing from elsewhere.

``form-action 'self'`` also forbids that a form's answer redirects to another origin: the way back to a TPP is a
page of our own with a link (see the authorisation pages). ``data:`` images are for inline QR codes only.
"""

from typing import Any

from csp.constants import NONCE, NONE, SELF

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
