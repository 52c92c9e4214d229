"""SQL files beside migrations: functions and triggers are read and reviewed as SQL."""

from pathlib import Path

from django.db import migrations


def run_sql_file(migration_file: str, name: str) -> migrations.RunSQL:
    """The operation that runs ``sql/<name>.sql`` next to the migration; ``<name>.reverse.sql`` undoes it."""
    folder = Path(migration_file).parent / "sql"
    return migrations.RunSQL(
        sql=(folder / f"{name}.sql").read_text(), reverse_sql=(folder / f"{name}.reverse.sql").read_text()
    )
