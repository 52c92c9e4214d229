"""Between tests that commit, the tables are emptied: those that have rows, and quickly.

Django's own way empties every table, a hundred and more, and then makes all content types and permissions anew: half a
second a test. These two stay as they are here, and the rules of monitoring, which a migration wrote.
"""

from typing import Any

from django.db import connections
from django.test import TransactionTestCase

_KEPT = ("django_content_type", "auth_permission", "django_migrations", "risk_riskrule")
_TABLES = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL (%s)
"""


def _empty(self: Any) -> None:
    for name in self._databases_names(include_mirrors=False):
        with connections[name].cursor() as cursor:
            cursor.execute(_TABLES, [list(_KEPT)])
            # Names from the catalogue, quoted there where they need it.
            each = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for (table,) in cursor.fetchall()]
            cursor.execute(" UNION ALL ".join(each))
            if filled := ", ".join(row[0] for row in cursor.fetchall()):
                cursor.execute(f"TRUNCATE {filled} CASCADE")


def install() -> None:
    """For every test of this session that commits."""
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[method-assign]
