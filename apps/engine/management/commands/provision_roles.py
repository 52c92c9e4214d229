import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from psycopg import sql

WEB_ROLE, ENGINE_ROLE = "bank_web", "bank_engine"

# What the web's role may read but never write: the books and the trail are written by functions alone, what went out on
# a day by the engine.
READ_ONLY_FOR_WEB = [
    "ledger_ledgeraccount",
    "ledger_entrykey",
    "ledger_entry",
    "ledger_posting",
    "ledger_pendingtotal",
    "ledger_carriedtotal",
    "ledger_closedday",
    "ledger_dailybalance",
    "ledger_hold",
    "ledger_holdevent",
    "audit_auditevent",
    "audit_audithead",
    "django_migrations",
    # Prices, and what was charged by them: the engine writes the latter, the owner publishes the former.
    "pricing_price",
    "pricing_interestterms",
    "pricing_accruedday",
    "pricing_accrual",
    "pricing_charge",
    "pricing_collection",
    # What counts against limits: taking over a web process must not make room for more.
    "payments_paymentdayuse",
    # Who takes over a web process must not make his payments look harmless: the owner writes rules, by migrations.
    "risk_riskrule",
]
ENGINE_READS = [
    *READ_ONLY_FOR_WEB,
    "identity_psu",
    "identity_coreuser",
    "accounts_paymentaccount",
    "accounts_accountholder",
    "tpp_tpp",
    "tpp_app",
    "sca_scaauthorisation",
    "payments_paymentinitiation",
    "payments_paymentexemption",
    "payments_paymentlimits",
    "payments_standingorder",
    "bulk_paymentfile",
    "bulk_paymentbatch",
    "bulk_paymentitem",
    "bulk_shownpayments",
    "fraud_fraudreport",
    "clearing_clearinginstruction",
    "clearing_clearingmessage",
    "clearing_clearingrecall",
    "clearing_clearingdifference",
    "clearing_incomingtransfer",
    "notifications_outboxmessage",
]
ENGINE_WRITES = [
    "payments_paymentinitiation",
    "payments_paymentdayuse",
    "bulk_paymentfile",
    "bulk_paymentbatch",
    "bulk_paymentitem",
    "fraud_fraudreport",
    "clearing_clearinginstruction",
    "clearing_incomingtransfer",
    "notifications_outboxmessage",
]
# What the engine adds to and never changes.
ENGINE_APPENDS = ["pricing_accruedday", "pricing_accrual", "pricing_charge", "pricing_collection"]
# Evidence the web's role may add to and never change.
APPEND_ONLY_FOR_WEB = [
    "receipts_receiptkey",
    "payments_paymentexemption",
    "screening_listedentry",
    "screening_sanctionslist",
    "screening_sanctionslist_entries",
    "screening_screeningbatch",
    "risk_riskassessment",
    "fraud_authoritynotice",
]
AUDIT_APPEND = "audit_append(timestamptz, text, text, text, text, text, text, text, jsonb)"
LEDGER_FUNCTIONS = [
    "ledger_post_entry(text, text, text, date, date, timestamptz, uuid[], text[], bigint[],"
    " text, text, text, text, text, text)",
    "ledger_post_transfers(text[], text[], text, date, date, timestamptz, uuid[], uuid[], bigint[],"
    " text[], text[], text[], text[], text[], text[])",
    "ledger_place_hold(uuid, uuid, text, bigint, text, timestamptz, timestamptz)",
    "ledger_end_hold(text, text, timestamptz)",
    "ledger_fold_totals()",
    "ledger_make_month(date)",
    "ledger_begin_closing(date)",
    "ledger_await_postings()",
    "ledger_finish_closing()",
]


class Command(BaseCommand):
    """Create the database roles of the programs and give each what it needs, no more.

    ``bank_web`` (web, workers, relay) cannot write a posting; ``bank_engine`` can, through the posting function
    only, and reads neither log-ins nor codes nor tokens nor sessions. Run with the owner's ``DATABASE_URL`` after
    ``migrate``; passwords come from ``BANK_WEB_PASSWORD`` and ``BANK_ENGINE_PASSWORD``.
    """

    help = "Create the database roles bank_web and bank_engine and their privileges."

    def handle(self, *args: Any, **options: Any) -> None:
        passwords = {
            WEB_ROLE: os.environ.get("BANK_WEB_PASSWORD", ""),
            ENGINE_ROLE: os.environ.get("BANK_ENGINE_PASSWORD", ""),
        }
        if not all(passwords.values()):
            raise CommandError("BANK_WEB_PASSWORD and BANK_ENGINE_PASSWORD must be set")
        with connection.cursor() as cursor:
            for role, password in passwords.items():
                _create_role(cursor, role=role, password=password)
            cursor.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}").format(
                    sql.Identifier(str(connection.settings_dict["NAME"])),
                    sql.Identifier(WEB_ROLE),
                    sql.Identifier(ENGINE_ROLE),
                )
            )
            grant_privileges(cursor)
        self.stdout.write("roles bank_web and bank_engine are ready")


def grant_privileges(cursor: Any) -> None:
    """Bring the privileges of both roles to what this file says, whatever they were."""
    # Objects of their own could stand before the bank's in a search path. PostgreSQL before 15 let everybody make them.
    cursor.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    cursor.execute(
        sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(
            sql.Identifier(str(connection.settings_dict["NAME"]))
        )
    )
    for role in (WEB_ROLE, ENGINE_ROLE):
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        cursor.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}")
        cursor.execute(f"GRANT EXECUTE ON FUNCTION {AUDIT_APPEND} TO {role}")
    cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {WEB_ROLE}")
    cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON {', '.join(READ_ONLY_FOR_WEB)} FROM {WEB_ROLE}")
    cursor.execute(f"REVOKE UPDATE, DELETE ON {', '.join(APPEND_ONLY_FOR_WEB)} FROM {WEB_ROLE}")
    cursor.execute(f"GRANT SELECT ON {', '.join(ENGINE_READS)} TO {ENGINE_ROLE}")
    cursor.execute(f"GRANT INSERT, UPDATE ON {', '.join(ENGINE_WRITES)} TO {ENGINE_ROLE}")
    cursor.execute(f"GRANT INSERT ON {', '.join(ENGINE_APPENDS)} TO {ENGINE_ROLE}")
    cursor.execute(f"GRANT EXECUTE ON FUNCTION {', '.join(LEDGER_FUNCTIONS)} TO {ENGINE_ROLE}")
    _revoke_partitions(cursor)
    # The sandbox's clock is read by every process.
    cursor.execute("SELECT to_regclass('sandbox_bankclock')")
    if cursor.fetchone()[0] is not None:
        cursor.execute(f"GRANT SELECT ON sandbox_bankclock TO {ENGINE_ROLE}")


def _revoke_partitions(cursor: Any) -> None:
    """A partition is reached through its whole; by its own name a role could pass by what the whole refuses it."""
    cursor.execute("SELECT quote_ident(relname) FROM pg_class WHERE relispartition AND relkind = 'r'")
    partitions = ", ".join(name for (name,) in cursor.fetchall())
    cursor.execute(f"REVOKE ALL ON {partitions} FROM {WEB_ROLE}, {ENGINE_ROLE}")


def _create_role(cursor: Any, *, role: str, password: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    statement = sql.SQL(verb + " ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
        sql.Identifier(role), sql.Literal(password)
    )
    cursor.execute(statement.as_string(connection.connection))
