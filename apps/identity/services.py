from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import get_supported_language_variant

from apps.audit.services import record_event
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.core.text import check_display_text
from apps.identity.models import PSU, CoreUser, Session, StaffProposal, User
from apps.identity.queries import get_user_by_username
from apps.identity.rules import (
    PROPOSAL_LIFE,
    STAFF_PERMISSIONS,
    CoreOperation,
    ProposalStatus,
    StaffAct,
    StaffRole,
    check_member_username,
)


class UsernameTaken(InvalidInput):
    """Somebody has this user ID."""

    code = "username_taken"


class ProposedAlready(DomainError):
    """The same waits for a second member of staff already."""

    code = "proposed_already"


class ProposalOver(DomainError):
    """The proposal was carried out, declined, or is older than a day."""

    code = "proposal_over"


class OwnProposal(DomainError):
    """Who proposed it cannot confirm it as well."""

    code = "own_proposal"


@transaction.atomic
def register_customer(
    *,
    username: str,
    password: str,
    first_name: str,
    last_name: str,
    language: str,
    core_user_id: str,
    now: datetime,
) -> PSU:
    """Open a log-in for a new customer, mapped to the core user of the back end."""
    user = User.objects.create_user(username=username, password=password, language=language)
    psu = PSU.objects.create(user=user, first_name=first_name, last_name=last_name)
    CoreUser.objects.create(core_user_id=core_user_id, psu=psu, operations=CoreOperation.values)
    record_event(
        event="identity.psu.registered",
        object_type="psu",
        object_id=psu.pk,
        actor_type="system",
        at=now,
        data={"core_user": core_user_id},
    )
    return psu


@transaction.atomic
def register_user(
    *,
    username: str,
    password: str,
    first_name: str,
    last_name: str,
    email: str = "",
    language: str,
    staff_roles: Iterable[StaffRole] | None = None,
    now: datetime,
) -> User:
    """Open a log-in for somebody who is no customer: a member of a TPP, or of staff if ``staff_roles`` is given.

    Staff roles carry their permissions through groups (:func:`provision_staff_roles`); nobody is a superuser.
    """
    user = User.objects.create_user(
        username=username,
        password=password,
        email=email,
        first_name=first_name,
        last_name=last_name,
        language=language,
        is_staff=staff_roles is not None,
    )
    roles = list(staff_roles or ())
    user.groups.set(Group.objects.filter(name__in=roles))
    record_event(
        event="identity.user.registered",
        object_type="user",
        object_id=user.pk,
        actor_type="system",
        at=now,
        data={"staff": user.is_staff, "roles": [role.value for role in roles]},
    )
    return user


@transaction.atomic
def register_member(*, username: str, password_hash: str, email: str, language: str, now: datetime) -> User:
    """Open a log-in for a developer who signs up himself: no customer, no staff, member of no TPP yet.

    The password arrives hashed (``django.contrib.auth.hashers.make_password``): between its choice and this call he
    enrols his second element, and nothing may keep it in clear that long.

    :raises apps.identity.rules.InvalidUsername: see :func:`apps.identity.rules.check_member_username`.
    :raises UsernameTaken: in use, whatever the case of its letters.
    """
    username = check_member_username(username)
    user = User(username=username, password=password_hash, email=email, language=language)
    try:
        with transaction.atomic():
            if get_user_by_username(username=username) is not None:
                raise UsernameTaken(username, field="username")
            user.save(force_insert=True)
    except IntegrityError as error:
        raise UsernameTaken(username, field="username") from error
    record_event(
        event="identity.member.registered",
        object_type="user",
        object_id=user.pk,
        actor_type="member",
        actor_id=user.pk,
        at=now,
        data={"language": language},
    )
    return user


@transaction.atomic
def provision_staff_roles() -> None:
    """Make the groups of staff and give each exactly the permissions of its role. Needs a migrated database."""
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for role, names in STAFF_PERMISSIONS.items():
        group, _ = Group.objects.get_or_create(name=role.value)
        group.permissions.set([known[name] for name in names])


@transaction.atomic
def change_language(*, user: User, language: str, now: datetime) -> None:
    """Keep the language in which a person is addressed, on pages and in messages.

    :raises LookupError: not a language the bank speaks.
    """
    language = get_supported_language_variant(language)
    User.objects.filter(pk=user.pk).update(language=language)
    record_event(
        event="identity.user.language_changed",
        object_type="user",
        object_id=user.pk,
        actor_type="psu",
        actor_id=user.pk,
        at=now,
        data={"language": language},
    )


@transaction.atomic
def end_sessions(*, user_id: UUID, actor_type: str, actor_id: UUID, now: datetime) -> None:
    """Sign a person out wherever he is signed in; it holds from the next call of each browser on."""
    User.objects.filter(pk=user_id).update(session_epoch=F("session_epoch") + 1)
    Session.objects.filter(user_id=user_id).delete()
    record_event(
        event="identity.user.sessions_ended",
        object_type="user",
        object_id=user_id,
        actor_type=actor_type,
        actor_id=actor_id,
        at=now,
    )


