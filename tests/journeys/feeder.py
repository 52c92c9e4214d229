"""A process that lays signed payments before the running bank: for each number on its input, that many ids as JSON.

Run by ``storm``: ``python -m tests.journeys.feeder SEED TAG``, as the owner of the database. What it writes is what a
customer's code leaves behind (``tests.factories.payments.signed_payments``): from there on all is the bank's own.
"""

import json
import os
import random
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

from django.db import connection  # noqa: E402

from apps.accounts.queries import list_payable_accounts_for_psu  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.core.iban import make_iban  # noqa: E402
from apps.identity.models import PSU  # noqa: E402
from tests.factories.payments import signed_payments  # noqa: E402

# At the clearing house: paid, rejected, paid and sent back, every message twice, the return before the answer.
_ELSEWHERE = ("1234567890", "9999999999", "9999999002", "9999999005", "9999999006")


def main() -> None:
    choose = random.Random(int(sys.argv[1]))
    people = []
    for psu in PSU.objects.order_by("pk"):
        account = list_payable_accounts_for_psu(psu_id=psu.pk).first()
        # Of two who share an account, one: nobody pays to the account from which he pays.
        if account is not None and account.pk not in {one.account.pk for one in people}:
            psu.account = account
            people.append(psu)
    _say("ready")
    for line in sys.stdin:
        orders = []
        for _ in range(int(line)):
            payer, payee = choose.sample(people, 2)
            iban = payee.account.iban
            if choose.random() < 0.5:
                iban = make_iban(country="DE", bank_code="12030000", account_number=choose.choice(_ELSEWHERE))
            orders.append((payer, iban, choose.randint(1, 99)))
        payments = signed_payments(orders, now=clock.now(), request_ids_begin=sys.argv[2])
        _say(json.dumps([str(payment.pk) for payment in payments]))
        connection.close()  # The database may be killed before the next round.


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
