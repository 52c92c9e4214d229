from django.db import models
from django.db.models import Q
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.risk.rules import (
    HIGH_FROM,
    MEDIUM_FROM,
    SCORE_MAX,
    CaseOutcome,
    CaseStatus,
    Comparison,
    ElementKind,
    Factor,
    Measure,
    RiskLevel,
    Rule,
    Subject,
)


class RiskRule(models.Model):
    """One rule of one version of the rules. A version is in force from its day until the next one's; rows never change,
    so that what was scored by them can be scored again."""

    version = models.PositiveIntegerField(_("version"))
    in_force_from = models.DateTimeField(_("in force from"))
    factor = models.CharField(_("factor"), max_length=24, choices=Factor)
    measure = models.CharField(_("what is measured"), max_length=30, choices=Measure)
    comparison = models.CharField(_("comparison"), max_length=8, choices=Comparison)
    threshold = models.BigIntegerField(_("threshold"))
    weight = models.PositiveSmallIntegerField(_("weight"))
    weight_if_unknown = models.PositiveSmallIntegerField(_("weight if not known"))

    class Meta:
        verbose_name = _("rule of monitoring")
        verbose_name_plural = _("rules of monitoring")
        constraints = [
            models.UniqueConstraint(fields=["version", "measure", "threshold"], name="risk_rule_once"),
            models.CheckConstraint(condition=Q(factor__in=Factor.values), name="risk_rule_factor_known"),
            models.CheckConstraint(condition=Q(measure__in=Measure.values), name="risk_rule_measure_known"),
            models.CheckConstraint(
                condition=Q(comparison__in=Comparison.values), name="risk_rule_comparison_known"
            ),
            models.CheckConstraint(
                condition=Q(weight__gte=1, weight__lte=SCORE_MAX), name="risk_rule_weight_range"
            ),
            # What is not known counts as risky (fails closed).
            models.CheckConstraint(
                condition=Q(weight_if_unknown__gte=1, weight_if_unknown__lte=SCORE_MAX),
                name="risk_rule_unknown_weighs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.measure} {self.comparison} {self.threshold}"

    @property
    def rule(self) -> Rule:
        """The rule as it is applied."""
        return Rule(
            measure=Measure(self.measure),
            comparison=Comparison(self.comparison),
            threshold=self.threshold,
            weight=self.weight,
            weight_if_unknown=self.weight_if_unknown,
        )


class RiskAssessment(models.Model):
    """How risky one payment, one file of payments or one sign-in looked, and why. Rows are only ever added.

    ``facts`` and ``rules_version`` give ``score`` and ``factors`` again (``apps.risk.queries.recompute``). Of a file,
    ``facts`` are those common to all of its payments, and ``item_patterns`` has two bytes for each payment in the
    file's order that say which of the ranges of the rules its own facts are in (``apps.risk.patterns``); score and
    factors are those of the riskiest one. ``psu_id`` and ``account_id`` are ids of the rooms beside and above.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subject = models.CharField(_("what"), max_length=7, choices=Subject)
    subject_id = models.UUIDField(_("its ID"), help_text="of the payment or file; of a sign-in, the customer")
    psu_id = models.UUIDField(_("customer’s ID"), null=True, help_text="empty: a TPP did not say")
    account_id = models.UUIDField(_("account’s ID"), null=True)
    level = models.CharField(_("level"), max_length=6, choices=RiskLevel)
    score = models.PositiveSmallIntegerField(_("score (of 100)"), null=True)
    rules_version = models.PositiveIntegerField(_("version of the rules"), null=True)
    facts = models.JSONField(_("facts"), default=dict)
    factors = models.JSONField(_("factors"), default=list)
    device = models.CharField(_("device (hash)"), max_length=64, blank=True, help_text="empty: not known")
    network = models.CharField(_("network"), max_length=43, blank=True, help_text="empty: not known")
    item_patterns = models.BinaryField(
        null=True, help_text="two bytes for each payment of a file, in its order"
    )
    items_at_level = models.JSONField(
        _("payments by level"), default=dict, help_text="of a file: how many payments of each level"
    )
    assessed_at = models.DateTimeField(_("assessed"))

    class Meta:
        verbose_name = _("risk assessment")
        verbose_name_plural = _("risk assessments")
        constraints = [
            models.CheckConstraint(
                condition=Q(subject__in=Subject.values), name="risk_assessment_subject_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    level=RiskLevel.NONE, score__isnull=True, rules_version__isnull=True, factors__exact=[]
                )
                | Q(rules_version__isnull=False)
                & (
                    Q(level=RiskLevel.LOW, score__gte=0, score__lt=MEDIUM_FROM)
                    | Q(level=RiskLevel.MEDIUM, score__gte=MEDIUM_FROM, score__lt=HIGH_FROM)
                    | Q(level=RiskLevel.HIGH, score__gte=HIGH_FROM, score__lte=SCORE_MAX)
                ),
                name="risk_assessment_level_of_score",
            ),
            models.CheckConstraint(
                condition=Q(level=RiskLevel.NONE)
                | Q(
                    Exact(models.Func(models.F("factors"), function="jsonb_array_length"), len(Factor.values))
                ),
                name="risk_assessment_has_all_factors",
            ),
            models.CheckConstraint(
                condition=Q(level=RiskLevel.NONE)
                | Q(subject=Subject.FILE, item_patterns__isnull=False)
                | ~Q(subject=Subject.FILE) & Q(item_patterns__isnull=True),
                name="risk_assessment_of_file_has_items",
            ),
        ]
        indexes = [
            # The first time that a device or network was seen is the first entry of its range.
            models.Index(fields=["psu_id", "device", "assessed_at"], name="risk_assessment_device"),
            models.Index(fields=["psu_id", "network", "assessed_at"], name="risk_assessment_network"),
            models.Index(
                fields=["account_id", "assessed_at"],
                name="risk_assessment_of_account",
                condition=Q(psu_id__isnull=True),
            ),
            models.Index(fields=["subject_id", "assessed_at"], name="risk_assessment_of_subject"),
        ]

    def __str__(self) -> str:
        return str(self.get_level_display())


class RiskCase(models.Model):
    """An assessment of high risk that somebody is to look at. Decided once; a payment is neither stopped nor released
    by it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    assessment = models.OneToOneField(
        RiskAssessment, on_delete=models.PROTECT, related_name="case", verbose_name=_("risk assessment")
    )
    status = models.CharField(max_length=6, choices=CaseStatus, default=CaseStatus.OPEN)
    opened_at = models.DateTimeField(_("opened"))
    outcome = models.CharField(_("outcome"), max_length=7, choices=CaseOutcome, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.UUIDField(_("decided by"), null=True)
    decision_reason = models.CharField(_("reason of the decision"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("case to look at")
        verbose_name_plural = _("cases to look at")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status=CaseStatus.OPEN,
                    outcome="",
                    decided_at__isnull=True,
                    decided_by__isnull=True,
                    decision_reason="",
                )
                | Q(
                    status=CaseStatus.CLOSED,
                    outcome__in=CaseOutcome.values,
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                )
                & ~Q(decision_reason=""),
                name="risk_case_decision_whole",
            ),
        ]
        indexes = [models.Index(fields=["opened_at"], name="risk_case_open", condition=Q(status="open"))]

    def __str__(self) -> str:
        return str(self.assessment)


class CompromisedElement(models.Model):
    """An account, network or device that fraud was committed with (RTS art. 2(2)(a)). Never deleted: taken off.

    IBANs and networks are kept as they are, for staff compare them; a device is a keyed hash wherever it is kept.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(_("kind"), max_length=7, choices=ElementKind)
    value = models.CharField(_("value"), max_length=64)
    reason = models.CharField(_("reason"), max_length=300)
    added_at = models.DateTimeField(_("added"))
    added_by = models.UUIDField(_("added by"))
    removed_at = models.DateTimeField(_("taken off"), null=True)
    removed_by = models.UUIDField(_("taken off by"), null=True)

    class Meta:
        verbose_name = _("compromised element")
        verbose_name_plural = _("compromised elements")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "value"],
                condition=Q(removed_at__isnull=True),
                name="risk_element_listed_once",
            ),
            models.CheckConstraint(condition=Q(kind__in=ElementKind.values), name="risk_element_kind_known"),
            models.CheckConstraint(
                condition=~Q(value="") & ~Q(reason=""), name="risk_element_has_value_and_reason"
            ),
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True, removed_by__isnull=True)
                | Q(removed_at__isnull=False, removed_by__isnull=False),
                name="risk_element_removal_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"
