from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from apps.core.ids import new_id
from apps.identity.rules import CoreOperation, ProposalStatus, StaffAct


class User(AbstractUser):  # type: ignore[django-manager-missing]  # of a device of django-otp
    """A log-in: of a customer, of a member of a TPP, or of bank staff. ``username`` is the user ID."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES, default="en")
    previous_login_at = models.DateTimeField(_("last sign-in"), null=True, blank=True)
    session_epoch = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="counted up, it ends every session that there is"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(language__in=["en", "de"]), name="user_language_known")
        ]

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """What a session must match to be this user's: password and epoch. Django asks here for its old keys, too."""
        value = f"{self.session_epoch}:{self.password}"
        return salted_hmac("identity.session", value, secret=secret, algorithm="sha256").hexdigest()


class PSU(models.Model):
    """A customer: payment service user, PSD2 art. 4(10)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="psu")
    first_name = models.CharField(_("first name"), max_length=70)
    last_name = models.CharField(_("last name"), max_length=70, blank=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class CoreUser(models.Model):
    """The back end's own user for a customer, and what it may invoke there (S0-52, S0-53)."""

    core_user_id = models.CharField(primary_key=True, max_length=8)
    psu = models.OneToOneField(PSU, on_delete=models.PROTECT, related_name="core_user")
    operations = ArrayField(models.CharField(max_length=20, choices=CoreOperation), default=list)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(core_user_id__regex="^LB[0-9]{6}$"), name="core_user_id_form"),
        ]

    def __str__(self) -> str:
        return self.core_user_id


class StaffProposal(models.Model):
    """What one member of staff wants done; it is done when another confirms it, as it stands here (four eyes)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    act = models.CharField(_("what"), max_length=24, choices=StaffAct)
    object_type = models.CharField(max_length=24, help_text="as the trail calls it")
    object_id = models.UUIDField()
    data = models.JSONField(default=dict, help_text="what else was proposed; never changed afterwards")
    reason = models.CharField(max_length=300)
    status = models.CharField(max_length=8, choices=ProposalStatus, default=ProposalStatus.OPEN)
    proposed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    proposed_at = models.DateTimeField(_("proposed"))
    expires_at = models.DateTimeField(_("open until"))
    decided_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        constraints = [
            models.CheckConstraint(
                # Two people, or it is not done; nobody decides before he is named.
                condition=(
                    Q(status=ProposalStatus.DONE, decided_by__isnull=False, decided_at__isnull=False)
                    & ~Q(decided_by=F("proposed_by"))
                )
                | Q(status=ProposalStatus.DECLINED, decided_by__isnull=False, decided_at__isnull=False)
                | Q(
                    status__in=[ProposalStatus.OPEN, ProposalStatus.EXPIRED],
                    decided_by__isnull=True,
                    decided_at__isnull=True,
                ),
                name="staff_proposal_four_eyes",
            ),
            models.UniqueConstraint(
                fields=["act", "object_id"],
                condition=Q(status=ProposalStatus.OPEN),
                name="staff_proposal_one_open",
            ),
        ]
        indexes = [models.Index(fields=["object_id"], name="staff_proposal_object")]

    def __str__(self) -> str:
        return self.get_act_display()


class Session(AbstractBaseSession):
    """A browser's session. ``id`` names it on pages; the key, which is the cookie, is shown to nobody.

    Who deletes the row has ended it: the next request of that browser is a stranger's.
    """

    id = models.UUIDField(null=True, unique=True, help_text="empty while nobody is signed in")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    signed_in_at = models.DateTimeField(null=True)
    last_action_at = models.DateTimeField(null=True)
    browser = models.CharField(max_length=60, blank=True, default="", help_text="in words")
    network = models.CharField(max_length=43, blank=True, default="", help_text="never the whole address")

    @classmethod
    def get_session_store_class(cls) -> type:
        from apps.identity.sessions import SessionStore

        return SessionStore
