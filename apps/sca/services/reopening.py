"""Opening sign-in again after a block or a freeze: by two members of staff, or by the customer with what did not fail
(RTS art. 4(4); PSD2 art. 68(4))."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.audit.services import record_event
from apps.identity.models import StaffProposal, User
from apps.identity.rules import StaffAct
from apps.identity.services import ProposalOver, confirm_act, propose_act
from apps.sca.models import AuthenticationState, Passkey, SMSDevice
from apps.sca.queries import get_authentication_state, get_sms_device, list_signing_devices
from apps.sca.rules import AuthenticationMethod, ElementsAfterFreeze, Purpose, WithdrawalReason
from apps.sca.services.access import remove_sign_in_app, void_recovery_codes
from apps.sca.services.attempts import NOTHING_FAILED
from apps.sca.services.challenges import CodeRefused, Proof, consume_proof, is_proof_of
from apps.sca.services.notices import promise_security_notice
from apps.sca.services.passkeys import withdraw_passkey
from apps.sca.services.signing_devices import withdraw_device


def propose_reopening(
    *,
    user: User,
    elements: ElementsAfterFreeze = ElementsAfterFreeze.RESTORE,
    staff_id: UUID,
    reason: str,
    now: datetime,
) -> StaffProposal:
    """The first of four eyes, after staff made sure who asks. ``elements`` matters where a freeze is lifted.

    :raises apps.identity.services.ProposedAlready: it waits for a second member of staff already.
    """
    state = get_authentication_state(user_id=user.pk)
    is_frozen = state is not None and state.frozen_at is not None
    return propose_act(
        act=StaffAct.REOPEN_SIGN_IN,
        object_type="user",
        object_id=user.pk,
        data={"frozen": is_frozen, **({"elements": elements.value} if is_frozen else {})},
        reason=reason,
        staff_id=staff_id,
        now=now,
    )


@transaction.atomic
def reopen_sign_in(*, proposal_id: UUID, staff_id: UUID, now: datetime) -> None:
    """The second of four eyes: lift a pause of sign-in or a freeze (RTS art. 4(4)). The customer is told.

    :raises apps.core.errors.NotFound: there is no such proposal.
    :raises apps.identity.services.OwnProposal: the same person proposed it.
    :raises apps.identity.services.ProposalOver: it waits no more, or the log-in was frozen since.
    """
    proposal = confirm_act(proposal_id=proposal_id, act=StaffAct.REOPEN_SIGN_IN, staff_id=staff_id, now=now)
    user_id = proposal.object_id
    if proposal.data.get("elements") == ElementsAfterFreeze.WITHDRAW:
        withdraw_elements(user_id=user_id, now=now)
    state = AuthenticationState.objects.select_for_update().filter(user_id=user_id).first()
    if state is not None and state.frozen_at is not None and not proposal.data["frozen"]:
        raise ProposalOver("frozen since")
    AuthenticationState.objects.filter(user_id=user_id).update(
        **NOTHING_FAILED, blocked_for_good=False, frozen_at=None
    )
    Passkey.objects.filter(user_id=user_id, confirmed=True).update(suspended_at=None)
    record_event(
        event="sca.sign_in.reopened",
        object_type="user",
        object_id=user_id,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"reason": proposal.reason, "proposed_by": proposal.proposed_by_id, **proposal.data},
    )
    promise_security_notice(user_id=user_id, what="reopened", now=now)


def unblock_sign_in(*, sign_in_id: str, proof: Proof, now: datetime) -> None:
    """Lift a block by the customer's own passkey, which was not among what failed; never a freeze. He is told.

    :raises CodeRefused: made for something else, spent, or frozen meanwhile.
    """
    if not is_proof_of(proof=proof, purpose=Purpose.UNBLOCK, snapshot=unblock_snapshot(sign_in_id)):
        raise CodeRefused("not made to lift a block", is_over=True)
    with transaction.atomic():
        consume_proof(proof=proof, now=now)
        AuthenticationState.objects.filter(user_id=proof.user_id, frozen_at=None).update(
            blocked_for_good=False
        )
        record_event(
            event="sca.sign_in.unblocked",
            object_type="user",
            object_id=proof.user_id,
            actor_type="psu",
            actor_id=proof.user_id,
            at=now,
            data={"method": proof.method, "elements": proof.elements},
        )
        promise_security_notice(user_id=proof.user_id, what="unblocked", now=now)


def unblock_snapshot(sign_in_id: str) -> dict[str, str]:
    """What is signed to lift a block: this one attempt."""
    return {"unblock_id": sign_in_id}


def withdraw_elements(*, user_id: UUID, now: datetime) -> None:
    """Take the power of all that a customer has, because it may be in other hands (RTS art. 27)."""
    for passkey in Passkey.objects.filter(user_id=user_id, confirmed=True):
        withdraw_passkey(user_id=user_id, passkey_id=passkey.pk, reason=WithdrawalReason.FROZEN, now=now)
    for device in list_signing_devices(user_id=user_id):
        withdraw_device(user_id=user_id, device_id=device.pk, reason=WithdrawalReason.FROZEN, now=now)
    void_recovery_codes(user_id=user_id, now=now)
    remove_sign_in_app(user_id=user_id, actor_type="system", now=now)
    number = get_sms_device(user_id=user_id)
    if number is not None:
        withdraw_number(device=number, reason=WithdrawalReason.FROZEN, now=now)


def withdraw_number(*, device: SMSDevice, reason: str, now: datetime) -> None:
    """No code goes to this number any more; the row stays, as evidence."""
    SMSDevice.objects.filter(pk=device.pk).update(confirmed=False)
    record_event(
        event="sca.device.withdrawn",
        object_type="user",
        object_id=device.user_id,
        actor_type="system",
        at=now,
        data={
            "method": AuthenticationMethod.SMS_OTP.value,
            "number": device.masked_number,
            "reason": str(reason),
        },
    )