@transaction.atomic
def end_session(*, user_id: UUID, session_id: UUID, now: datetime) -> None:
    """Sign a person out in one browser, on his own word; it holds from its next call on.

    :raises NotFound: he has no such session, or it has ended.
    """
    ended, _ = Session.objects.filter(id=session_id, user_id=user_id).delete()
    if not ended:
        raise NotFound("session")
    record_event(
        event="identity.user.session_ended",
        object_type="user",
        object_id=user_id,
        actor_type="psu",
        actor_id=user_id,
        at=now,
        data={"session": session_id},
    )


def note_login(*, user: User, now: datetime) -> None:
    """Remember this sign-in; the one before it is what the customer is shown next to his name."""
    User.objects.filter(pk=user.pk).update(previous_login_at=user.last_login, last_login=now)


@transaction.atomic
def propose_act(
    *,
    act: StaffAct,
    object_type: str,
    object_id: UUID,
    reason: str,
    staff_id: UUID,
    data: dict[str, Any] | None = None,
    now: datetime,
) -> StaffProposal:
    """The first of four eyes: note what is to be done with something, and why. Nothing is done yet.

    :raises ProposedAlready: the same is proposed and waits.
    :raises apps.core.errors.InvalidInput: a reason that cannot be shown as it is.
    """
    reason = check_display_text(reason, field="reason", max_length=300)
    waiting = StaffProposal.objects.filter(act=act, object_id=object_id, status=ProposalStatus.OPEN)
    waiting.filter(expires_at__lte=now).update(status=ProposalStatus.EXPIRED)
    try:
        with transaction.atomic():
            proposal = StaffProposal.objects.create(
                act=act,
                object_type=object_type,
                object_id=object_id,
                data=data or {},
                reason=reason,
                proposed_by_id=staff_id,
                proposed_at=now,
                expires_at=now + PROPOSAL_LIFE,
            )
    except IntegrityError as error:
        raise ProposedAlready(str(object_id)) from error
    _record_proposal(proposal, event="identity.proposal.proposed", staff_id=staff_id, now=now)
    return proposal


def confirm_act(*, proposal_id: UUID, act: StaffAct, staff_id: UUID, now: datetime) -> StaffProposal:
    """The second of four eyes, in the transaction of what was proposed: the caller carries it out, as it stands there.

    :raises NotFound: there is no such proposal of this act.
    :raises ProposalOver: it is done, declined or too old, or who proposed it works here no more.
    :raises OwnProposal: both would be the same person, whatever his rights.
    """
    proposal = _lock_proposal(proposal_id, now=now)
    if proposal.act != act:
        raise NotFound("proposal")
    if proposal.proposed_by_id == staff_id:
        raise OwnProposal(str(proposal_id))
    if not User.objects.filter(pk=proposal.proposed_by_id, is_active=True, is_staff=True).exists():
        raise ProposalOver("proposed by somebody who left")
    _decide(proposal, status=ProposalStatus.DONE, staff_id=staff_id, now=now)
    _record_proposal(proposal, event="identity.proposal.confirmed", staff_id=staff_id, now=now)
    return proposal


@transaction.atomic
def decline_act(*, proposal_id: UUID, reason: str, staff_id: UUID, now: datetime) -> None:
    """Nothing comes of a proposal: another says no, or who made it takes it back.

    :raises NotFound: there is no such proposal.
    :raises ProposalOver: it is done, declined or too old.
    """
    proposal = _lock_proposal(proposal_id, now=now)
    _decide(proposal, status=ProposalStatus.DECLINED, staff_id=staff_id, now=now)
    reason = check_display_text(reason, field="reason", max_length=300)
    _record_proposal(proposal, event="identity.proposal.declined", staff_id=staff_id, now=now, reason=reason)


def _lock_proposal(proposal_id: UUID, *, now: datetime) -> StaffProposal:
    proposal = StaffProposal.objects.select_for_update().filter(pk=proposal_id).first()
    if proposal is None:
        raise NotFound("proposal")
    if proposal.status != ProposalStatus.OPEN or proposal.expires_at <= now:
        raise ProposalOver(proposal.status)
    return proposal


def _decide(proposal: StaffProposal, *, status: ProposalStatus, staff_id: UUID, now: datetime) -> None:
    proposal.status, proposal.decided_by_id, proposal.decided_at = status, staff_id, now
    proposal.save(update_fields=["status", "decided_by", "decided_at"])


def _record_proposal(
    proposal: StaffProposal, *, event: str, staff_id: UUID, now: datetime, reason: str = ""
) -> None:
    record_event(
        event=event,
        object_type=proposal.object_type,
        object_id=proposal.object_id,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={
            "act": proposal.act,
            "proposal": proposal.pk,
            "reason": reason or proposal.reason,
            **proposal.data,
        },
    )
