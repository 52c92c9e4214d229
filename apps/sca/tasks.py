from uuid import UUID

from celery import shared_task

from apps.core import clock
from apps.identity.models import User
from apps.notifications.outbox_tasks import outbox_task
from apps.notifications.services import send_letter, send_sms
from apps.sca.messages import (
    render_activation_letter,
    render_block_notice,
    render_code_message,
    render_device_notice,
    render_number_code,
    render_security_notice,
)
from apps.sca.models import Challenge, Passkey, Reactivation, ReactivationCode, SigningDevice, SMSDevice
from apps.sca.push import SubscriptionGone, push_to_app
from apps.sca.queries import get_authentication_state, get_sms_device
from apps.sca.rules import ChallengeStatus, DeviceKind, block_stage
from apps.sca.services import (
    SEND_BLOCK_NOTICE_TASK,
    SEND_CODE_TASK,
    SEND_DEVICE_NOTICE_TASK,
    SEND_LETTER_TASK,
    SEND_NUMBER_CODE_TASK,
    SEND_SECURITY_NOTICE_TASK,
    WAKE_APP_TASK,
    compute_number_code,
    expire_authorisations,
    forget_subscription,
    pause_stalled_sign_ins,
    recompute_activation_code,
    recompute_code,
    seal_request,
)


@outbox_task(SEND_CODE_TASK)
def send_code(*, challenge_id: str) -> None:
    """Send the code of a challenge by SMS, unless its life is over: a late code helps nobody."""
    challenge = Challenge.objects.select_related("user").filter(pk=challenge_id).first()
    if challenge is None or challenge.user is None or challenge.status != ChallengeStatus.OPEN:
        return
    if challenge.expires_at <= clock.now():
        return
    device = get_sms_device(user_id=challenge.user.pk)
    if device is None:
        return
    text = render_code_message(
        challenge=challenge, code=recompute_code(challenge=challenge), language=challenge.user.language
    )
    send_sms(
        effect_key=f"challenge:{challenge.pk}", user_id=challenge.user.pk, to=device.phone_number, text=text
    )


@outbox_task(SEND_BLOCK_NOTICE_TASK)
def send_block_notice(*, user_id: str, effect_key: str) -> None:
    """Tell a customer that sign-in is paused or frozen; whoever failed, or froze it, may not have been he."""
    user = User.objects.filter(pk=user_id).first()
    device = get_sms_device(user_id=UUID(user_id))
    state = get_authentication_state(user_id=UUID(user_id))
    if user is not None and device is not None and state is not None:
        stage = block_stage(
            level=state.block_level,
            is_for_good=state.blocked_for_good,
            is_frozen=state.frozen_at is not None,
        )
        send_sms(
            effect_key=effect_key,
            user_id=user.pk,
            to=device.phone_number,
            text=render_block_notice(language=user.language, stage=stage),
        )


@outbox_task(SEND_DEVICE_NOTICE_TASK)
def send_device_notice(
    *,
    what: str,
    effect_key: str,
    user_id: str = "",
    kind: str = DeviceKind.PASSKEY,
    name: str = "",
    passkey_id: int | None = None,
) -> None:
    """Tell a customer that a device was added or withdrawn: if it was not he, he learns it on his phone.

    ``passkey_id`` alone is what an older release has left in the outbox.
    """
    if passkey_id is not None:
        passkey = Passkey.objects.get(pk=passkey_id)
        user_id, name = str(passkey.user_id), passkey.name
    user = User.objects.filter(pk=user_id).first()
    device = get_sms_device(user_id=user.pk) if user is not None else None
    if user is not None and device is not None:
        send_sms(
            effect_key=effect_key,
            user_id=user.pk,
            to=device.phone_number,
            text=render_device_notice(language=user.language, kind=kind, name=name, what=what),
        )


@outbox_task(WAKE_APP_TASK)
def wake_app(*, challenge_id: str, device_id: int) -> None:
    """Push a request to the customer's app, unless it was answered, or its life is over."""
    challenge = Challenge.objects.filter(
        pk=challenge_id, status=ChallengeStatus.OPEN, answered_at=None
    ).first()
    device = SigningDevice.objects.filter(pk=device_id, confirmed=True).exclude(push_endpoint="").first()
    if challenge is None or device is None:
        return
    seconds = int((challenge.expires_at - clock.now()).total_seconds())
    if seconds <= 0:
        return
    try:
        sealed = seal_request(challenge=challenge, device=device).sealed
        push_to_app(device=device, sealed=sealed, ttl_seconds=seconds)
    except SubscriptionGone:
        forget_subscription(device_id=device.pk, endpoint=device.push_endpoint)


@outbox_task(SEND_SECURITY_NOTICE_TASK)
def send_security_notice(*, user_id: str, what: str, device_id: str, effect_key: str) -> None:
    """Tell a customer what was done with his access, at his number or at the one that he had before."""
    user = User.objects.filter(pk=user_id).first()
    device = (
        SMSDevice.objects.filter(pk=int(device_id), user_id=user_id).first()
        if device_id
        else get_sms_device(user_id=UUID(user_id))
    )
    if user is not None and device is not None:
        send_sms(
            effect_key=effect_key,
            user_id=user.pk,
            to=device.phone_number,
            text=render_security_notice(language=user.language, what=what),
        )


@outbox_task(SEND_LETTER_TASK)
def send_activation_letter(*, code_id: str) -> None:
    """Have the letter with an activation code printed, unless it is worthless by now."""
    code = ReactivationCode.objects.select_related("user").filter(pk=code_id, voided_at=None).first()
    if code is not None and code.expires_at is not None and code.expires_at > clock.now():
        text = render_activation_letter(
            language=code.user.language,
            code=recompute_activation_code(code=code),
            expires_at=code.expires_at,
        )
        send_letter(user_id=code.user_id, place=code.delivery, text=text, effect_key=f"activation:{code.pk}")


@outbox_task(SEND_NUMBER_CODE_TASK)
def send_code_to_number(*, reactivation_id: str, number: str) -> None:
    """Send the code to a number that is to be registered; not one that was asked for anew meanwhile."""
    reactivation = (
        Reactivation.objects.select_related("user")
        .filter(pk=reactivation_id, sends=int(number), done_at=None, expires_at__gt=clock.now())
        .first()
    )
    if reactivation is not None:
        send_sms(
            effect_key=f"reactivation:{reactivation.pk}:{number}",
            user_id=reactivation.user_id,
            to=reactivation.phone_number,
            text=render_number_code(
                language=reactivation.user.language,
                code=compute_number_code(reactivation=reactivation),
                expires_at=reactivation.expires_at,
            ),
        )


@shared_task(name="sca.expire_due", ignore_result=True)
def expire_due(**_newer_arguments: object) -> None:
    """Fail authorisations that were left lying; give log-ins that are stuck at the last count their pause."""
    now = clock.now()
    expire_authorisations(now=now)
    pause_stalled_sign_ins(now=now)
