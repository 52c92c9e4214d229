from django import forms
from django.utils.translation import gettext_lazy as _

from apps.clearing.rules import RecallReason
from apps.fraud.rules import ReportOutcome, ReportReason
from apps.risk.rules import CaseOutcome, ElementKind
from apps.sca.rules import Delivery, ElementsAfterFreeze, TokenFault

REASON_LENGTH_MAX = 300


class SignInForm(forms.Form):
    """The knowledge element."""

    user_id = forms.CharField(
        label=_("User ID"),
        max_length=150,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(forms.Form):
    """The possession element."""

    code = forms.CharField(label=_("Code from the text message"), max_length=20)


class ReasonForm(forms.Form):
    """Why something is done; it stays in the trail."""

    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Kept in the audit trail with your name. No personal data."),
        min_length=5,
        max_length=REASON_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    is_confirmed = forms.BooleanField(label=_("I have read what follows from it."))


class ConfirmForm(ReasonForm):
    """The second of four eyes: the reason is the first one's."""

    reason = None  # type: ignore[assignment]
    is_confirmed = forms.BooleanField(label=_("I have made sure of it myself."))


class RecallForm(ReasonForm):
    """The same, with the code that the other bank is told."""

    code = forms.ChoiceField(label=_("What the other bank is told"), choices=RecallReason.choices)


class CaseForm(ReasonForm):
    """The same, with what was found."""

    outcome = forms.ChoiceField(label=_("What it is"), choices=CaseOutcome.choices)


class TakeReportForm(ReasonForm):
    """The same, with what the customer says happened."""

    what = forms.ChoiceField(label=_("What the customer says"), choices=ReportReason.choices)


class DecideReportForm(ReasonForm):
    """The same, with what it was."""

    outcome = forms.ChoiceField(label=_("What it is"), choices=ReportOutcome.choices)


class ElementForm(ReasonForm):
    """The same, with what is put on the list."""

    kind = forms.ChoiceField(label=_("Kind"), choices=ElementKind.choices)
    value = forms.CharField(
        label=_("Value"),
        max_length=64,
        help_text=_(
            "An IBAN; an address, of which the network is kept; or a device as an assessment shows it."
        ),
    )


class LiftFreezeForm(ReasonForm):
    """The same, with what becomes of the elements that the freeze has suspended."""

    elements = forms.ChoiceField(
        label=_("What the customer signs with"),
        choices=[("", _("Please choose")), *ElementsAfterFreeze.choices],
        help_text=_("What is withdrawn is replaced with an activation code."),
    )


class TokenFaultForm(ReasonForm):
    """The same, with what has become of the token."""

    fault = forms.ChoiceField(
        label=_("What has become of it"), choices=[("", _("Please choose")), *TokenFault.choices]
    )


class HandOutForm(ReasonForm):
    """The same, with the customer whose it is to be."""

    user_id = forms.CharField(
        label=_("User ID of the customer"),
        max_length=150,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


class ActivationForm(ReasonForm):
    """The same, with the way of the letter."""

    delivery = forms.ChoiceField(label=_("How the code reaches the customer"), choices=Delivery.choices)
