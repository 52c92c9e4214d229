from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.bulk.queries import get_payment_file_for_psu
from apps.consents.queries import get_consent_for_psu
from apps.core.canonical import canonical_hash
from apps.core.errors import DomainError, NotFound
from apps.core.ids import new_id
from apps.payments.limits import get_limit_change
from apps.payments.queries import get_payment_for_psu
from apps.payments.standing_orders import get_standing_order
from apps.receipts.models import ReceiptKey
from apps.receipts.rules import RECEIPT_VERSION, ReceiptKind, public_jwk
from apps.sca.queries import Evidence, list_evidence
from apps.sca.rules import SubjectType


class NothingSigned(NotFound):
    """Nobody has signed it with a code (yet), so there is nothing to give a receipt for."""

    code = "nothing_signed"


class EvidenceDiffers(DomainError):
    """What is kept of a signature does not hash to what was signed; no receipt is given for that."""

    code = "evidence_differs"


def describe_receipt(*, kind: ReceiptKind, subject_id: UUID, psu_id: UUID, now: datetime) -> dict[str, Any]:
    """What a receipt that is issued now would say: what was authorised, by whom, when and how, and how it stands
    (PSD2 art. 48, 72; RTS art. 29). Only for who may see the order itself. No code, number or nonce is in it.

    :raises apps.core.errors.NotFound: there is no such order, or it is not his to see.
    :raises NothingSigned: nobody has signed it.
    :raises EvidenceDiffers: what is kept is not what was signed.
    """
    subject, signed, status = _find(kind=kind, subject_id=subject_id, psu_id=psu_id)
    evidence = list_evidence(subject_type=SubjectType(signed["type"]), subject_id=UUID(signed["id"]))
    if not evidence:
        raise NothingSigned(str(subject_id))
    return {
        "version": RECEIPT_VERSION,
        "receipt_id": str(new_id()),
        "issuer": settings.PUBLIC_BASE_URL,
        "issued_at": _time(now),
        "bank": {
            "name": settings.BANK_NAME,
            "legal_name": settings.BANK_LEGAL_NAME,
            "bic": settings.BANK_BIC,
        },
        "subject": subject,
        "status": status,
        "signatures": [_signature(one) for one in evidence],
        # A payment of a series is covered by what was signed for the series (RTS art. 14(2)).
        **({"covered_by": signed} if signed != subject else {}),
    }


def list_receipt_keys() -> list[dict[str, Any]]:
    """The members of the JWK Set for receipts: the key that signs and every one that ever did, newest first."""
    return [
        public_jwk(key=row.public_key, kid=row.kid, created_at=row.created_at, retired_at=row.retired_at)
        for row in ReceiptKey.objects.order_by("-created_at")
    ]


def _find(
    *, kind: ReceiptKind, subject_id: UUID, psu_id: UUID
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """The order, what was signed for it, and how it stands."""
    row: Any
    if kind == ReceiptKind.PAYMENT:
        row = get_payment_for_psu(psu_id=psu_id, payment_id=subject_id)
        subject = _named(SubjectType.PAYMENT, row.pk)
        signed = (
            _named(SubjectType.STANDING_ORDER, row.standing_order_id) if row.standing_order_id else subject
        )
        returned = {"returned_at": _time(row.returned_at), "return_reason": row.return_reason}
        return subject, signed, _status(row, row.transaction_status) | (returned if row.returned_at else {})
    if kind == ReceiptKind.STANDING_ORDER:
        row = get_standing_order(psu_id=psu_id, standing_order_id=subject_id)
        subject, status = _named(SubjectType.STANDING_ORDER, row.pk), row.transaction_status
    elif kind == ReceiptKind.FILE:
        row = get_payment_file_for_psu(psu_id=psu_id, file_id=subject_id)
        subject, status = _named(SubjectType.BULK, row.pk), row.status
    elif kind == ReceiptKind.LIMITS:
        row = get_limit_change(psu_id=psu_id, change_id=subject_id)
        subject = _named(SubjectType.LIMITS, row.pk)
        applied = {"authorised_at": _time(row.applied_at), "changed_at": _time(row.applied_at)}
        return subject, subject, {"code": row.status, "entered_at": _time(row.created_at), **applied}
    else:
        row = get_consent_for_psu(psu_id=psu_id, consent_id=subject_id)
        subject, status = _named(SubjectType.CONSENT, row.pk), row.consent_status
    return subject, subject, _status(row, status)


def _status(row: Any, code: str) -> dict[str, str]:
    return {
        "code": str(code),
        "reason": str(getattr(row, "status_reason", "")),
        "entered_at": _time(row.created_at),
        "authorised_at": _time(row.authorised_at),
        "changed_at": _time(row.status_changed_at),
    }


def _signature(evidence: Evidence) -> dict[str, Any]:
    if canonical_hash(evidence.snapshot) != evidence.snapshot_hash:
        raise EvidenceDiffers(str(evidence.authorisation_id))
    return {
        "authorisation_id": str(evidence.authorisation_id),
        "customer": evidence.signer_name,
        "signed_at": _time(evidence.signed_at),
        "elements": evidence.elements,
        "method": evidence.method,
        "snapshot": evidence.snapshot,
        "snapshot_sha256": evidence.snapshot_hash.hex(),
    }


def _named(subject_type: SubjectType, subject_id: UUID) -> dict[str, str]:
    return {"type": subject_type.value, "id": str(subject_id)}


def _time(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""
