"""What a developer is told when a room says no: a text, and the field of the form that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.identity.rules import InvalidUsername
from apps.identity.services import UsernameTaken
from apps.sca.rules import CodeMalformed
from apps.sca.services import (
    AuthenticatorNotAllowed,
    AuthorisationOver,
    CodeRefused,
    DynamicLinkBroken,
    TextMessageNotEnough,
    TooManyCodes,
)
from apps.tpp.rules import InvalidAuthorisationNumber, InvalidKey, InvalidRedirectURI
from apps.tpp.services import (
    AppNameTaken,
    KeyAlreadyRegistered,
    TooMany,
    TPPAlreadyRegistered,
    TPPNotActive,
    UnknownRole,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The words, and the field; without a field they stand above the form."""

    text: str | Promise
    field: str = ""


_CANNOT = Answer(_("That cannot be done here."))
_NOT_RIGHT = Answer(_("This code is not right. Wait until your app shows a new one, then type that."), "code")

ANSWERS: dict[type[DomainError], Answer] = {
    TPPAlreadyRegistered: Answer(
        _("A company is registered under this number. A colleague who manages it can tell you more."),
        "authorisation_number",
    ),
    InvalidAuthorisationNumber: Answer(
        _("The number looks like PSDDE-BAFIN-123456: PSD, country, authority, the authority's number."),
        "authorisation_number",
    ),
    UnknownRole: Answer(_("Choose from the roles in the list."), "roles"),
    AppNameTaken: Answer(_("Your company has an app of this name."), "name"),
    InvalidRedirectURI: Answer(_("One of the addresses cannot be registered."), "redirect_uris"),
    InvalidKey: Answer(
        _("We take public keys of the kinds EC P-256, RSA (2048 bits or more) and Ed25519."), "public_key"
    ),
    KeyAlreadyRegistered: Answer(
        _("This app has this key, or another one with the same key ID, already. Retired keys count too."),
        "public_key",
    ),
    TooMany: Answer(_("There are too many of these already. Remove one that is not used any more.")),
    TPPNotActive: Answer(_("The bank has blocked your company, so nothing of it can be changed.")),
    InvalidUsername: Answer(
        _("At least 5 characters: letters, digits and . - _ @ +, with a dot, hyphen, underscore or @ in it."),
        "username",
    ),
    UsernameTaken: Answer(_("Somebody has this user ID. Choose another one."), "username"),
    CodeMalformed: Answer(_("The code has 6 digits."), "code"),
    CodeRefused: _NOT_RIGHT,
    AuthenticatorNotAllowed: Answer(_("This log-in cannot have an authenticator app, or has one already.")),
    # Of customers' codes, which the console never sends: named so that nothing is unanswered.
    DynamicLinkBroken: _CANNOT,
    TooManyCodes: _CANNOT,
    TextMessageNotEnough: _CANNOT,
    AuthorisationOver: _CANNOT,
    NotFound: Answer(_("We cannot find this.")),
    InvalidInput: Answer(_("This cannot be used: it holds characters that are not shown, or is too long.")),
}

REDIRECT_URI_REASONS: Mapping[str, str | Promise] = {
    "characters that do not belong into an address": _(
        "it holds blanks, backslashes, * or other characters that do not belong into an address, or is too long"
    ),
    "not an address": _("it is not an address"),
    "no host, or user info before it": _("it has no host, or a user name before it"),
    "a fragment": _("it has a part after #"),
    "not https": _("it does not begin with https://"),
}


def answer_to(error: DomainError) -> Answer:
    """The row for the error, or for the nearest error that it is a kind of."""
    return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)


def add_answer(form: forms.Form, error: DomainError) -> None:
    """Put the answer into a form, at the field that the error or its row names if the form has it."""
    answer = answer_to(error)
    named = getattr(error, "field", "")
    field = next((name for name in (answer.field, named) if name in form.fields), None)
    form.add_error(field, str(answer.text))
