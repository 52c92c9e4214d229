import sys
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction

from apps.core import clock
from apps.identity.queries import get_user_by_username
from apps.identity.rules import StaffRole
from apps.identity.services import provision_staff_roles, register_user
from apps.sca.services import enrol_sms_device


class Command(BaseCommand):
    """Open a log-in for somebody on the staff, with a mobile number for the codes and the roles named.

    Also brings the groups of staff to what ``identity.rules.STAFF_PERMISSIONS`` says, so run it again after an
    upgrade with ``--roles-only``. The password is asked for, or read from standard input with ``--password-stdin``;
    it is never an argument, which other users of the machine could read.
    """

    help = "Create a staff log-in with roles and a mobile number."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user_id", nargs="?", default="")
        parser.add_argument("--first-name", default="")
        parser.add_argument("--last-name", default="")
        parser.add_argument("--email", default="")
        parser.add_argument("--mobile", default="", help="E.164, such as +491701234567")
        parser.add_argument("--role", action="append", choices=StaffRole.values, default=[])
        parser.add_argument("--language", choices=["en", "de"], default="de")
        parser.add_argument("--password-stdin", action="store_true")
        parser.add_argument("--roles-only", action="store_true", help="only bring the groups up to date")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["roles_only"]:
            provision_staff_roles()
            self.stdout.write("The roles of staff are up to date.")
            return
        if not options["user_id"] or not options["mobile"]:
            raise CommandError("a user ID and --mobile are needed")
        if get_user_by_username(username=options["user_id"]) is not None:
            raise CommandError(f"somebody has the user ID {options['user_id']}")
        password = _read_password(from_stdin=options["password_stdin"])
        try:
            _create(options, password=password)
        except IntegrityError as error:
            raise CommandError("the mobile number is not of the form +491701234567") from error
        self.stdout.write(f"{options['user_id']} can sign in at /staff/")


@transaction.atomic
def _create(options: dict[str, Any], *, password: str) -> None:
    now = clock.now()
    provision_staff_roles()
    user = register_user(
        username=options["user_id"],
        password=password,
        first_name=options["first_name"],
        last_name=options["last_name"],
        email=options["email"],
        language=options["language"],
        staff_roles=[StaffRole(role) for role in options["role"]],
        now=now,
    )
    enrol_sms_device(user=user, phone_number=options["mobile"], now=now)


def _read_password(*, from_stdin: bool) -> str:
    password = sys.stdin.readline().rstrip("\n") if from_stdin else getpass("Password: ")
    try:
        validate_password(password)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    if not from_stdin and getpass("Again: ") != password:
        raise CommandError("the two were not the same")
    return password
