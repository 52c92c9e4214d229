"""Whether strong customer authentication may be left out: one pure decision, with its reason and its figures (RTS
chapter III).

Facts and the bank's policy come in, a :class:`Decision` comes out; nothing is read here, no clock, no settings. The
legal numbers are in :mod:`apps.core.legal_limits`; a policy may be stricter.

**The order for payments.** First what forbids every exemption: a grave sign of danger that monitoring found (art. 2;
the milder ones of art. 18(2)(c), such as a payee who was never paid, forbid art. 18 alone), and, as this bank has it,
several who must sign, and a payee whose name is not the one that his bank knows.
Then the articles, and the first that fits is the one on record:

1. art. 14, an execution of a series that was signed as a whole: it is no new order, and one that differs from what was
   signed goes no further;
2. art. 15, between accounts of one person at this bank: the money stays his;
3. art. 13, a payee whom he trusted with strong authentication;
4. art. 17, processes for companies alone;
5. art. 16, low value: it uses up the two counters, so it comes after what does not need it;
6. art. 18, transaction risk analysis: it asks most, and its losses count in the fraud rate.

The low-value counters count whatever was paid without authentication since the last one, by whichever article: so no
mixture of articles lets more small payments through.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from apps.core.legal_limits import (
    CHOOSABLE_EXEMPTIONS,
    HISTORY_WITHOUT_SCA_MAX_DAYS,
    LOW_VALUE_COUNT_MAX,
    LOW_VALUE_MAX_MINOR,
    LOW_VALUE_TOTAL_MAX_MINOR,
    RISK_ANALYSIS_AUDIT_MAX_DAYS,
    RISK_ANALYSIS_BANDS,
    RISK_ANALYSIS_EXTERNAL_AUDIT_MAX_DAYS,
    SCA_RENEWAL_MAX_DAYS,
)
from apps.sca.fraud_rates import FraudRate

# What an execution in real time looks for (art. 18(2)(c)(i)-(vi)), in the law's order.
RISK_SIGNALS = (
    "abnormal_spending",
    "unusual_device",
    "malware",
    "known_fraud_scenario",
    "abnormal_location",
    "high_risk_payee",
)
# What speaks of a stranger or of a change, and is found with every honest first time too: it forbids art. 18, as the
# law has it, and nothing else. Every other word forbids every article.
MILD_SIGNALS = frozenset({"abnormal_spending", "unusual_device", "abnormal_location", "high_risk_payee"})
# A stored figure: only what has one written form (apps.core.canonical).
Figure = int | str | bool | None


class Article(StrEnum):
    """Articles of the RTS that exempt."""

    DIRECT_ACCESS = "10"
    AISP_ACCESS = "10a"
    TRUSTED_PAYEE = "13"
    SERIES = "14"
    OWN_ACCOUNTS = "15"
    LOW_VALUE = "16"
    CORPORATE_PROCESS = "17"
    RISK_ANALYSIS = "18"


# What a bank may choose to use for payments. Art. 14 is no choice here: a series is signed as a whole, and its
# executions are covered by that signature. Art. 10 and 10a are about access.
CHOOSABLE_ARTICLES = frozenset(Article(number) for number in CHOOSABLE_EXEMPTIONS)


class Reason(StrEnum):
    """Why a decision is as it is; stored, so a word never changes its meaning."""

    # Exempt
    PAYEE_TRUSTED = "payee_trusted"
    SERIES_AS_SIGNED = "series_as_signed"
    SAME_PERSON = "same_person"
    LOW_VALUE = "low_value"
    CORPORATE_PROCESS = "corporate_process"
    LOW_RISK = "low_risk"
    AUTHENTICATED_RECENTLY = "authenticated_recently"
    # Not exempt
    NO_ARTICLE_IN_USE = "no_article_in_use"
    NO_ARTICLE_FITS = "no_article_fits"
    RISK_SIGNAL_FOUND = "risk_signal_found"
    SEVERAL_SIGNATURES = "several_signatures"
    PAYEE_NAME_DIFFERS = "payee_name_differs"
    SERIES_DIFFERS = "series_differs"
    PAYEE_NOT_TRUSTED = "payee_not_trusted"
    ACCOUNT_ELSEWHERE = "account_elsewhere"
    JOINT_ACCOUNT = "joint_account"
    ANOTHER_PERSON = "another_person"
    NOT_EURO = "not_euro"
    AMOUNT_ABOVE_LOW_VALUE = "amount_above_low_value"
    TOTAL_SINCE_SCA_TOO_HIGH = "total_since_sca_too_high"
    TOO_MANY_SINCE_SCA = "too_many_since_sca"
    CONSUMER = "consumer"
    NO_AUTHORITY_LETTER = "no_authority_letter"
    NO_DEDICATED_PROCESS = "no_dedicated_process"
    AUDIT_MISSING = "audit_missing"
    AUDIT_EXPIRED = "audit_expired"
    RISK_NOT_ANALYSED = "risk_not_analysed"
    FRAUD_RATE_UNKNOWN = "fraud_rate_unknown"
    AMOUNT_ABOVE_THRESHOLD = "amount_above_threshold"
    FRAUD_RATE_TOO_HIGH = "fraud_rate_too_high"
    BAND_CEASED = "band_ceased"
    FIRST_ACCESS = "first_access"
    AUTHENTICATION_TOO_OLD = "authentication_too_old"
    HISTORY_TOO_OLD = "history_too_old"
    FRAUD_SUSPECTED = "fraud_suspected"
    SESSION_SIGNS_NOTHING = "session_signs_nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemptionPolicy:
    """What a bank has chosen, within the law. The defaults exempt nothing.

    :raises ValueError: an article that is not to be chosen, or a bound laxer than the law's.
    """

    articles: frozenset[Article] = frozenset()
    low_value_max_minor: int = LOW_VALUE_MAX_MINOR
    low_value_total_max_minor: int = LOW_VALUE_TOTAL_MAX_MINOR
    low_value_count_max: int = LOW_VALUE_COUNT_MAX
    authority_letter: str = ""
    last_audit: date | None = None
    last_external_audit: date | None = None

    def __post_init__(self) -> None:
        if not self.articles <= CHOOSABLE_ARTICLES:
            raise ValueError(f"not to be chosen: {sorted(self.articles - CHOOSABLE_ARTICLES)}")
        bounds = (
            (self.low_value_max_minor, LOW_VALUE_MAX_MINOR),
            (self.low_value_total_max_minor, LOW_VALUE_TOTAL_MAX_MINOR),
            (self.low_value_count_max, LOW_VALUE_COUNT_MAX),
        )
        if any(chosen > legal for chosen, legal in bounds):
            raise ValueError("laxer than the law")


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What transaction monitoring says of a payment and of the bank's fraud. The defaults are what is true where nobody
    looks: nothing was found, and nothing is known that art. 18 asks for.

    ``signals`` are words of :data:`RISK_SIGNALS`, None: nobody looked. ``ceased_bands``: see
    :func:`apps.sca.fraud_rates.ceased_bands`. ``session_signs_nothing``: an authenticator app has opened the session,
    which must let no payment out in any way (S1-19).
    """

    signals: frozenset[str] | None = None
    risk_score: int | None = None
    fraud_rate: FraudRate | None = None
    ceased_bands: frozenset[int] = frozenset()
    session_signs_nothing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFacts:
    """What is known of a remote payment and its payer at the moment of the decision. Amounts are minor units.

    ``payer_id`` is the customer who signs. ``creditor_holder_ids`` None: the account is at another bank.
    ``series_as_signed`` None: no execution of a series; else whether amount and payee are as the series was signed.
    ``paid_since_sca_minor`` and ``payments_since_sca`` are what this customer paid without strong authentication since
    he last authenticated a payment, this one not among it.
    """

    amount_minor: int
    currency: str
    payer_id: str
    debtor_holder_ids: frozenset[str]
    today: date
    creditor_holder_ids: frozenset[str] | None = None
    signatures_needed: int = 1
    payee_name_differs: bool = False
    is_consumer: bool = True
    is_trusted_payee: bool = False
    series_as_signed: bool | None = None
    uses_dedicated_process: bool = False
    paid_since_sca_minor: int = 0
    payments_since_sca: int = 0
    monitoring: Monitoring = Monitoring()


