"""Bring the database and the files of this bank up to date: tables, roles, sandbox data, static files.

A program of its own, run by the launcher with the environment of the database's owner; the only one of this
package that imports Django. Every part may run again at any time.
"""

import io
import os

import django
from django.core.management import call_command

from deploy.local.console import step


def main() -> None:
    """Run the steps in order; the first failure ends it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
    with step("The bank's code and settings"):
        django.setup()
        call_command("check", stdout=io.StringIO())
    with step("Tables of the database"):
        call_command("migrate", interactive=False, verbosity=0)
    with step("Database roles of the web and engine processes"):
        call_command("provision_roles", stdout=io.StringIO())
    with step("Sandbox data: customers, accounts, TPPs and their keys"):
        call_command("seed_sandbox", stdout=io.StringIO())
    with step("Static files"):
        call_command("collectstatic", interactive=False, verbosity=0)


if __name__ == "__main__":
    main()
