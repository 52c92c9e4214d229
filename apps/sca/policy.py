"""What this bank has chosen of exemptions and methods: the settings as the values that the pure decisions take."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from apps.sca.exemptions import Article, ExemptionPolicy
from apps.sca.rules import is_text_message_enough


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


def may_sign_by_text_message(snapshot: Mapping[str, Any]) -> bool:
    """Whether a code by text message may sign this under ``SCA_SMS_MAX_MINOR`` (cents): see
    :func:`apps.sca.rules.is_text_message_enough`."""
    return is_text_message_enough(snapshot=snapshot, max_minor=settings.SCA_SMS_MAX_MINOR)