@dataclass(frozen=True, slots=True)
class Decision:
    """Exempt by an article, or not; why, and the figures that led to it.

    ``refused`` says of each article that was looked at and did not fit why not.
    """

    is_exempt: bool
    reason: Reason
    article: Article | None = None
    figures: dict[str, Figure] = field(default_factory=dict)
    refused: dict[Article, Reason] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.is_exempt != (self.article is not None):
            raise ValueError("exempt is by an article")


class AccessChannel(StrEnum):
    """Who asks for account information: the customer himself (art. 10), or an AISP for him (art. 10a)."""

    DIRECT = "direct"
    AISP = "aisp"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFacts:
    """A customer's access to account information, through one channel.

    ``last_sca`` is the bank's day on which he last authenticated strongly for it: directly, or through this AISP,
    each AISP having a clock of its own; None: never. ``oldest_entry`` is the day of the oldest booking asked for; None:
    only the balance. ``fraud_grounds`` are the objectively justified and evidenced reasons for asking an authentication
    all the same (art. 10a(2)); empty: none.
    """

    channel: AccessChannel
    last_sca: date | None
    today: date
    oldest_entry: date | None = None
    fraud_grounds: str = ""


def decide_payment(*, facts: PaymentFacts, policy: ExemptionPolicy) -> Decision:
    """Whether a payment may go out without a code. The order of the articles is in this module's docstring."""
    if facts.monitoring.session_signs_nothing:
        return Decision(False, Reason.SESSION_SIGNS_NOTHING)
    if facts.monitoring.signals and facts.monitoring.signals - MILD_SIGNALS:
        return Decision(False, Reason.RISK_SIGNAL_FOUND, figures=_signal_figures(facts))
    if facts.series_as_signed is not None:
        if facts.series_as_signed:
            return Decision(True, Reason.SERIES_AS_SIGNED, Article.SERIES)
        return Decision(False, Reason.SERIES_DIFFERS, refused={Article.SERIES: Reason.SERIES_DIFFERS})
    if facts.signatures_needed > 1:
        return Decision(False, Reason.SEVERAL_SIGNATURES)
    if facts.payee_name_differs:
        return Decision(False, Reason.PAYEE_NAME_DIFFERS)
    refused: dict[Article, Reason] = {}
    for article, judge in _JUDGES.items():
        if article not in policy.articles:
            continue
        reason, figures = judge(facts, policy)
        if reason in _GRANTS:
            return Decision(True, reason, article, figures, refused)
        refused[article] = reason
    reason = Reason.NO_ARTICLE_FITS if refused else Reason.NO_ARTICLE_IN_USE
    return Decision(False, reason, refused=refused)


