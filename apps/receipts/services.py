"""Receipts are signed and handed out, and the key that signs them is exchanged."""

import io
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from django.db import transaction
from joserfc import jwk

from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.errors import DomainError
from apps.core.sealing import seal, unseal
from apps.receipts.models import ReceiptKey
from apps.receipts.pdf import write_receipt_pdf
from apps.receipts.queries import EvidenceDiffers, describe_receipt
from apps.receipts.rules import ReceiptKind, sign_receipt

logger = logging.getLogger(__name__)

_PURPOSE = "receipts.signing-key.v1"


class ReceiptKeyUnreadable(DomainError):
    """The signing key was sealed under a secret key that is gone; ``rotate_receipt_key`` makes another."""

    code = "receipt_key_unreadable"


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """A receipt to take away."""

    name: str
    content: bytes
    content_type: str


@transaction.atomic
def issue_signed_receipt(*, kind: ReceiptKind, subject_id: UUID, psu_id: UUID, now: datetime) -> ReceiptFile:
    """The signed receipt as JSON; recorded with its hash, so that the bank knows what it has given out.

    :raises apps.core.errors.NotFound: there is no such order, or it is not his to see.
    :raises apps.receipts.queries.NothingSigned: nobody has signed it.
    :raises apps.receipts.queries.EvidenceDiffers: what is kept is not what was signed; in the log.
    :raises ReceiptKeyUnreadable: the bank cannot sign now.
    """
    content = _describe(kind=kind, subject_id=subject_id, psu_id=psu_id, now=now)
    document = sign_receipt(content, private_key=_signing_key(now=now))
    _record(content, file_format="json", psu_id=psu_id, now=now)
    return ReceiptFile(_name(kind, subject_id, "json"), document, "application/jose+json")


@transaction.atomic
def issue_printed_receipt(
    *, kind: ReceiptKind, subject_id: UUID, psu_id: UUID, language: str, now: datetime
) -> ReceiptFile:
    """The same for people, as PDF. It is not signed: it says where the signed one is.

    :raises apps.core.errors.NotFound: there is no such order, or it is not his to see.
    :raises apps.receipts.queries.NothingSigned: nobody has signed it.
    :raises apps.receipts.queries.EvidenceDiffers: what is kept is not what was signed; in the log.
    """
    content = _describe(kind=kind, subject_id=subject_id, psu_id=psu_id, now=now)
    out = io.BytesIO()
    write_receipt_pdf(content, out, language=language, now=now)
    _record(content, file_format="pdf", psu_id=psu_id, now=now)
    return ReceiptFile(_name(kind, subject_id, "pdf"), out.getvalue(), "application/pdf")


@transaction.atomic
def rotate_receipt_key(*, now: datetime) -> ReceiptKey:
    """Make a new key that signs from now on. The former one's private half is gone; what it signed stays genuine."""
    ReceiptKey.objects.filter(retired_at=None).update(retired_at=now, sealed_private_key="")
    _add_key(now=now)
    return ReceiptKey.objects.get(retired_at=None)


def _signing_key(*, now: datetime) -> jwk.ECKey:
    """The key that signs; the bank's first receipt finds none and makes it."""
    row = ReceiptKey.objects.filter(retired_at=None).first()
    if row is None:
        _add_key(now=now)
        row = ReceiptKey.objects.get(retired_at=None)
    try:
        return jwk.ECKey.import_key(unseal(row.sealed_private_key, purpose=_PURPOSE, owner=row.kid))
    except InvalidTag:
        logger.error("the key that signs receipts, %s, does not open: run rotate_receipt_key", row.kid)
        raise ReceiptKeyUnreadable(row.kid) from None


def _add_key(*, now: datetime) -> None:
    private_key = jwk.ECKey.generate_key("P-256", private=True)
    kid, public = private_key.thumbprint(), private_key.as_dict(private=False)
    made = ReceiptKey(
        kid=kid,
        public_key={name: public[name] for name in ("kty", "crv", "x", "y")},
        sealed_private_key=seal(private_key.as_pem(private=True), purpose=_PURPOSE, owner=kid),
        created_at=now,
    )
    # Of two that find none at the same moment the second waits for the first and takes that one's.
    ReceiptKey.objects.bulk_create([made], ignore_conflicts=True)
    if ReceiptKey.objects.filter(pk=kid).exists():
        record_event(
            event="receipts.key.made",
            object_type="receipt_key",
            object_id=kid,
            actor_type="system",
            at=now,
        )


def _describe(*, kind: ReceiptKind, subject_id: UUID, psu_id: UUID, now: datetime) -> dict[str, Any]:
    try:
        return describe_receipt(kind=kind, subject_id=subject_id, psu_id=psu_id, now=now)
    except EvidenceDiffers as error:
        logger.error("the snapshot of authorisation %s is not what was signed", error.detail)
        raise


def _record(content: dict[str, Any], *, file_format: str, psu_id: UUID, now: datetime) -> None:
    record_event(
        event="receipts.receipt.issued",
        object_type=content["subject"]["type"],
        object_id=content["subject"]["id"],
        actor_type="psu",
        actor_id=psu_id,
        at=now,
        data={
            "receipt": content["receipt_id"],
            "format": file_format,
            "content_sha256": canonical_hash(content).hex(),
        },
    )


def _name(kind: ReceiptKind, subject_id: UUID, ending: str) -> str:
    return f"receipt-{kind.value}-{str(subject_id)[:8]}.{ending}"
