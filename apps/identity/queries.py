from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from apps.core.errors import NotFound
from apps.identity.models import PSU, CoreUser, Session, StaffProposal, User
from apps.identity.rules import CoreOperation, ProposalStatus, StaffAct


class CoreUserUnknown(NotFound):
    """The back end has no user for this customer, or it is switched off: access is denied (S0-52)."""

    code = "core_user_unknown"


class OperationNotAllowed(NotFound):
    """The back-end user may not invoke this operation (S0-53)."""

    code = "operation_not_allowed"


def get_psu(*, psu_id: UUID) -> PSU:
    """The customer.

    :raises NotFound: there is none.
    """
    psu = PSU.objects.select_related("user").filter(pk=psu_id).first()
    if psu is None:
        raise NotFound("psu")
    return psu


def get_psu_of_user(*, user_id: UUID) -> PSU:
    """The customer behind a log-in.

    :raises NotFound: the log-in is no customer's, or not active.
    """
    psu = PSU.objects.select_related("user").filter(user_id=user_id, user__is_active=True).first()
    if psu is None:
        raise NotFound("psu")
    return psu


def get_user_by_username(*, username: str) -> User | None:
    """The log-in with this user ID (case does not matter), or None."""
    return User.objects.filter(username__iexact=username).first()


def get_member(*, user_id: UUID) -> User:
    """A log-in for the developer console: active, and neither a customer's nor of staff.

    :raises NotFound: any other.
    """
    user = User.objects.filter(pk=user_id, is_active=True, is_staff=False, psu__isnull=True).first()
    if user is None:
        raise NotFound("member")
    return user


def get_core_user(*, psu_id: UUID, operation: CoreOperation) -> CoreUser:
    """The back-end user of a customer, allowed to invoke ``operation``.

    :raises CoreUserUnknown: no active mapping.
    :raises OperationNotAllowed: mapped, but not allowed this operation.
    """
    found = get_core_users(psu_ids=[psu_id], operation=operation)[psu_id]
    if isinstance(found, NotFound):
        raise found
    return found


def get_core_users(
    *, psu_ids: Iterable[UUID], operation: CoreOperation
) -> dict[UUID, CoreUser | CoreUserUnknown | OperationNotAllowed]:
    """For each customer what :func:`get_core_user` gives or raises, in one query."""
    wanted = set(psu_ids)
    active = {user.psu_id: user for user in CoreUser.objects.filter(psu_id__in=wanted, is_active=True)}
    found: dict[UUID, CoreUser | CoreUserUnknown | OperationNotAllowed] = {}
    for psu_id in wanted:
        user = active.get(psu_id)
        if user is None:
            found[psu_id] = CoreUserUnknown(str(psu_id))
        else:
            found[psu_id] = user if operation in user.operations else OperationNotAllowed(operation)
    return found


def get_proposal(*, proposal_id: UUID) -> StaffProposal:
    """What a member of staff proposed.

    :raises NotFound: there is no such proposal.
    """
    proposal = StaffProposal.objects.select_related("proposed_by").filter(pk=proposal_id).first()
    if proposal is None:
        raise NotFound("proposal")
    return proposal


def get_open_proposal(*, act: StaffAct, object_id: UUID, now: datetime) -> StaffProposal | None:
    """The proposal that waits for a second member of staff, if any."""
    waiting = StaffProposal.objects.filter(
        act=act, object_id=object_id, status=ProposalStatus.OPEN, expires_at__gt=now
    )
    return waiting.select_related("proposed_by").first()


def list_sessions(*, user_id: UUID, idle_since: datetime) -> list[Session]:
    """Where somebody is signed in now, the latest action first; without those that were left alone for too long."""
    live = Session.objects.filter(user_id=user_id, last_action_at__gt=idle_since)
    return list(live.order_by("-last_action_at"))
