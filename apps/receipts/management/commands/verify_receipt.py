import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import override

from apps.receipts.queries import list_receipt_keys
from apps.receipts.rules import RECEIPT_BYTES_MAX, ReceiptRefused, read_jwks, verify_receipt
from apps.receipts.words import receipt_sections

NOT_GENUINE, CANNOT_TELL = 1, 2
_JWKS_BYTES_MAX = 2**20


class Command(BaseCommand):
    """``manage.py verify_receipt receipt.json --jwks keys.json``: is it the bank's, and what does it prove?

    With ``--jwks`` nothing but the two files is read: no database, no network. Ends 0 if it is genuine, 1 if not, 2 if
    that cannot be told (a file or the keys cannot be read, or the call is wrong).
    """

    help = "Check a signed receipt, offline, and say what it proves."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the signed receipt (JSON)")
        keys = parser.add_mutually_exclusive_group(required=True)
        keys.add_argument(
            "--jwks", type=Path, help="the bank's JWK Set for receipts, fetched from /receipts/jwks"
        )
        keys.add_argument(
            "--keys-from-database", action="store_true", help="take the keys of this installation"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        document = _read(options["file"], at_most=RECEIPT_BYTES_MAX)
        keys = self._keys(options["jwks"])
        try:
            content = verify_receipt(document, keys=keys)
        except ReceiptRefused as error:
            raise CommandError(f"NOT GENUINE: {error.detail}.", returncode=NOT_GENUINE) from None
        with override("en"):
            self._say(content)

    def _keys(self, path: Path | None) -> list[dict[str, Any]]:
        if path is None:
            return list_receipt_keys()
        try:
            return read_jwks(_read(path, at_most=_JWKS_BYTES_MAX))
        except ReceiptRefused as error:
            raise CommandError(f"{path.name}: {error.detail}", returncode=CANNOT_TELL) from None

    def _say(self, content: dict[str, Any]) -> None:
        write = self.stdout.write
        names = " and ".join(signature["customer"] for signature in content["signatures"])
        write(
            f"GENUINE. {content['bank'].get('legal_name', '')} has signed this receipt, and nothing was altered."
        )
        write(
            f"It proves that {names} approved exactly what follows, each with the elements that are named, and how the"
            " bank said it stood when the receipt was issued. It does not prove what became of it afterwards."
        )
        for section in receipt_sections(content):
            write(f"\n{section.title}")
            for row in section.rows:
                write(f"  {row.label}: {row.text}")
        for signature in content["signatures"]:
            write(
                f"\nTo the letter, as {signature['customer']} approved it (SHA-256 {signature['snapshot_sha256']}):"
            )
            write(json.dumps(signature["snapshot"], indent=2, ensure_ascii=True, sort_keys=True))


def _read(path: Path, *, at_most: int) -> bytes:
    """The file's bytes; of a larger one than can be right, one byte more than that."""
    try:
        with path.open("rb") as file:
            return file.read(at_most + 1)
    except OSError as error:
        raise CommandError(f"{path.name} cannot be read: {error.strerror}", returncode=CANNOT_TELL) from None