def decide_access(facts: AccessFacts) -> Decision:
    """Whether account information may be given without another strong authentication.

    Directly it *may* be (art. 10), and this bank's portal does not make use of it. For an AISP it *has to be* (art.
    10a): there an authentication is asked at the first access, after 180 days, for older bookings, and on documented
    grounds of fraud alone. The 180 days end with the last hour of the 180th day after (Regulation 1182/71 art. 3).
    """
    article = Article.DIRECT_ACCESS if facts.channel == AccessChannel.DIRECT else Article.AISP_ACCESS
    reason, figures = _judge_access(facts)
    if reason == Reason.AUTHENTICATED_RECENTLY:
        return Decision(True, reason, article, figures)
    return Decision(False, reason, figures=figures, refused={article: reason})


def is_audit_valid(*, last_audit: date | None, last_external_audit: date | None, today: date) -> bool:
    """Whether the yearly audit of transaction risk analysis, and the external one of every third year and of the first,
    are in date (art. 3(2)). One dated in the future is none."""
    return _is_recent(last_audit, today, RISK_ANALYSIS_AUDIT_MAX_DAYS) and _is_recent(
        last_external_audit, today, RISK_ANALYSIS_EXTERNAL_AUDIT_MAX_DAYS
    )


Judgement = tuple[Reason, dict[str, Figure]]


def _judge_own_accounts(facts: PaymentFacts, policy: ExemptionPolicy) -> Judgement:
    """Art. 15: payer and payee the same person, both accounts here. Not two who share an account, even if they share
    the other as well."""
    if facts.creditor_holder_ids is None:
        return Reason.ACCOUNT_ELSEWHERE, {}
    if len(facts.debtor_holder_ids) != 1 or len(facts.creditor_holder_ids) != 1:
        return Reason.JOINT_ACCOUNT, {}
    if not facts.debtor_holder_ids == facts.creditor_holder_ids == {facts.payer_id}:
        return Reason.ANOTHER_PERSON, {}
    return Reason.SAME_PERSON, {"holder": facts.payer_id}


def _judge_trusted_payee(facts: PaymentFacts, policy: ExemptionPolicy) -> Judgement:
    """Art. 13(2)."""
    return (Reason.PAYEE_TRUSTED if facts.is_trusted_payee else Reason.PAYEE_NOT_TRUSTED), {}


def _judge_corporate_process(facts: PaymentFacts, policy: ExemptionPolicy) -> Judgement:
    """Art. 17: no consumer, a process that no consumer has, and an authority that was satisfied of it."""
    if facts.is_consumer:
        return Reason.CONSUMER, {}
    if not facts.uses_dedicated_process:
        return Reason.NO_DEDICATED_PROCESS, {}
    if not policy.authority_letter:
        return Reason.NO_AUTHORITY_LETTER, {}
    return Reason.CORPORATE_PROCESS, {"authority_letter": policy.authority_letter}


