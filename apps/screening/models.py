from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.screening.rules import HitStatus, RunStatus, SubjectType

_SHA256 = "^[0-9a-f]{64}$"


class ListedEntry(models.Model):
    """A person or group as a list tells of it. Content never changes: a changed entry is another row."""

    logical_id = models.BigIntegerField()
    fingerprint = models.CharField(max_length=64)
    eu_reference = models.CharField(_("EU reference"), max_length=40, blank=True)
    subject_type = models.CharField(_("kind"), max_length=10, choices=SubjectType)
    names = ArrayField(models.TextField(), verbose_name=_("names"))
    birthdates = ArrayField(models.CharField(max_length=10), verbose_name=_("dates of birth"), default=list)
    citizenships = ArrayField(models.CharField(max_length=2), verbose_name=_("citizenships"), default=list)
    programme = models.CharField(_("programme"), max_length=40, blank=True)
    regulation = models.CharField(_("regulation"), max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["logical_id", "fingerprint"], name="listed_entry_once"),
            models.CheckConstraint(
                condition=Q(subject_type__in=SubjectType.values), name="listed_entry_subject_known"
            ),
            models.CheckConstraint(condition=Q(names__len__gt=0), name="listed_entry_has_name"),
        ]

    def __str__(self) -> str:
        return f"{self.names[0]} ({self.eu_reference or self.logical_id})"


class SanctionsList(models.Model):
    """One edition of the list, as imported. The one imported last is the present one."""

    published_at = models.DateTimeField(_("published"))
    file_number = models.CharField(_("file number"), max_length=20, blank=True)
    sha256 = models.CharField("SHA-256", max_length=64)
    entry_count = models.PositiveIntegerField(_("entries"))
    name_count = models.PositiveIntegerField(_("names"))
    entries = models.ManyToManyField(ListedEntry, related_name="lists")
    imported_at = models.DateTimeField(_("imported"))

    class Meta:
        verbose_name = _("sanctions list")
        verbose_name_plural = _("sanctions lists")
        constraints = [
            models.CheckConstraint(condition=Q(sha256__regex=_SHA256), name="sanctions_list_sha256_form"),
            models.CheckConstraint(condition=Q(entry_count__gt=0), name="sanctions_list_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.published_at:%Y-%m-%d} ({self.pk})"


class ScreeningRun(models.Model):
    """All customers against one edition on one day of the bank."""

    sanctions_list = models.ForeignKey(
        SanctionsList, on_delete=models.PROTECT, related_name="runs", verbose_name=_("sanctions list")
    )
    business_date = models.DateField(_("day"))
    status = models.CharField(max_length=10, choices=RunStatus, default=RunStatus.RUNNING)
    customer_count = models.PositiveIntegerField(_("customers screened"), default=0)
    hit_count = models.PositiveIntegerField(_("resemblances found"), default=0)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("screening run")
        verbose_name_plural = _("screening runs")
        constraints = [
            models.UniqueConstraint(fields=["sanctions_list", "business_date"], name="screening_run_once"),
            models.CheckConstraint(
                condition=Q(status__in=RunStatus.values), name="screening_run_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status=RunStatus.RUNNING, finished_at__isnull=True)
                | (~Q(status=RunStatus.RUNNING) & Q(finished_at__isnull=False)),
                name="screening_run_end_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.business_date}"


class ScreeningBatch(models.Model):
    """Evidence: exactly these customers were screened in this step of a run. Rows are only ever added.

    ``results`` holds (customer, entry, likeness of 100) for each resemblance; a customer of ``psu_ids`` who is not in
    it resembled nobody. ``evidence_sha256`` covers the evidence of the batch before, the list's SHA-256, each customer
    with the names compared, and the results.
    """

    run = models.ForeignKey(ScreeningRun, on_delete=models.PROTECT, related_name="batches")
    number = models.PositiveIntegerField(_("step"))
    psu_ids = ArrayField(models.UUIDField())
    hit_count = models.PositiveIntegerField(_("resemblances found"))
    results = models.JSONField()
    evidence_sha256 = models.CharField(_("evidence (SHA-256)"), max_length=64)
    screened_at = models.DateTimeField(_("screened"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="screening_batch_once"),
            models.CheckConstraint(
                condition=Q(evidence_sha256__regex=_SHA256), name="screening_batch_sha256_form"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} {self.number}"


class CustomerScreening(models.Model):
    """The run that screened a customer last: who is still to be screened is found by it."""

    psu = models.OneToOneField("identity.PSU", on_delete=models.PROTECT, primary_key=True, related_name="+")
    run = models.ForeignKey(ScreeningRun, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.psu_id}: {self.run_id}"


class ScreeningHit(models.Model):
    """A customer's name resembles an entry. Decided once, for this name and this entry as they stand."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    psu = models.ForeignKey(
        "identity.PSU", on_delete=models.PROTECT, related_name="screening_hits", verbose_name=_("customer")
    )
    entry = models.ForeignKey(
        ListedEntry, on_delete=models.PROTECT, related_name="hits", verbose_name=_("listed entry")
    )
    run = models.ForeignKey(
        ScreeningRun, on_delete=models.PROTECT, related_name="hits", verbose_name=_("found on")
    )
    customer_name = models.CharField(_("customer's name"), max_length=150)
    listed_name = models.TextField(_("listed name"))
    score = models.PositiveSmallIntegerField(_("likeness (of 100)"))
    status = models.CharField(max_length=9, choices=HitStatus, default=HitStatus.OPEN)
    found_at = models.DateTimeField(_("found"))
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.UUIDField(_("decided by"), null=True)
    decision_reason = models.CharField(_("reason of the decision"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("screening hit")
        verbose_name_plural = _("screening hits")
        constraints = [
            models.UniqueConstraint(fields=["psu", "entry", "customer_name"], name="screening_hit_once"),
            models.CheckConstraint(
                condition=Q(status__in=HitStatus.values), name="screening_hit_status_known"
            ),
            models.CheckConstraint(
                condition=Q(score__gte=1, score__lte=100), name="screening_hit_score_range"
            ),
            models.CheckConstraint(
                condition=Q(status=HitStatus.OPEN, decided_at__isnull=True, decided_by__isnull=True)
                | (
                    ~Q(status=HitStatus.OPEN)
                    & Q(decided_at__isnull=False, decided_by__isnull=False)
                    & ~Q(decision_reason="")
                ),
                name="screening_hit_decision_whole",
            ),
        ]
        indexes = [models.Index(fields=["found_at"], name="screening_hit_open", condition=Q(status="open"))]

    def __str__(self) -> str:
        return f"{self.customer_name} ~ {self.listed_name}"
