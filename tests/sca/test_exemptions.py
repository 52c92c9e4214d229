"""Exemptions from strong customer authentication: each article at its bound, and what forbids all of them."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import override_settings

from apps.core.checks import check_before_serving, check_exemptions, check_legal_limits
from apps.core.legal_limits import RISK_ANALYSIS_BANDS
from apps.sca.exemptions import (
    CHOOSABLE_ARTICLES,
    MILD_SIGNALS,
    RISK_SIGNALS,
    AccessChannel,
    AccessFacts,
    Article,
    Decision,
    ExemptionPolicy,
    Monitoring,
    PaymentFacts,
    Reason,
    decide_access,
    decide_payment,
    is_audit_valid,
)
from apps.sca.fraud_rates import FraudRate
from apps.sca.policy import exemption_policy

TODAY = date(2026, 11, 21)
EVERYTHING = ExemptionPolicy(
    articles=CHOOSABLE_ARTICLES,
    authority_letter="file 12/2026",
    last_audit=TODAY,
    last_external_audit=TODAY,
)
GOOD_RATE = FraudRate(fraud_minor=1, total_minor=1_000_000)
_MONITORED = {"signals", "risk_score", "fraud_rate", "ceased_bands"}


def facts(**changes: Any) -> PaymentFacts:
    """A payment of 600 EUR to a stranger at another bank, which no article exempts."""
    watched: dict[str, Any] = {"signals": frozenset(), "risk_score": 3, "fraud_rate": GOOD_RATE}
    watched |= {name: changes.pop(name) for name in _MONITORED & set(changes)}
    plain: dict[str, Any] = {
        "amount_minor": 60_000,
        "currency": "EUR",
        "payer_id": "anna",
        "debtor_holder_ids": frozenset({"anna"}),
        "today": TODAY,
        "monitoring": Monitoring(**watched),
    }
    return PaymentFacts(**(plain | changes))


def only(*articles: Article) -> ExemptionPolicy:
    return replace(EVERYTHING, articles=frozenset(articles))


def decide(policy: ExemptionPolicy = EVERYTHING, **changes: Any) -> Decision:
    return decide_payment(facts=facts(**changes), policy=policy)


class TestWhatForbidsAll:
    @pytest.mark.req("S3-7")
    def test_a_bank_that_chose_nothing_exempts_nothing(self) -> None:
        decision = decide(
            ExemptionPolicy(),
            amount_minor=1,
            is_trusted_payee=True,
            creditor_holder_ids=frozenset({"anna"}),
        )
        assert (decision.is_exempt, decision.reason) == (False, Reason.NO_ARTICLE_IN_USE)

    def test_what_fits_no_article_says_why_not_for_each(self) -> None:
        decision = decide()
        assert (decision.is_exempt, decision.reason) == (False, Reason.NO_ARTICLE_FITS)
        assert decision.refused == {
            Article.OWN_ACCOUNTS: Reason.ACCOUNT_ELSEWHERE,
            Article.TRUSTED_PAYEE: Reason.PAYEE_NOT_TRUSTED,
            Article.CORPORATE_PROCESS: Reason.CONSUMER,
            Article.LOW_VALUE: Reason.AMOUNT_ABOVE_LOW_VALUE,
            Article.RISK_ANALYSIS: Reason.AMOUNT_ABOVE_THRESHOLD,
        }

    FITTING: list[dict[str, Any]] = [
        {"amount_minor": 1_000},
        {"is_trusted_payee": True},
        {"creditor_holder_ids": frozenset({"anna"})},
        {"is_consumer": False, "uses_dedicated_process": True},
        {"series_as_signed": True},
    ]

    @pytest.mark.parametrize("signal", ["malware", "known_fraud_scenario", "a word of another time"])
    def test_each_grave_sign_alone_forces_authentication_under_every_article(self, signal: str) -> None:
        for changes in [*self.FITTING, {"amount_minor": 40_000}]:
            assert decide(**changes).is_exempt
            decision = decide(**changes, signals=frozenset({signal}))
            assert (decision.is_exempt, decision.reason) == (False, Reason.RISK_SIGNAL_FOUND)
            assert decision.figures["signals"] == signal

    @pytest.mark.parametrize("signal", sorted(MILD_SIGNALS))
    def test_a_mild_sign_is_no_reason_against_the_other_articles(self, signal: str) -> None:
        for changes in self.FITTING:
            assert decide(**changes, signals=frozenset({signal})).is_exempt

    @pytest.mark.req("RTS-18")
    @pytest.mark.parametrize("signal", RISK_SIGNALS)
    def test_each_of_the_six_alone_forbids_transaction_risk_analysis(self, signal: str) -> None:
        assert decide(amount_minor=40_000).article == Article.RISK_ANALYSIS
        decision = decide(amount_minor=40_000, signals=frozenset({signal}))
        assert not decision.is_exempt
        assert Reason.RISK_SIGNAL_FOUND in (decision.reason, decision.refused.get(Article.RISK_ANALYSIS))

    def test_there_are_the_six_signs_of_the_law(self) -> None:
        assert len(set(RISK_SIGNALS)) == 6

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"signatures_needed": 2}, Reason.SEVERAL_SIGNATURES),
            ({"payee_name_differs": True}, Reason.PAYEE_NAME_DIFFERS),
        ],
    )
    def test_neither_what_several_sign_nor_a_payee_of_another_name_is_exempt(
        self, change: dict[str, Any], reason: Reason
    ) -> None:
        assert decide(is_trusted_payee=True).is_exempt
        decision = decide(is_trusted_payee=True, **change)
        assert (decision.is_exempt, decision.reason) == (False, reason)

    def test_where_nobody_monitors_only_risk_analysis_is_out_of_reach(self) -> None:
        for changes in ({"amount_minor": 1_000}, {"is_trusted_payee": True}):
            assert decide(**changes, monitoring=Monitoring()).is_exempt
        assert not decide(only(Article.RISK_ANALYSIS), amount_minor=1, monitoring=Monitoring()).is_exempt

    @pytest.mark.parametrize("article", [Article.DIRECT_ACCESS, Article.AISP_ACCESS, Article.SERIES])
    def test_a_bank_cannot_choose_what_is_no_choice(self, article: Article) -> None:
        with pytest.raises(ValueError, match="not to be chosen"):
            ExemptionPolicy(articles=frozenset({article}))

    @pytest.mark.parametrize(
        "laxer",
        [
            {"low_value_max_minor": 3_001},
            {"low_value_total_max_minor": 10_001},
            {"low_value_count_max": 6},
        ],
    )
    def test_no_policy_is_laxer_than_the_law(self, laxer: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="laxer"):
            ExemptionPolicy(**laxer)  # type: ignore[arg-type]

    def test_no_decision_exempts_without_an_article(self) -> None:
        with pytest.raises(ValueError, match="by an article"):
            Decision(True, Reason.LOW_VALUE)

    def test_the_first_article_that_fits_is_the_one_on_record(self) -> None:
        all_of_them: dict[str, Any] = {
            "amount_minor": 1_000,
            "creditor_holder_ids": frozenset({"anna"}),
            "is_trusted_payee": True,
            "is_consumer": False,
            "uses_dedicated_process": True,
        }
        order = [
            Article.OWN_ACCOUNTS,
            Article.TRUSTED_PAYEE,
            Article.CORPORATE_PROCESS,
            Article.LOW_VALUE,
            Article.RISK_ANALYSIS,
        ]
        assert decide(**all_of_them, series_as_signed=True).article == Article.SERIES
        for position, article in enumerate(order):
            assert decide(only(*order[position:]), **all_of_them).article == article


@pytest.mark.req("RTS-13")
class TestTrustedPayees:
    def test_a_payee_on_the_list_needs_no_code_whatever_the_amount(self) -> None:
        decision = decide(is_trusted_payee=True)
        assert (decision.article, decision.reason) == (Article.TRUSTED_PAYEE, Reason.PAYEE_TRUSTED)

    def test_any_other_does(self) -> None:
        assert decide(only(Article.TRUSTED_PAYEE)).refused == {
            Article.TRUSTED_PAYEE: Reason.PAYEE_NOT_TRUSTED
        }


@pytest.mark.req("RTS-14")
class TestSeries:
    def test_an_execution_as_it_was_signed_needs_no_code_and_is_no_choice_of_the_bank(self) -> None:
        decision = decide(ExemptionPolicy(), series_as_signed=True)
        assert (decision.article, decision.reason) == (Article.SERIES, Reason.SERIES_AS_SIGNED)

    def test_one_of_another_amount_or_payee_does_whatever_else_would_fit(self) -> None:
        decision = decide(series_as_signed=False, is_trusted_payee=True, amount_minor=1)
        assert (decision.is_exempt, decision.reason) == (False, Reason.SERIES_DIFFERS)


@pytest.mark.req("RTS-15")
class TestOwnAccounts:
    @pytest.mark.parametrize(
        ("debtor", "creditor", "reason"),
        [
            ({"anna"}, {"anna"}, Reason.SAME_PERSON),
            ({"anna"}, None, Reason.ACCOUNT_ELSEWHERE),
            ({"anna"}, {"bruno"}, Reason.ANOTHER_PERSON),
            ({"anna"}, {"anna", "bruno"}, Reason.JOINT_ACCOUNT),
            ({"anna", "bruno"}, {"anna"}, Reason.JOINT_ACCOUNT),
            ({"anna", "bruno"}, {"anna", "bruno"}, Reason.JOINT_ACCOUNT),
            # Somebody who may sign for an account that is not his.
            ({"bruno"}, {"bruno"}, Reason.ANOTHER_PERSON),
            ({"anna"}, set(), Reason.JOINT_ACCOUNT),
        ],
    )
    def test_only_between_two_accounts_of_the_one_who_pays(
        self, debtor: set[str], creditor: set[str] | None, reason: Reason
    ) -> None:
        decision = decide(
            only(Article.OWN_ACCOUNTS),
            debtor_holder_ids=frozenset(debtor),
            creditor_holder_ids=None if creditor is None else frozenset(creditor),
        )
        assert decision.is_exempt is (reason == Reason.SAME_PERSON)
        assert reason in (decision.reason, *decision.refused.values())


@pytest.mark.req("RTS-16")
class TestLowValue:
    @pytest.mark.parametrize(
        ("amount", "paid", "number", "reason"),
        [
            (3_000, 0, 0, Reason.LOW_VALUE),
            (3_001, 0, 0, Reason.AMOUNT_ABOVE_LOW_VALUE),
            (3_000, 7_000, 3, Reason.LOW_VALUE),
            (3_000, 7_001, 3, Reason.TOTAL_SINCE_SCA_TOO_HIGH),
            (1, 9_999, 1, Reason.LOW_VALUE),
            (1, 10_000, 1, Reason.TOTAL_SINCE_SCA_TOO_HIGH),
            (100, 400, 4, Reason.LOW_VALUE),
            (100, 500, 5, Reason.TOO_MANY_SINCE_SCA),
        ],
    )
    def test_the_amount_the_sum_and_the_number_with_this_payment(
        self, amount: int, paid: int, number: int, reason: Reason
    ) -> None:
        decision = decide(
            only(Article.LOW_VALUE),
            amount_minor=amount,
            paid_since_sca_minor=paid,
            payments_since_sca=number,
        )
        assert decision.is_exempt is (reason == Reason.LOW_VALUE)
        assert reason in (decision.reason, *decision.refused.values())

    def test_the_figures_are_kept(self) -> None:
        assert decide(only(Article.LOW_VALUE), amount_minor=3_000, paid_since_sca_minor=500).figures == {
            "amount_minor": 3_000,
            "amount_max_minor": 3_000,
            "total_since_sca_minor": 3_500,
            "total_max_minor": 10_000,
            "payments_since_sca": 1,
            "payments_max": 5,
        }

    def test_a_bank_may_be_stricter(self) -> None:
        strict = replace(only(Article.LOW_VALUE), low_value_max_minor=1_000, low_value_count_max=1)
        assert decide(strict, amount_minor=1_000).is_exempt
        assert not decide(strict, amount_minor=1_001).is_exempt
        assert not decide(strict, amount_minor=1_000, payments_since_sca=1).is_exempt

    def test_its_bounds_are_euro(self) -> None:
        decision = decide(only(Article.LOW_VALUE), amount_minor=100, currency="JPY")
        assert decision.refused == {Article.LOW_VALUE: Reason.NOT_EURO}


@pytest.mark.req("RTS-17")
class TestCorporateProcesses:
    @pytest.mark.parametrize(
        ("consumer", "dedicated", "letter", "reason"),
        [
            (False, True, "file 12/2026", Reason.CORPORATE_PROCESS),
            (True, True, "file 12/2026", Reason.CONSUMER),
            (False, False, "file 12/2026", Reason.NO_DEDICATED_PROCESS),
            (False, True, "", Reason.NO_AUTHORITY_LETTER),
        ],
    )
    def test_no_consumer_a_process_of_its_own_and_the_authoritys_letter(
        self, consumer: bool, dedicated: bool, letter: str, reason: Reason
    ) -> None:
        decision = decide(
            replace(only(Article.CORPORATE_PROCESS), authority_letter=letter),
            is_consumer=consumer,
            uses_dedicated_process=dedicated,
        )
        assert decision.is_exempt is (reason == Reason.CORPORATE_PROCESS)
        assert reason in (decision.reason, *decision.refused.values())


@pytest.mark.req("RTS-18")
class TestRiskAnalysis:
    def test_the_annex_is_as_the_law_has_it(self) -> None:
        assert [(band.etv_minor, band.rate_per_million) for band in RISK_ANALYSIS_BANDS] == [
            (10_000, 150),
            (25_000, 100),
            (50_000, 50),
        ]

    @pytest.mark.parametrize(
        ("amount", "per_million", "reason"),
        [
            (50_000, 50, Reason.LOW_RISK),
            (50_001, 50, Reason.AMOUNT_ABOVE_THRESHOLD),
            (50_000, 51, Reason.FRAUD_RATE_TOO_HIGH),
            (25_000, 51, Reason.LOW_RISK),
            (25_001, 100, Reason.FRAUD_RATE_TOO_HIGH),
            (25_000, 100, Reason.LOW_RISK),
            (25_000, 101, Reason.FRAUD_RATE_TOO_HIGH),
            (10_000, 150, Reason.LOW_RISK),
            (10_001, 150, Reason.FRAUD_RATE_TOO_HIGH),
            (10_000, 151, Reason.FRAUD_RATE_TOO_HIGH),
            (1, 151, Reason.FRAUD_RATE_TOO_HIGH),
            (50_000, 0, Reason.LOW_RISK),
        ],
    )
    def test_amount_and_fraud_rate_at_each_bound_of_the_annex(
        self, amount: int, per_million: int, reason: Reason
    ) -> None:
        decision = decide(
            only(Article.RISK_ANALYSIS), amount_minor=amount, fraud_rate=FraudRate(per_million, 1_000_000)
        )
        assert decision.is_exempt is (reason == Reason.LOW_RISK)
        assert reason in (decision.reason, *decision.refused.values())

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"signals": None}, Reason.RISK_NOT_ANALYSED),
            ({"risk_score": None}, Reason.RISK_NOT_ANALYSED),
            ({"fraud_rate": None}, Reason.FRAUD_RATE_UNKNOWN),
            ({"fraud_rate": FraudRate(0, 0)}, Reason.FRAUD_RATE_UNKNOWN),
            ({"currency": "USD"}, Reason.NOT_EURO),
            ({"ceased_bands": frozenset({50_000})}, Reason.BAND_CEASED),
        ],
    )
    def test_what_is_not_known_or_was_given_up_exempts_nothing(
        self, changes: dict[str, Any], reason: Reason
    ) -> None:
        decision = decide(only(Article.RISK_ANALYSIS), **({"amount_minor": 50_000} | changes))
        assert decision.refused == {Article.RISK_ANALYSIS: reason}

    def test_a_band_that_was_given_up_leaves_the_others(self) -> None:
        ceased = frozenset({50_000})
        assert decide(only(Article.RISK_ANALYSIS), amount_minor=25_000, ceased_bands=ceased).is_exempt
        assert not decide(only(Article.RISK_ANALYSIS), amount_minor=25_001, ceased_bands=ceased).is_exempt

    def test_the_score_and_every_figure_are_kept(self) -> None:
        assert decide(only(Article.RISK_ANALYSIS), amount_minor=9_000).figures == {
            "last_audit": "2026-11-21",
            "last_external_audit": "2026-11-21",
            "risk_score": 3,
            "amount_minor": 9_000,
            "fraud_minor": 1,
            "total_minor": 1_000_000,
            "fraud_rate_percent": "0.00010",
            "threshold_minor": 10_000,
            "reference_rate_per_million": 150,
        }

    @pytest.mark.req("RTS-3(2)")
    @pytest.mark.parametrize(
        ("days", "external_days", "valid"),
        [
            (0, 0, True),
            (365, 365, True),
            (366, 366, False),
            (365, 1_095, True),
            (365, 1_096, False),
            (-1, 0, False),
            (0, -1, False),
        ],
    )
    def test_an_audit_holds_a_year_an_external_one_three(
        self, days: int, external_days: int, valid: bool
    ) -> None:
        audits = {
            "last_audit": TODAY - timedelta(days=days),
            "last_external_audit": TODAY - timedelta(days=external_days),
        }
        assert is_audit_valid(**audits, today=TODAY) is valid
        decision = decide(replace(only(Article.RISK_ANALYSIS), **audits), amount_minor=5_000)
        assert decision.is_exempt is valid
        if not valid:
            assert decision.refused == {Article.RISK_ANALYSIS: Reason.AUDIT_EXPIRED}

    @pytest.mark.parametrize("missing", ["last_audit", "last_external_audit"])
    def test_without_an_audit_it_is_never_chosen(self, missing: str) -> None:
        decision = decide(replace(only(Article.RISK_ANALYSIS), **{missing: None}), amount_minor=1)
        assert decision.refused == {Article.RISK_ANALYSIS: Reason.AUDIT_MISSING}


class TestAccess:
    @pytest.mark.req("RTS-10", "RTS-10a")
    @pytest.mark.parametrize("channel", list(AccessChannel))
    @pytest.mark.parametrize(
        ("days", "reason"),
        [
            (0, Reason.AUTHENTICATED_RECENTLY),
            (180, Reason.AUTHENTICATED_RECENTLY),
            (181, Reason.AUTHENTICATION_TOO_OLD),
        ],
    )
    def test_an_authentication_holds_for_180_days(
        self, channel: AccessChannel, days: int, reason: Reason
    ) -> None:
        decision = decide_access(
            AccessFacts(channel=channel, last_sca=TODAY - timedelta(days=days), today=TODAY)
        )
        assert decision.reason == reason
        assert decision.figures["days_since_sca"] == days
        article = Article.DIRECT_ACCESS if channel == AccessChannel.DIRECT else Article.AISP_ACCESS
        assert decision.article == (article if days <= 180 else None)

    @pytest.mark.req("RTS-10", "RTS-10a")
    @pytest.mark.parametrize("channel", list(AccessChannel))
    def test_the_first_access_takes_one(self, channel: AccessChannel) -> None:
        decision = decide_access(AccessFacts(channel=channel, last_sca=None, today=TODAY))
        assert (decision.is_exempt, decision.reason) == (False, Reason.FIRST_ACCESS)

    @pytest.mark.req("RTS-10", "RTS-10a")
    @pytest.mark.parametrize(("days", "exempt"), [(90, True), (91, False)])
    def test_bookings_of_90_days_are_given_older_ones_are_not(self, days: int, exempt: bool) -> None:
        decision = decide_access(
            AccessFacts(
                channel=AccessChannel.AISP,
                last_sca=TODAY,
                today=TODAY,
                oldest_entry=TODAY - timedelta(days=days),
            )
        )
        assert decision.is_exempt is exempt
        assert exempt or decision.reason == Reason.HISTORY_TOO_OLD

    @pytest.mark.req("RTS-10a")
    def test_an_authentication_can_be_forced_only_with_its_grounds_which_are_kept(self) -> None:
        access = AccessFacts(channel=AccessChannel.AISP, last_sca=TODAY, today=TODAY)
        assert decide_access(access).is_exempt
        forced = decide_access(replace(access, fraud_grounds="logged in from two countries"))
        assert (forced.is_exempt, forced.reason) == (False, Reason.FRAUD_SUSPECTED)
        assert forced.figures == {"grounds": "logged in from two countries"}


class TestSettings:
    @pytest.mark.req("S3-7")
    def test_nothing_is_chosen_unless_somebody_chooses(self) -> None:
        assert exemption_policy().articles == frozenset()
        assert check_exemptions(None) == []

    @pytest.mark.req("RTS-16")
    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("SCA_LOW_VALUE_MAX_MINOR", 3_001),
            ("SCA_LOW_VALUE_TOTAL_MAX_MINOR", 10_001),
            ("SCA_LOW_VALUE_COUNT_MAX", 6),
            ("SCA_LOW_VALUE_COUNT_MAX", 0),
        ],
    )
    def test_the_program_does_not_start_with_laxer_low_values(self, setting: str, value: int) -> None:
        with override_settings(**{setting: value}):
            assert [error.id for error in check_legal_limits(None)] == ["bank.E001"]

    @pytest.mark.parametrize("article", ["10", "10a", "14", "11", "sixteen", ""])
    def test_nor_with_an_exemption_that_is_not_to_be_chosen(self, article: str) -> None:
        with override_settings(SCA_EXEMPTIONS=["16", article]):
            assert [error.id for error in check_exemptions(None)] == ["bank.E021"]

    @pytest.mark.req("RTS-3(2)", "RTS-18")
    @pytest.mark.parametrize("missing", ["LAST_AUDIT", "LAST_EXTERNAL_AUDIT"])
    def test_nor_with_risk_analysis_and_without_the_days_of_its_audits(self, missing: str) -> None:
        audits = {"SCA_RISK_ANALYSIS_LAST_AUDIT": TODAY, "SCA_RISK_ANALYSIS_LAST_EXTERNAL_AUDIT": TODAY}
        with override_settings(SCA_EXEMPTIONS=["18"], **audits):
            assert check_exemptions(None) == []
            assert exemption_policy().last_audit == TODAY
        with override_settings(SCA_EXEMPTIONS=["18"], **(audits | {f"SCA_RISK_ANALYSIS_{missing}": None})):
            assert [error.id for error in check_exemptions(None)] == ["bank.E022"]

    @pytest.mark.req("RTS-17")
    def test_nor_with_processes_for_companies_and_without_the_authoritys_letter(self) -> None:
        with override_settings(SCA_EXEMPTIONS=["17"], SCA_CORPORATE_LETTER=" "):
            assert [error.id for error in check_exemptions(None)] == ["bank.E023"]
        with override_settings(SCA_EXEMPTIONS=["17"], SCA_CORPORATE_LETTER="file 12/2026"):
            assert check_exemptions(None) == []

    def test_the_web_server_and_celery_refuse_too(self) -> None:
        from django.core.exceptions import ImproperlyConfigured

        with override_settings(SCA_EXEMPTIONS=["99"]), pytest.raises(ImproperlyConfigured, match="E021"):
            check_before_serving()
