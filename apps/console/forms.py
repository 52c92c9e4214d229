from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _text
from django.utils.translation import gettext_lazy as _

from apps.console.countries import country_choices
from apps.console.errors import ANSWERS, REDIRECT_URI_REASONS
from apps.console.keys import TEXT_LENGTH_MAX, KeyRefused, PrivateKeyPasted, parse_public_key
from apps.identity.rules import InvalidUsername, check_member_username
from apps.tpp.rules import (
    InvalidAuthorisationNumber,
    InvalidRedirectURI,
    Role,
    check_authorisation_number,
    check_redirect_uri,
)

if TYPE_CHECKING:
    from apps.tpp.models import TPP

USERNAME_LENGTH_MAX = 150
PASSWORD_LENGTH_MAX = 256  # Enough for any passphrase; Argon2 need not chew on megabytes.
LOCAL_REDIRECT_URI = "http://localhost:8000/callback"
URIS_PER_APP_MAX = 20


class SignInForm(forms.Form):
    """The knowledge element. Says nothing about what is wrong with it."""

    username = forms.CharField(label=_("User ID"), max_length=USERNAME_LENGTH_MAX)
    password = forms.CharField(
        label=_("Password"),
        max_length=PASSWORD_LENGTH_MAX,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class NeverShownAgain(forms.Form):
    """A form of which one field never comes back to the page with what was typed into it."""

    hidden_field = ""

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound:
            self.data = {name: value for name, value in self.data.items() if name != self.hidden_field}


class CodeForm(NeverShownAgain):
    """The six digits of the authenticator app."""

    hidden_field = "code"

    code = forms.CharField(label=_("Code from your authenticator app"), max_length=20)


class RegistrationForm(forms.Form):
    """A developer's own log-in."""

    username = forms.CharField(label=_("User ID"), max_length=USERNAME_LENGTH_MAX)
    email = forms.EmailField(label=_("E-mail"), max_length=254)
    password = forms.CharField(
        label=_("Password"),
        max_length=PASSWORD_LENGTH_MAX,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    def clean_username(self) -> str:
        try:
            return check_member_username(self.cleaned_data["username"])
        except InvalidUsername as error:
            raise ValidationError(str(ANSWERS[InvalidUsername].text)) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if password := cleaned.get("password"):
            try:
                # Not saved: only to compare the password with.
                person = get_user_model()(
                    username=cleaned.get("username", ""), email=cleaned.get("email", "")
                )
                validate_password(password, user=person)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned

    @property
    def password_hint(self) -> str:
        """What Django's validators ask for, in one line."""
        return " ".join(str(text) for text in password_validators_help_texts())


class CompanyForm(forms.Form):
    """A TPP as its authority licensed it."""

    legal_name = forms.CharField(label=_("Legal name"), max_length=140)
    brand_name = forms.CharField(
        label=_("Brand"),
        max_length=70,
        help_text=_("The name customers know. They see it when they are asked."),
    )
    authorisation_number = forms.CharField(
        label=_("Authorisation number"),
        max_length=60,
        help_text=_(
            "As it stands in your eIDAS certificate: PSD, country, authority, number. In the sandbox invent one."
        ),
    )
    authority_name = forms.CharField(label=_("Authority"), max_length=140, help_text=_("For example BaFin"))
    country = forms.ChoiceField(label=_("Country of the authority"), initial="DE")
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What your company is licensed for."),
    )
    contact_email = forms.EmailField(label=_("Contact e-mail"), max_length=254)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = country_choices()  # type: ignore[attr-defined]
        self.fields["roles"].choices = [(role.value, _role_text(role)) for role in Role]  # type: ignore[attr-defined]

    def clean_authorisation_number(self) -> str:
        try:
            return check_authorisation_number(self.cleaned_data["authorisation_number"])
        except InvalidAuthorisationNumber as error:
            raise ValidationError(str(ANSWERS[InvalidAuthorisationNumber].text)) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        number, country = cleaned.get("authorisation_number"), cleaned.get("country")
        if number and country and number[3:5] != country:
            text = _("The authorisation number names another country: %(country)s.") % {
                "country": number[3:5]
            }
            self.add_error("country", text)
        return cleaned


class RedirectURIsField(forms.CharField):
    """Addresses, one on each line; every line that cannot be registered is named with its reason."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").replace("\r\n", "\n")
        return [
            (number, line.strip(" \t"))
            for number, line in enumerate(text.split("\n"), start=1)
            if line.strip()
        ]

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > URIS_PER_APP_MAX:
            raise ValidationError(_("At most %(limit)d addresses.") % {"limit": URIS_PER_APP_MAX})
        errors = [
            ValidationError(
                _("Line %(line)d, %(address)s: %(reason)s."),
                params={"line": number, "address": uri[:80], "reason": reason},
            )
            for number, uri in value
            if (reason := _why_not(uri))
        ]
        if errors:
            raise ValidationError(errors)

    def clean(self, value: Any) -> list[str]:
        return list(dict.fromkeys(uri for _number, uri in super().clean(value)))


def _why_not(uri: str) -> str:
    try:
        check_redirect_uri(uri, allow_loopback_http=settings.SANDBOX)
    except InvalidRedirectURI as error:
        return str(REDIRECT_URI_REASONS.get(error.detail, ANSWERS[InvalidRedirectURI].text))
    return ""


class RedirectURIsForm(forms.Form):
    """Where customers may be sent back to."""

    redirect_uris = RedirectURIsField(
        label=_("Redirect URIs"),
        max_length=12_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )


class AppForm(RedirectURIsForm):
    """A new app of one of the member's companies."""

    tpp = forms.ChoiceField(label=_("Company"))
    name = forms.CharField(
        label=_("Name of the app"), max_length=70, help_text=_("Customers see it beside your brand.")
    )

    field_order = ["tpp", "name", "redirect_uris"]

    def __init__(self, *args: Any, tpps: Iterable["TPP"], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(tpp.pk), tpp.brand_name) for tpp in tpps]
        self.fields["tpp"].choices = choices  # type: ignore[attr-defined]
        if len(choices) == 1:  # Nothing to choose: not asked (WCAG 3.3.7).
            self.fields["tpp"].initial = choices[0][0]
            self.fields["tpp"].widget = forms.HiddenInput()
        self.fields["redirect_uris"].initial = default_redirect_uris()


class KeyForm(NeverShownAgain):
    """A public key to register. What was typed never comes back: it may be a private key."""

    hidden_field = "public_key"

    public_key = forms.CharField(
        label=_("Public key"),
        max_length=TEXT_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        error_messages={"max_length": _("This is too long for a public key.")},
    )
    is_private_key_refused = False

    def clean_public_key(self) -> dict[str, str]:
        try:
            return parse_public_key(self.cleaned_data["public_key"])
        except PrivateKeyPasted as error:
            self.is_private_key_refused = True
            raise ValidationError(str(error.text)) from error
        except KeyRefused as error:
            raise ValidationError(str(error.text)) from error


def default_redirect_uris() -> list[str]:
    """In the sandbox: a program on the developer's machine, and our page that shows the answer; else nothing."""
    if not settings.SANDBOX:
        return []
    return [uri for uri in (LOCAL_REDIRECT_URI, answer_page_uri()) if not _why_not(uri)]


def answer_page_uri() -> str:
    """The address of the sandbox's page that shows what an app would have received."""
    return settings.PUBLIC_BASE_URL + reverse("console:callback")


def _role_text(role: Role) -> str:
    return _text("%(role)s: %(meaning)s") % {"role": role.value, "meaning": role.label}
