"""The root of every anticipated refusal.

A room defines its errors beside the function that raises them; each door maps the class to its own status
and code. ``code`` is stable and may be told to a client; ``detail`` is for the log.
"""


class DomainError(Exception):
    """A rule said no. ``code`` is a stable, lower-case name of the fact."""

    code = "domain_error"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.code)
        self.detail = detail


class NotFound(DomainError):
    """The object is missing or not the caller's: both look the same to whoever asks."""

    code = "not_found"


class InvalidInput(DomainError):
    """A value does not have the form that the contract demands. ``field`` names it in the spec's words."""

    code = "invalid_input"

    def __init__(self, detail: str = "", *, field: str = "") -> None:
        super().__init__(detail)
        self.field = field
