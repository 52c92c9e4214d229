import io
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from apps.core import clock
from apps.sandbox.addresses import demo_tpp_url
from apps.sandbox.seeding.companies import seed_companies
from apps.sandbox.seeding.handout import write_handout
from apps.sandbox.seeding.sanctions import seed_sanctions_list
from apps.sandbox.seeding.seed import seed_people_and_accounts


class Command(BaseCommand):
    """Fill the sandbox: people, accounts with bookings, an invented sanctions list, companies with keys.

    Writes ``var/sandbox.json``.

    May run again at any time: what is there stays. Run with the owner's ``DATABASE_URL``, since nobody else but
    the engine may post. ``TPP_PORT`` or ``DEMO_TPP_URL`` tell where the demo TPP answers.
    """

    help = "Create the sandbox's customers, accounts, TPPs and keys, and write sandbox.json."

    def handle(self, *args: Any, **options: Any) -> None:
        _check_may_post()
        now = clock.now()
        call_command("rotate_oidc_key", if_missing=True, stdout=io.StringIO())
        seed_people_and_accounts(now=now)
        seed_sanctions_list(now=now, real_now=clock.real_now())
        tpp_url = demo_tpp_url()
        path = write_handout(companies=seed_companies(tpp_url=tpp_url, now=now), tpp_url=tpp_url)
        if options["verbosity"]:
            self.stdout.write(f"The sandbox is ready; log-ins and keys are in {path}")


def _check_may_post() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('ledger_entry', 'INSERT')")
        if not cursor.fetchone()[0]:
            raise CommandError(
                "seed_sandbox needs the DATABASE_URL of the database's owner: it posts to the ledger"
            )
