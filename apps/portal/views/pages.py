"""Pages for everybody: help, accessibility, legal notice. They need no sign-in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """How to reach the bank, and answers to what is asked most."""
    return render(request, "portal/help.html")


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    """The accessibility statement (directive (EU) 2019/882)."""
    return render(request, "portal/accessibility.html")


@require_safe
def legal(request: HttpRequest) -> HttpResponse:
    """Who the bank is, and what becomes of personal data."""
    return render(request, "portal/legal.html")
