"""Numbers the law bounds. A setting may be stricter, never laxer (``apps.core.checks`` refuses to start)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LegalLimit:
    """The highest legal value of a setting, with the clause that says so."""

    setting: str
    maximum: int
    clause: str


CODE_LIFETIME_MAX_SECONDS = 900
CODE_ATTEMPTS_MAX = 5
IDLE_MAX_SECONDS = 300
UNATTENDED_ACCESSES_MAX_PER_24_HOURS = 4
CONSENT_VALIDITY_MAX_DAYS = 180
INSTANT_ANSWER_MAX_SECONDS = 10

# What may be shown of a file of payments beside its total (apps.bulk.rules.DisplayStrategy; RTS art. 5(3)(b)).
BATCH_DISPLAYS = ("riskiest", "random")

LIMITS = (
    LegalLimit("SCA_CODE_TTL_SECONDS", CODE_LIFETIME_MAX_SECONDS, "S1-8"),
    LegalLimit("SCA_MAX_ATTEMPTS", CODE_ATTEMPTS_MAX, "RTS art. 4(3)(b), S1-5"),
    LegalLimit("SESSION_IDLE_SECONDS", IDLE_MAX_SECONDS, "RTS art. 4(3)(d), S1-11"),
    LegalLimit("AIS_UNATTENDED_PER_DAY_MAX", UNATTENDED_ACCESSES_MAX_PER_24_HOURS, "RTS art. 36(5)(b)"),
    LegalLimit("CONSENT_VALIDITY_DAYS_MAX", CONSENT_VALIDITY_MAX_DAYS, "RTS art. 10a"),
    LegalLimit("INSTANT_ANSWER_SECONDS", INSTANT_ANSWER_MAX_SECONDS, "Regulation 260/2012 art. 5a(4)"),
)
