"""Numbers the law bounds. A setting may be stricter, never laxer (``apps.core.checks`` refuses to start)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LegalLimit:
    """The highest legal value of a setting, with the clause that says so."""

    setting: str
    maximum: int
    clause: str


@dataclass(frozen=True, slots=True)
class ReferenceBand:
    """A row of the annex for credit transfers: up to ``etv_minor`` (cents of euro) transaction risk analysis is open to
    a bank whose fraud rate is at most ``rate_per_million``."""

    etv_minor: int
    rate_per_million: int

    @property
    def percent(self) -> str:
        """The rate in per cent, as the annex writes it."""
        return f"{self.rate_per_million / 10_000:g}"


CODE_LIFETIME_MAX_SECONDS = 900
CODE_ATTEMPTS_MAX = 5
IDLE_MAX_SECONDS = 300
UNATTENDED_ACCESSES_MAX_PER_24_HOURS = 4
CONSENT_VALIDITY_MAX_DAYS = 180
INSTANT_ANSWER_MAX_SECONDS = 10
# Exemptions from strong customer authentication (RTS chapter III): the articles among which a bank chooses for remote
# payments; and bounds in cents of euro, payments and days.
CHOOSABLE_EXEMPTIONS = ("13", "15", "16", "17", "18")
LOW_VALUE_MAX_MINOR = 3_000
LOW_VALUE_TOTAL_MAX_MINOR = 10_000
LOW_VALUE_COUNT_MAX = 5
SCA_RENEWAL_MAX_DAYS = 180
HISTORY_WITHOUT_SCA_MAX_DAYS = 90
FRAUD_RATE_WINDOW_DAYS = 90
# A payment that was not authorised can be reported for so long after the debit (PSD2 art. 71(1)).
CLAIM_MAX_MONTHS = 13
RISK_ANALYSIS_AUDIT_MAX_DAYS = 365
RISK_ANALYSIS_EXTERNAL_AUDIT_MAX_DAYS = 3 * 365
# The annex, remote credit transfers, the lowest amount first: 0.015 %, 0.01 %, 0.005 %. A table, never a setting.
RISK_ANALYSIS_BANDS = (
    ReferenceBand(etv_minor=10_000, rate_per_million=150),
    ReferenceBand(etv_minor=25_000, rate_per_million=100),
    ReferenceBand(etv_minor=50_000, rate_per_million=50),
)

# What may be shown of a file of payments beside its total (apps.bulk.rules.DisplayStrategy; RTS art. 5(3)(b)).
BATCH_DISPLAYS = ("riskiest", "random", "without_trusted")

LIMITS = (
    LegalLimit("SCA_CODE_TTL_SECONDS", CODE_LIFETIME_MAX_SECONDS, "S1-8"),
    LegalLimit("SCA_MAX_ATTEMPTS", CODE_ATTEMPTS_MAX, "RTS art. 4(3)(b), S1-5"),
    LegalLimit("SESSION_IDLE_SECONDS", IDLE_MAX_SECONDS, "RTS art. 4(3)(d), S1-11"),
    LegalLimit("AIS_UNATTENDED_PER_DAY_MAX", UNATTENDED_ACCESSES_MAX_PER_24_HOURS, "RTS art. 36(5)(b)"),
    LegalLimit("CONSENT_VALIDITY_DAYS_MAX", CONSENT_VALIDITY_MAX_DAYS, "RTS art. 10a"),
    LegalLimit("INSTANT_ANSWER_SECONDS", INSTANT_ANSWER_MAX_SECONDS, "Regulation 260/2012 art. 5a(4)"),
    LegalLimit("SCA_LOW_VALUE_MAX_MINOR", LOW_VALUE_MAX_MINOR, "RTS art. 16(a)"),
    LegalLimit("SCA_LOW_VALUE_TOTAL_MAX_MINOR", LOW_VALUE_TOTAL_MAX_MINOR, "RTS art. 16(b)"),
    LegalLimit("SCA_LOW_VALUE_COUNT_MAX", LOW_VALUE_COUNT_MAX, "RTS art. 16(c)"),
)
