"""What customers type. Forms turn text into canonical values; whether something may be done is the rooms' business."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import UUID

from django import forms
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from apps.core.bic import parse_bic
from apps.core.errors import InvalidInput
from apps.core.iban import parse_iban
from apps.core.ids import new_id, parse_uuid
from apps.core.money import Money, format_money
from apps.core.target_calendar import ExecutionRule
from apps.core.text import check_display_text
from apps.fraud.rules import NOTE_LENGTH_MAX, ReportReason
from apps.payments.limit_rules import LimitKind, Limits
from apps.payments.products import ABROAD_CHARGE_BEARERS, CreditorAgentMissing, check_destination
from apps.payments.recurrence import (
    LAST_DAY_OF_MONTH,
    Frequency,
    Series,
    SeriesInvalid,
    check_series,
)
from apps.payments.rules import ChargeBearer, PaymentProduct
from apps.payments.scheduling import check_requested_date
from apps.portal.amounts import parse_typed_amount
from apps.portal.errors import field_text
from apps.portal.phrases import LIMIT_NAMES
from apps.sca.rules import read_mobile_number, read_serial_number
from apps.statements.rules import Period, StatementFormat
from apps.web.formatting import iban_tail

if TYPE_CHECKING:
    from apps.accounts.models import PaymentAccount
    from apps.accounts.queries import AccountBalance
    from apps.consents.queries import AccountChoice

T = TypeVar("T")
AccountWithBalance = tuple["PaymentAccount", "AccountBalance"]


# What the browser's date field sends, and what people type where there is none.
_DAYS = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"]


def _day_input() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "off"})


class SignInForm(forms.Form):
    """User ID and password: the knowledge element. Password managers and pasting are welcome (WCAG 3.3.8)."""

    user_id = forms.CharField(
        label=_("User ID"),
        max_length=150,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(forms.Form):
    """The code of a text message."""

    code = forms.CharField(
        label=_("Code from the text message"),
        max_length=20,
        error_messages={"required": _("Enter the six digits from our text message.")},
    )

    @classmethod
    def with_error(cls, text: str) -> Self:
        """An empty form that says what was wrong with the last code."""
        form = cls({"code": ""})
        form.full_clean()
        form.errors.clear()
        form.add_error("code", text)
        return form


class DetailsForm(SignInForm):
    """Password and code together, by which the customer reads what the code signs."""

    code = forms.CharField(label=_("Code from the text message"), max_length=20)


class RecoverForm(SignInForm):
    """Password and a code of the bank's, by which a lost device is replaced."""

    code = forms.CharField(
        label=_("Recovery code or activation code"),
        max_length=40,
        help_text=_("Sixteen letters and digits, from your list or from our letter."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )


class NumberForm(forms.Form):
    """Another mobile number."""

    phone_number = forms.CharField(
        label=_("New mobile number"),
        max_length=30,
        help_text=_("With the country, such as +49 151 23456789. We send a code to it."),
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
    )

    def clean_phone_number(self) -> str:
        number = read_mobile_number(self.cleaned_data["phone_number"])
        if not number:
            raise forms.ValidationError(
                gettext("Enter the number with its country, such as +49 151 23456789.")
            )
        return number


class AppCodeForm(forms.Form):
    """The code that an authenticator app shows."""

    code = forms.CharField(
        label=_("Code from the app"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class DeviceNameForm(forms.Form):
    """What the customer calls the device that he adds."""

    name = forms.CharField(
        label=_("What do you call this device?"),
        max_length=40,
        help_text=_(
            "For instance: laptop, or blue security key. You see this name on this page and in our messages."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_name(self) -> str:
        return _checked(check_display_text, self.cleaned_data["name"], field="name", max_length=40)


class SerialNumberForm(forms.Form):
    """Which token is bound."""

    serial_number = forms.CharField(
        label=_("Serial number"),
        max_length=20,
        help_text=_("Ten digits, on the back of the token."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def clean_serial_number(self) -> str:
        number = read_serial_number(self.cleaned_data["serial_number"])
        if not number:
            raise forms.ValidationError(_("A serial number has ten digits."))
        return number


class TokenCodeForm(CodeForm):
    """What a token shows after it was given its PIN."""

    code = forms.CharField(
        label=_("What the token shows"),
        max_length=24,
        help_text=_("Fourteen digits"),
        error_messages={"required": _("Enter the fourteen digits that the token shows.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric", "class": "num"}),
    )


class TypedDateField(forms.DateField):
    """A day from the browser's own date picker (ISO), or typed as the customer's language writes it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "off"}),
            input_formats=["%Y-%m-%d", "%d.%m.%Y"],
            error_messages={"invalid": _("There is no such day. Enter it as 31.12.2026 or 2026-12-31.")},
            **kwargs,
        )

    def to_python(self, value: Any) -> date | None:
        """Digits of other scripts are digits to strptime; here they are not."""
        if isinstance(value, str) and not value.isascii():
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class TransferForm(forms.Form):
    """One transfer. ``cleaned_data`` holds account id, canonical IBAN and :class:`Money`."""

    from_account = forms.ChoiceField(label=_("From"))
    creditor_name = forms.CharField(
        label=_("Payee"), max_length=70, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    creditor_iban = forms.CharField(
        label=_("Payee’s IBAN"),
        max_length=60,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    amount = forms.CharField(
        label=_("Amount in euro"),
        max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "decimal"}),
    )
    reference = forms.CharField(
        label=_("Reference"),
        max_length=140,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    execution_date = TypedDateField(label=_("Carry out on"), required=False)
    product = forms.ChoiceField(
        label=_("How fast"),
        choices=[
            (
                PaymentProduct.SEPA_CREDIT_TRANSFERS.value,
                _("Ordinary: on the next banking day at the latest"),
            ),
            (
                PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS.value,
                _("Instant: within ten seconds, at any hour, at no extra charge"),
            ),
            (
                PaymentProduct.TARGET_2_PAYMENTS.value,
                _("Urgent: on the same banking day, by TARGET; costs a fee"),
            ),
            (
                PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS.value,
                _("Abroad: in euro to a country outside SEPA; costs a fee"),
            ),
        ],
        initial=PaymentProduct.SEPA_CREDIT_TRANSFERS.value,
        required=False,
        widget=forms.RadioSelect,
    )
    creditor_agent = forms.CharField(
        label=_("BIC of the payee’s bank"),
        max_length=20,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    charge_bearer = forms.ChoiceField(
        label=_("Who pays the fees abroad"),
        choices=[(bearer.value, bearer.label) for bearer in ABROAD_CHARGE_BEARERS],
        initial=ABROAD_CHARGE_BEARERS[0].value,
        required=False,
    )
    form_key = forms.CharField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}), required=False)

    def __init__(
        self, *args: Any, accounts: Sequence[AccountWithBalance], today: date, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._today = today
        self._ibans = {str(account.pk): account.iban for account, _balance in accounts}
        self.fields["from_account"].choices = [  # type: ignore[attr-defined]
            (str(account.pk), _account_label(account, balance)) for account, balance in accounts
        ]
        self.fields["form_key"].initial = str(new_id())

    def clean_creditor_name(self) -> str:
        text = self.cleaned_data["creditor_name"]
        return _checked(check_display_text, text, field="creditorName", max_length=70)

    def clean_creditor_iban(self) -> str:
        return _checked(parse_iban, self.cleaned_data["creditor_iban"])

    def clean_amount(self) -> Money:
        text = self.cleaned_data["amount"]
        return _checked(parse_typed_amount, text, currency="EUR", language=get_language() or "en")

    def clean_reference(self) -> str:
        text = self.cleaned_data["reference"]
        return _checked(check_display_text, text, field="remittance", max_length=140, required=False)

    def clean_execution_date(self) -> date | None:
        """None for today: an order for today is carried out at once."""
        wanted = self.cleaned_data["execution_date"]
        _checked(check_requested_date, wanted, today=self._today)
        return None if wanted == self._today else wanted

    def clean_product(self) -> PaymentProduct:
        return PaymentProduct(self.cleaned_data["product"] or PaymentProduct.SEPA_CREDIT_TRANSFERS)

    def clean_creditor_agent(self) -> str:
        text = self.cleaned_data["creditor_agent"]
        return _checked(parse_bic, text) if text.strip() else ""

    def clean_form_key(self) -> str:
        """The page's own key: the same form sent twice is one payment. A key of another form makes a new one."""
        return str(parse_uuid(self.cleaned_data["form_key"]) or new_id())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        chosen = self._ibans.get(cleaned.get("from_account", ""))
        if chosen is not None and chosen == cleaned.get("creditor_iban"):
            self.add_error("creditor_iban", _("This is the account you pay from."))
        elif "creditor_iban" in cleaned and "creditor_agent" not in self.errors:
            self._check_destination(cleaned)
        return cleaned

    def _check_destination(self, cleaned: dict[str, Any]) -> None:
        product = cleaned.get("product", PaymentProduct.SEPA_CREDIT_TRANSFERS)
        is_abroad = product == PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS
        # The other products leave no choice; what is chosen beside them means nothing.
        bearer = cleaned.get("charge_bearer", "")
        cleaned["charge_bearer"] = ChargeBearer(bearer) if is_abroad and bearer else None
        agent = cleaned["creditor_agent"] = cleaned.get("creditor_agent", "") if is_abroad else ""
        try:
            check_destination(product, creditor_iban=cleaned["creditor_iban"], creditor_agent=agent)
        except CreditorAgentMissing as error:
            self.add_error("creditor_agent", field_text(error))
        except InvalidInput as error:
            self.add_error("creditor_iban", field_text(error))


class StandingOrderForm(TransferForm):
    """A SEPA transfer that repeats itself. :meth:`series` says when, once the form is valid."""

    execution_date = product = creditor_agent = charge_bearer = None  # type: ignore[assignment]
    frequency = forms.ChoiceField(label=_("How often"), choices=Frequency.choices, initial=Frequency.MONTHLY)
    start_date = TypedDateField(label=_("First time from"))
    day_of_execution = forms.ChoiceField(
        label=_("Day of the month"),
        required=False,
        choices=[
            ("", _("as in “First time from”")),
            *((str(day), str(day)) for day in range(1, LAST_DAY_OF_MONTH)),
            (str(LAST_DAY_OF_MONTH), _("last day")),
        ],
    )
    end_date = TypedDateField(label=_("Last time until"), required=False)
    execution_rule = forms.ChoiceField(
        label=_("If banks are closed on the day"),
        choices=[
            (ExecutionRule.FOLLOWING.value, _("on the next business day")),
            (ExecutionRule.PRECEDING.value, _("on the business day before")),
        ],
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "start_date" in cleaned and "frequency" in cleaned and "end_date" in cleaned:
            try:
                check_series(self.series(), today=self._today)
            except SeriesInvalid as error:
                self.add_error(_SERIES_FIELDS[error.field], field_text(error))
        return cleaned

    def series(self) -> Series:
        """When it is to be carried out."""
        day = self.cleaned_data.get("day_of_execution") or ""
        return Series(
            start_date=self.cleaned_data["start_date"],
            frequency=Frequency(self.cleaned_data["frequency"]),
            end_date=self.cleaned_data["end_date"],
            execution_rule=ExecutionRule(self.cleaned_data.get("execution_rule") or ExecutionRule.FOLLOWING),
            day_of_execution=int(day) if day else None,
        )


# The field of the form for the element of NextGenPSD2 that is wrong.
_SERIES_FIELDS = {"startDate": "start_date", "endDate": "end_date", "dayOfExecution": "day_of_execution"}


class WholeEurosField(forms.IntegerField):
    """Digits and nothing else: Django would read the German 10.000 as ten."""

    def to_python(self, value: Any) -> int | None:
        text = str(value or "").strip(" ") if value != 0 else "0"
        if text and not (text.isascii() and text.isdigit()):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return int(text) if text else None


class PaymentFileForm(forms.Form):
    """A file of payments to be uploaded; what is in it is looked at later, by the check."""

    file = forms.FileField(
        label=_("File"),
        widget=forms.FileInput(
            attrs={"accept": ".xml,.json,.csv,.txt,text/xml,application/xml,application/json,text/csv"}
        ),
        # An empty one is taken: the check says so like everything else that is wrong.
        allow_empty_file=True,
        error_messages={"required": _("Choose a file."), "invalid": _("Choose a file.")},
    )


class FreezeForm(forms.Form):
    """One tick, so that no slip of the finger freezes anything."""

    is_confirmed = forms.BooleanField(
        label=_("Yes, freeze everything. Only the bank can open it again."),
        error_messages={"required": _("Tick the box to freeze everything.")},
    )


class FraudReportForm(forms.Form):
    """Why a payment was not the customer's, and whether everything is to be frozen at once."""

    reason = forms.ChoiceField(
        label=_("What happened"), choices=ReportReason.choices, widget=forms.RadioSelect
    )
    note = forms.CharField(
        label=_("What else you know"),
        help_text=_("No password and no code, please."),
        max_length=NOTE_LENGTH_MAX,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    freeze = forms.BooleanField(
        label=_("Freeze everything at once, too: nobody can sign in or pay until the bank opens it again."),
        required=False,
    )
    is_confirmed = forms.BooleanField(
        label=_("I did not authorise this payment, or was deceived."),
        error_messages={"required": _("Tick the box to report the payment.")},
    )

    def clean_note(self) -> str:
        note = " ".join(self.cleaned_data["note"].split())
        return _checked(check_display_text, note, field="note", max_length=NOTE_LENGTH_MAX, required=False)


class LimitsForm(forms.Form):
    """The customer's limits, in whole euros; zero lets nothing out."""

    def __init__(self, *args: Any, limits: Limits, maximum_minor: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in LimitKind:
            self.fields[kind.value] = WholeEurosField(
                label=LIMIT_NAMES[kind],  # type: ignore[arg-type]
                min_value=0,
                max_value=maximum_minor // 100,
                initial=limits.of(kind) // 100,
                widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
                error_messages={"invalid": _("Enter whole euros, such as 500.")},
            )

    def limits(self) -> Limits:
        """What was entered, once the form is valid."""
        return Limits(**{f"{kind.value}_minor": self.cleaned_data[kind.value] * 100 for kind in LimitKind})


class PayeeNameForm(forms.Form):
    """The name of a payee. ``cleaned_data`` holds it as it is stored and signed."""

    creditor_name = forms.CharField(
        label=_("Payee"), max_length=70, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def clean_creditor_name(self) -> str:
        text = self.cleaned_data["creditor_name"]
        return _checked(check_display_text, text, field="creditorName", max_length=70)


class TrustedPayeeForm(PayeeNameForm):
    """A payee whom the customer wants to trust. ``cleaned_data`` holds a canonical IBAN."""

    creditor_iban = forms.CharField(
        label=_("Payee’s IBAN"),
        max_length=60,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )

    def clean_creditor_iban(self) -> str:
        return _checked(parse_iban, self.cleaned_data["creditor_iban"])


class ConfirmConsentForm(forms.Form):
    """Which of the customer's accounts a company may read; those asked for are ticked."""

    accounts = forms.MultipleChoiceField(
        label=_("Accounts"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one account, or cancel.")},
    )

    def __init__(self, *args: Any, choices: Sequence["AccountChoice"], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["accounts"].choices = [  # type: ignore[attr-defined]
            (str(choice.account.pk), str(choice.account)) for choice in choices
        ]
        self.fields["accounts"].initial = [str(choice.account.pk) for choice in choices if choice.requested]

    def account_ids(self) -> list[UUID]:
        """The ticked accounts, once the form is valid."""
        return [UUID(value) for value in self.cleaned_data["accounts"]]


class SearchForm(forms.Form):
    """Search in the bookings of one account or of all."""

    q = forms.CharField(
        label=_("Search payee or reference"),
        max_length=70,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "type": "search"}),
    )
    account = forms.ChoiceField(label=_("Account"), required=False)

    def __init__(self, *args: Any, accounts: Sequence["PaymentAccount"], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].choices = [  # type: ignore[attr-defined]
            ("", _("All accounts")),
            *((str(account.pk), str(account)) for account in accounts),
        ]


class StatementPeriodForm(forms.Form):
    """A statement of any period. Which periods there are is for the room to say."""

    date_from = forms.DateField(label=_("First day"), input_formats=_DAYS, widget=_day_input())
    date_to = forms.DateField(label=_("Last day"), input_formats=_DAYS, widget=_day_input())
    file_format = forms.ChoiceField(label=_("File"), choices=StatementFormat.choices)

    def period(self) -> Period:
        """The period, once the form is valid."""
        return Period(self.cleaned_data["date_from"], self.cleaned_data["date_to"])


def _checked(parse: Callable[..., T], text: Any, **arguments: Any) -> T:
    """What ``parse`` makes of a field; its refusal becomes the field's error."""
    try:
        return parse(text, **arguments)
    except InvalidInput as error:
        raise forms.ValidationError(field_text(error)) from error


def _account_label(account: "PaymentAccount", balance: "AccountBalance") -> str:
    available = format_money(balance.available_minor, balance.currency)
    return gettext("%(name)s %(tail)s · %(available)s available") % {
        "name": account.display_name,
        "tail": iban_tail(account.iban),
        "available": available,
    }
