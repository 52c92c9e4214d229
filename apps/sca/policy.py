"""The exemptions that this bank has chosen: the settings as the value that the pure decision takes."""

from django.conf import settings

from apps.sca.exemptions import Article, ExemptionPolicy


def exemption_policy() -> ExemptionPolicy:
    """What the settings allow. ``apps.core.checks`` has refused to start with anything laxer than the law."""
    return ExemptionPolicy(
        articles=frozenset(Article(number) for number in settings.SCA_EXEMPTIONS),
        low_value_max_minor=settings.SCA_LOW_VALUE_MAX_MINOR,
        low_value_total_max_minor=settings.SCA_LOW_VALUE_TOTAL_MAX_MINOR,
        low_value_count_max=settings.SCA_LOW_VALUE_COUNT_MAX,
        authority_letter=settings.SCA_CORPORATE_LETTER.strip(),
        last_audit=settings.SCA_RISK_ANALYSIS_LAST_AUDIT,
        last_external_audit=settings.SCA_RISK_ANALYSIS_LAST_EXTERNAL_AUDIT,
    )
