from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import translation

from apps.web.error_catalogue import markdown_lines


class Command(BaseCommand):
    help = "Write docs/reference/errors.md from the error catalogue."

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "reference" / "errors.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        with translation.override("en"):
            path.write_text("\n".join(markdown_lines()) + "\n", encoding="utf-8")
        self.stdout.write(f"{path} written")
