"""Calling the ledger's functions in the database."""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def call_function(statement: str, arguments: Sequence[object] = ()) -> Any:
    """The one value that ``statement`` gives: one round trip, by a statement that the server keeps prepared.

    Django's own cursor writes the values into the statement, so that the server parses and plans it anew each time;
    these are the statements of the bank for which that matters.
    """
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        row = cursor.execute(statement, arguments, prepare=True).fetchone()
    return row[0] if row else None
