"""What this room does, by noun; callers import it from here."""

from apps.sca.services.attempts import SEND_BLOCK_NOTICE_TASK, check_knowledge, reopen_sign_in
from apps.sca.services.authorisations import (
    AuthorisationOver,
    expire_authorisations,
    fail_authorisation,
    fail_authorisations_of,
    finalise_authorisation,
    note_code_accepted,
    note_psu_authenticated,
    open_authorisation,
)
from apps.sca.services.codes import (
    SEND_CODE_TASK,
    CodeRefused,
    DynamicLinkBroken,
    Proof,
    TooManyCodes,
    check_code,
    consume_proof,
    is_proof_of,
    recompute_code,
    send_code,
    void_challenge,
)
from apps.sca.services.devices import (
    AuthenticatorNotAllowed,
    check_authenticator_code,
    enrol_authenticator,
    enrol_sms_device,
    make_authenticator_secret,
)

__all__ = [
    "SEND_BLOCK_NOTICE_TASK",
    "SEND_CODE_TASK",
    "AuthenticatorNotAllowed",
    "AuthorisationOver",
    "CodeRefused",
    "DynamicLinkBroken",
    "Proof",
    "TooManyCodes",
    "check_authenticator_code",
    "check_code",
    "check_knowledge",
    "consume_proof",
    "enrol_authenticator",
    "enrol_sms_device",
    "expire_authorisations",
    "fail_authorisation",
    "fail_authorisations_of",
    "finalise_authorisation",
    "is_proof_of",
    "make_authenticator_secret",
    "note_code_accepted",
    "note_psu_authenticated",
    "open_authorisation",
    "recompute_code",
    "reopen_sign_in",
    "send_code",
    "void_challenge",
]
