from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from apps.core import clock
from apps.sandbox.clock import real_now
from apps.sandbox.forms import ClockForm
from apps.sandbox.services import ClockOutOfRange, advance_clock, reset_clock
from apps.web.templatetags.bank import bank_datetime
from apps.web.views.preferences import SeeOther

STEPS = (
    ("10m", timedelta(minutes=10), gettext_lazy("10 minutes")),
    ("1h", timedelta(hours=1), gettext_lazy("1 hour")),
    ("1d", timedelta(days=1), gettext_lazy("1 day")),
    ("90d", timedelta(days=90), gettext_lazy("90 days")),
    ("180d", timedelta(days=180), gettext_lazy("180 days")),
)


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """What time it is at the bank; a step forward by button or by hand."""
    step = {name: by for name, by, _label in STEPS}.get(request.POST.get("step", ""))
    form = ClockForm(request.POST if request.method == "POST" and step is None else None)
    if request.method == "POST":
        by = step or (form.step if form.is_valid() else None)
        if by is not None and _advanced(request, by=by):
            return SeeOther(reverse("sandbox:clock"))
    now = clock.now()
    context = {"form": form, "steps": STEPS, "now": now, "real": real_now(), "is_moved": _is_moved()}
    return render(request, "sandbox/clock_detail.html", context, status=422 if form.errors else 200)


@require_POST
def reset(request: HttpRequest) -> HttpResponse:
    """Back to real time."""
    reset_clock(now=clock.now())
    messages.success(request, _("The bank's clock shows real time again."))
    return SeeOther(reverse("sandbox:clock"))


def _advanced(request: HttpRequest, *, by: timedelta) -> bool:
    try:
        advance_clock(by=by, now=clock.now())
    except ClockOutOfRange:
        messages.error(request, _("The clock can be at most ten years ahead."))
        return False
    messages.success(request, _("At the bank it is now %(time)s.") % {"time": bank_datetime(clock.now())})
    return True


def _is_moved() -> bool:
    return abs(clock.now() - real_now()) > timedelta(seconds=5)
