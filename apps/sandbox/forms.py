from datetime import timedelta

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class ClockForm(forms.Form):
    """How far to move the clock by hand."""

    amount = forms.IntegerField(label=_("Forward by"), min_value=1, max_value=1000)
    unit = forms.ChoiceField(
        label=_("Unit"),
        choices=[
            ("minutes", pgettext_lazy("unit of time", "minutes")),
            ("hours", pgettext_lazy("unit of time", "hours")),
            ("days", pgettext_lazy("unit of time", "days")),
        ],
        initial="days",
    )

    @property
    def step(self) -> timedelta:
        """The chosen stretch of time; only of a valid form."""
        return timedelta(**{self.cleaned_data["unit"]: self.cleaned_data["amount"]})
