"""A receipt's content, and a key that signs it, without a bank around them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwk

from apps.core.canonical import canonical_hash
from apps.receipts.rules import public_jwk, sign_receipt

ISSUED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SNAPSHOT = {
    "purpose": "payment",
    "payment_id": "0a1b2c3d-0000-4000-8000-000000000001",
    "payment_product": "sepa-credit-transfers",
    "debtor_iban": "DE02120300000000202051",
    "creditor_name": "Möbelhaus Kern GmbH",
    "creditor_iban": "DE02500105170137075030",
    "amount_minor": 2_500,
    "currency": "EUR",
    "remittance_information_unstructured": "Order 88-2041",
}


def content(**changes: Any) -> dict[str, Any]:
    """As the bank writes it."""
    return {
        "version": 1,
        "receipt_id": "0a1b2c3d-0000-4000-8000-000000000002",
        "issuer": "https://bank.example",
        "issued_at": ISSUED.isoformat(timespec="seconds"),
        "bank": {"name": "Lindenbank", "legal_name": "Lindenbank eG", "bic": "LINDDEB0XXX"},
        "subject": {"type": "payment", "id": SNAPSHOT["payment_id"]},
        "status": {"code": "ACSC", "entered_at": ISSUED.isoformat(), "changed_at": ISSUED.isoformat()},
        "signatures": [
            {
                "authorisation_id": "0a1b2c3d-0000-4000-8000-000000000003",
                "customer": "Anna Schneider",
                "signed_at": ISSUED.isoformat(timespec="seconds"),
                "elements": ["knowledge", "possession"],
                "method": "SMS_OTP",
                "snapshot": SNAPSHOT,
                "snapshot_sha256": canonical_hash(SNAPSHOT).hex(),
            }
        ],
        **changes,
    }


def new_key() -> jwk.ECKey:
    return jwk.ECKey.generate_key("P-256", private=True)


def published(
    key: jwk.ECKey, *, created_at: datetime = ISSUED - timedelta(days=1), retired_at: datetime | None = None
) -> dict[str, Any]:
    """As it stands in the bank's JWK Set."""
    public = {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
    return public_jwk(key=public, kid=key.thumbprint(), created_at=created_at, retired_at=retired_at)


def signed(key: jwk.ECKey, **changes: Any) -> bytes:
    return sign_receipt(content(**changes), private_key=key)
