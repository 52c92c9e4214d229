"""System checks: the program does not start outside the law, nor with the sandbox in production."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from apps.core.legal_limits import BATCH_DISPLAYS, CHOOSABLE_EXEMPTIONS, LIMITS


@register()
def check_legal_limits(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every bounded setting is between 1 and its legal maximum."""
    return [
        Error(
            f"{limit.setting} = {getattr(settings, limit.setting)} is outside 1..{limit.maximum} ({limit.clause}).",
            id="bank.E001",
        )
        for limit in LIMITS
        if not 1 <= getattr(settings, limit.setting) <= limit.maximum
    ]


@register()
def check_batch_display(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """What is shown of a file of payments is one of what there is (RTS art. 5(3)(b))."""
    if settings.SCA_BATCH_DISPLAY in BATCH_DISPLAYS:
        return []
    choices = ", ".join(BATCH_DISPLAYS)
    return [Error(f"SCA_BATCH_DISPLAY = {settings.SCA_BATCH_DISPLAY} is none of {choices}.", id="bank.E020")]


@register()
def check_exemptions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The exemptions from strong authentication that the bank uses exist, and have what the law asks for them."""
    errors: list[CheckMessage] = []
    chosen = set(settings.SCA_EXEMPTIONS)
    if unknown := sorted(chosen - set(CHOOSABLE_EXEMPTIONS)):
        errors.append(
            Error(
                f"SCA_EXEMPTIONS names {', '.join(unknown)}; there are {', '.join(CHOOSABLE_EXEMPTIONS)}.",
                id="bank.E021",
            )
        )
    audits = (settings.SCA_RISK_ANALYSIS_LAST_AUDIT, settings.SCA_RISK_ANALYSIS_LAST_EXTERNAL_AUDIT)
    if "18" in chosen and None in audits:
        errors.append(
            Error(
                "Transaction risk analysis takes the days of its last audit and of the last external one"
                " (RTS art. 3(2)).",
                id="bank.E022",
            )
        )
    if "17" in chosen and not settings.SCA_CORPORATE_LETTER.strip():
        errors.append(
            Error("The exemption for companies takes the authority's letter (RTS art. 17).", id="bank.E023")
        )
    return errors


@register()
def check_mode(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The mode is known, and nothing of the sandbox is reachable outside it."""
    errors: list[CheckMessage] = []
    if settings.BANK_MODE not in ("sandbox", "production"):
        errors.append(Error("BANK_MODE is neither 'sandbox' nor 'production'.", id="bank.E002"))
    sandboxed = [
        "apps.sandbox" in settings.INSTALLED_APPS,
        settings.SMS_GATEWAY.startswith("apps.sandbox."),
        settings.LETTER_GATEWAY.startswith("apps.sandbox."),
        settings.BANK_CLOCK.startswith("apps.sandbox."),
    ]
    if settings.BANK_MODE == "production" and any(sandboxed):
        errors.append(Error("Parts of the sandbox are mounted in production mode.", id="bank.E003"))
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or ""
    if settings.BANK_MODE == "sandbox" and settings.USE_TLS and host not in ("localhost", "127.0.0.1"):
        errors.append(
            checks.Warning(
                "The sandbox is published under a public https address: test data only.", id="bank.W001"
            )
        )
    if settings.SCA_SYNCED_PASSKEYS not in ("refused", "accepted"):
        errors.append(Error("SCA_SYNCED_PASSKEYS is neither 'refused' nor 'accepted'.", id="bank.E008"))
    if settings.SCA_MESSAGE_CONTENT not in ("clear", "link"):
        errors.append(Error("SCA_MESSAGE_CONTENT is neither 'clear' nor 'link'.", id="bank.E009"))
    if settings.SCA_SMS_MAX_MINOR < 0:
        errors.append(Error("SCA_SMS_MAX_MINOR is less than 0, which is no cap.", id="bank.E031"))
    if not 1 <= settings.SCA_COOL_DOWN_HOURS <= 168:
        errors.append(Error("SCA_COOL_DOWN_HOURS is outside 1..168.", id="bank.E030"))
    if len(settings.SECRET_KEY) < 32:
        errors.append(Error("SECRET_KEY is missing or shorter than 32 characters.", id="bank.E006"))
    return errors


@register(Tags.security, deploy=True)
def check_production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """What a deployment must have set: TLS to the world, a real SMS provider, no sandbox (S0-1)."""
    errors: list[CheckMessage] = []
    if settings.BANK_MODE != "production":
        errors.append(Error("A deployment runs with BANK_MODE=production.", id="bank.E004"))
    if settings.SCA_MESSAGE_CONTENT == "clear":
        errors.append(
            checks.Warning(
                "Text messages tell amount and payee in clear: a fallback that this bank has switched on (S3-29).",
                id="bank.W002",
            )
        )
    if settings.SCA_SMS_MAX_MINOR == 0:
        errors.append(
            checks.Warning(
                "Text messages sign payments of any amount: there is no cap (S1-25).", id="bank.W003"
            )
        )
    if not settings.USE_TLS:
        errors.append(Error("PUBLIC_BASE_URL must be https (S0-1).", id="bank.E005"))
    if settings.SMS_GATEWAY.endswith("HTTPSMSGateway") and not (
        settings.SMS_HTTP_URL and settings.SMS_HTTP_KEY
    ):
        errors.append(
            Error("SMS_HTTP_URL and SMS_HTTP_KEY are not set: no code could be sent.", id="bank.E007")
        )
    return errors


def check_before_serving() -> None:
    """The same refusal for programs that run no system checks: the web server, and Celery with ``--skip-checks``.

    :raises ImproperlyConfigured: saying all that is outside the bounds.
    """
    problems = [
        *check_legal_limits(None),
        *check_batch_display(None),
        *check_exemptions(None),
        *check_mode(None),
    ]
    errors = [problem for problem in problems if problem.is_serious()]
    if errors:
        raise ImproperlyConfigured(" ".join(f"{error.id}: {error.msg}" for error in errors))