def _judge_low_value(facts: PaymentFacts, policy: ExemptionPolicy) -> Judgement:
    """Art. 16. The law lets a bank choose one of the counters and look at earlier payments; here both hold, and this
    payment is counted."""
    total_minor = facts.paid_since_sca_minor + facts.amount_minor
    count = facts.payments_since_sca + 1
    figures: dict[str, Figure] = {
        "amount_minor": facts.amount_minor,
        "amount_max_minor": policy.low_value_max_minor,
        "total_since_sca_minor": total_minor,
        "total_max_minor": policy.low_value_total_max_minor,
        "payments_since_sca": count,
        "payments_max": policy.low_value_count_max,
    }
    if facts.currency != "EUR":
        return Reason.NOT_EURO, figures
    if facts.amount_minor > policy.low_value_max_minor:
        return Reason.AMOUNT_ABOVE_LOW_VALUE, figures
    if total_minor > policy.low_value_total_max_minor:
        return Reason.TOTAL_SINCE_SCA_TOO_HIGH, figures
    if count > policy.low_value_count_max:
        return Reason.TOO_MANY_SINCE_SCA, figures
    return Reason.LOW_VALUE, figures


def _judge_risk_analysis(facts: PaymentFacts, policy: ExemptionPolicy) -> Judgement:
    """Art. 18 with the annex. The payment is held against the band that it falls into: the lowest whose threshold it
    does not exceed. The rate has to be good now, and the band must not have been given up (art. 20): both."""
    if policy.last_audit is None or policy.last_external_audit is None:
        return Reason.AUDIT_MISSING, {}
    audits = {"last_audit": policy.last_audit, "last_external_audit": policy.last_external_audit}
    figures: dict[str, Figure] = {name: day.isoformat() for name, day in audits.items()}
    if not is_audit_valid(**audits, today=facts.today):
        return Reason.AUDIT_EXPIRED, figures
    monitoring, rate = facts.monitoring, facts.monitoring.fraud_rate
    if monitoring.signals is None or monitoring.risk_score is None:
        return Reason.RISK_NOT_ANALYSED, figures
    if monitoring.signals:
        return Reason.RISK_SIGNAL_FOUND, figures | _signal_figures(facts)
    figures |= {"risk_score": monitoring.risk_score, "amount_minor": facts.amount_minor}
    if facts.currency != "EUR":
        return Reason.NOT_EURO, figures
    if rate is None or not rate.is_known:
        return Reason.FRAUD_RATE_UNKNOWN, figures
    figures |= {
        "fraud_minor": rate.fraud_minor,
        "total_minor": rate.total_minor,
        "fraud_rate_percent": str(rate.percent),
    }
    band = next((one for one in RISK_ANALYSIS_BANDS if facts.amount_minor <= one.etv_minor), None)
    if band is None:
        return Reason.AMOUNT_ABOVE_THRESHOLD, figures
    figures |= {"threshold_minor": band.etv_minor, "reference_rate_per_million": band.rate_per_million}
    if not rate.is_within(band):
        return Reason.FRAUD_RATE_TOO_HIGH, figures
    if band.etv_minor in monitoring.ceased_bands:
        return Reason.BAND_CEASED, figures
    return Reason.LOW_RISK, figures


def _judge_access(facts: AccessFacts) -> Judgement:
    if facts.fraud_grounds:
        return Reason.FRAUD_SUSPECTED, {"grounds": facts.fraud_grounds}
    if facts.last_sca is None:
        return Reason.FIRST_ACCESS, {}
    days = (facts.today - facts.last_sca).days
    figures: dict[str, Figure] = {
        "last_sca": facts.last_sca.isoformat(),
        "days_since_sca": days,
        "days_max": SCA_RENEWAL_MAX_DAYS,
    }
    if days > SCA_RENEWAL_MAX_DAYS:
        return Reason.AUTHENTICATION_TOO_OLD, figures
    if facts.oldest_entry is not None:
        figures["oldest_entry"] = facts.oldest_entry.isoformat()
        if facts.oldest_entry < facts.today - timedelta(days=HISTORY_WITHOUT_SCA_MAX_DAYS):
            return Reason.HISTORY_TOO_OLD, figures
    return Reason.AUTHENTICATED_RECENTLY, figures


def _is_recent(day: date | None, today: date, days: int) -> bool:
    return day is not None and timedelta(0) <= today - day <= timedelta(days=days)


def _signal_figures(facts: PaymentFacts) -> dict[str, Figure]:
    found = facts.monitoring.signals or frozenset()
    return {"signals": ",".join(sorted(found)), "risk_score": facts.monitoring.risk_score}


_JUDGES: dict[Article, Callable[[PaymentFacts, ExemptionPolicy], Judgement]] = {
    Article.OWN_ACCOUNTS: _judge_own_accounts,
    Article.TRUSTED_PAYEE: _judge_trusted_payee,
    Article.CORPORATE_PROCESS: _judge_corporate_process,
    Article.LOW_VALUE: _judge_low_value,
    Article.RISK_ANALYSIS: _judge_risk_analysis,
}
_GRANTS = frozenset(
    {
        Reason.SAME_PERSON,
        Reason.PAYEE_TRUSTED,
        Reason.CORPORATE_PROCESS,
        Reason.LOW_VALUE,
        Reason.LOW_RISK,
    }
)
