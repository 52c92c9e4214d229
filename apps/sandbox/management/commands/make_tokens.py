import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.core import clock
from apps.sca.device_protocol import TOKEN_KEY_BYTES
from apps.sca.services import add_token
from apps.sca.token_files import write_token_file


class Command(BaseCommand):
    """Make tokens for the sandbox: into the bank's stock, and a file each for the simulator (examples/token)."""

    help = "Make tokens for the simulator, and put them into the stock."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=1)
        parser.add_argument("--out", type=Path, required=True, help="folder for the files")

    def handle(self, *args: Any, **options: Any) -> None:
        options["out"].mkdir(parents=True, exist_ok=True)
        for _number in range(options["count"]):
            serial_number, token_key = (
                str(secrets.randbelow(10**10)).zfill(10),
                secrets.token_bytes(TOKEN_KEY_BYTES),
            )
            add_token(serial_number=serial_number, token_key=token_key, now=clock.now())
            path = write_token_file(options["out"], serial_number=serial_number, token_key=token_key)
            self.stdout.write(str(path))
