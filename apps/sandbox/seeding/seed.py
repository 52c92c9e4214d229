"""Putting the sandbox's beginning into the database, once; a second run finds it there."""

from collections import Counter
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from apps.accounts.models import PaymentAccount
from apps.accounts.rules import AccountStatus
from apps.accounts.services import change_account_status, open_payment_account
from apps.core.clock import BANK_TIME_ZONE, bank_date
from apps.core.iban import make_iban
from apps.core.money import Money
from apps.identity.models import PSU, User
from apps.identity.queries import get_psu_of_user, get_user_by_username
from apps.identity.rules import StaffRole
from apps.identity.services import provision_staff_roles, register_customer, register_user
from apps.ledger.rules import EntryKind, Narrative
from apps.ledger.services import open_chart_of_accounts, post_transfer
from apps.sandbox import authenticator
from apps.sandbox.seeding import personas, statements
from apps.sandbox.seeding.statements import Movement
from apps.sca.services import enrol_authenticator, enrol_sms_device

CLEARING_CODE, NOSTRO_CODE, EQUITY_CODE = "clearing:sepa-sct", "nostro:central-bank", "equity:opening"
BANK_CAPITAL_MINOR = 500_000_000
OPENED_BEFORE = timedelta(days=460)
NEXT_OPENED_AFTER = timedelta(days=20)  # Lists go by age: a current account comes before the savings.
_SEED_LOCK = 1396788548  # Two seeds at once wait for one another.


@transaction.atomic
def seed_people_and_accounts(*, now: datetime) -> None:
    """Customers and staff with telephones, members with authenticator apps; accounts with three months of bookings.

    All or nothing, and nothing when it is there. Needs the owner's database role: it posts to the ledger.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SEED_LOCK])
    provision_staff_roles()
    book_accounts = _open_book_accounts()
    staff = [_member_of_staff(person, now=now) for person in personas.STAFF]
    for person in personas.MEMBERS:
        _member_of_tpp(person, now=now)
    psus = {
        person.user_id: _customer(person, number=number, now=now)
        for number, person in enumerate(personas.CUSTOMERS, start=1)
    }
    if not PaymentAccount.objects.filter(iban=iban_of(personas.ACCOUNTS[0].number)).exists():
        _open_accounts_with_history(psus=psus, book_accounts=book_accounts, staff=staff[0], now=now)


def iban_of(account_number: str) -> str:
    """The IBAN of an account of the sandbox."""
    return make_iban(
        country=settings.BANK_COUNTRY, bank_code=settings.BANK_CODE, account_number=account_number
    )


def _open_book_accounts() -> dict[str, UUID]:
    return {code: account.pk for code, account in open_chart_of_accounts().items()}


def _customer(person: personas.Person, *, number: int, now: datetime) -> PSU:
    user = get_user_by_username(username=person.user_id)
    if user is not None:
        return get_psu_of_user(user_id=user.pk)
    psu = register_customer(
        username=person.user_id,
        password=person.password,
        first_name=person.first_name,
        last_name=person.last_name,
        language=person.language,
        core_user_id=f"LB{number:06d}",
        now=now,
    )
    enrol_sms_device(user=psu.user, phone_number=person.mobile, now=now)
    return psu


def _member_of_staff(person: personas.Person, *, now: datetime) -> User:
    user = get_user_by_username(username=person.user_id)
    if user is None:
        user = _log_in(person, staff_roles=personas.STAFF_ROLES, now=now)
        enrol_sms_device(user=user, phone_number=person.mobile, now=now)
    return user


def _member_of_tpp(person: personas.Person, *, now: datetime) -> User:
    user = get_user_by_username(username=person.user_id)
    if user is None:
        user = _log_in(person, staff_roles=None, now=now)
        # The code before the present one: a code works once, and the present one is for the first sign-in.
        code = authenticator.code_of(person.user_id, steps=-1)
        enrol_authenticator(user=user, secret=authenticator.secret_of(person.user_id), code=code, now=now)
    return user


def _log_in(person: personas.Person, *, staff_roles: tuple[StaffRole, ...] | None, now: datetime) -> User:
    return register_user(
        username=person.user_id,
        password=person.password,
        first_name=person.first_name,
        last_name=person.last_name,
        language=person.language,
        staff_roles=staff_roles,
        now=now,
    )


def _open_accounts_with_history(
    *, psus: dict[str, PSU], book_accounts: dict[str, UUID], staff: User, now: datetime
) -> None:
    today = bank_date(now)
    plans = {
        account.number: statements.plan_statement(account.statement, today=today)
        for account in personas.ACCOUNTS
    }
    accounts = {
        account.number: open_payment_account(
            account_number=account.number,
            display_name=account.display_name,
            product=account.product,
            cash_account_type=account.kind,
            currency="EUR",
            overdraft_limit_minor=account.overdraft_minor,
            owners=[psus[user_id] for user_id in account.owners],
            owner_name=account.owner_name,
            signs=account.signs,
            now=now - OPENED_BEFORE + position * NEXT_OPENED_AFTER,
        )
        for position, account in enumerate(personas.ACCOUNTS)
    }
    first_day = today - timedelta(days=statements.DAYS + 1)
    nostro, equity = book_accounts[NOSTRO_CODE], book_accounts[EQUITY_CODE]
    _post("capital", EntryKind.OPENING, nostro, equity, BANK_CAPITAL_MINOR, first_day, Narrative())
    for number, amount_minor in opening_balances(plans).items():
        if amount_minor:
            _post(
                f"opening:{number}",
                EntryKind.OPENING,
                equity,
                accounts[number].ledger_account_id,
                amount_minor,
                first_day,
                Narrative(
                    debtor_name=settings.BANK_NAME,
                    creditor_name=accounts[number].owner_name,
                    creditor_iban=accounts[number].iban,
                    remittance_information_unstructured="Saldovortrag",
                ),
            )
    movements = [(movement, number) for number, plan in plans.items() for movement in plan]
    # By day over all accounts, so that every balance after a booking is that of its day.
    movements.sort(key=lambda pair: (pair[0].day, -pair[0].amount_minor))
    for position, (movement, number) in enumerate(movements):
        _book(
            movement, account=accounts[number], accounts=accounts, nostro=nostro, reference=f"seed:{position}"
        )
    for persona in personas.ACCOUNTS:
        if persona.status != AccountStatus.ENABLED:
            change_account_status(
                account_id=accounts[persona.number].pk,
                status=persona.status,
                reason="Sandbox: an account to be refused with",
                staff_id=staff.pk,
                now=now,
            )


def opening_balances(plans: dict[str, list[Movement]]) -> dict[str, int]:
    """What must have been on each account before its bookings, so that today the persona's balance is on it."""
    moved: Counter[str] = Counter()
    for number, plan in plans.items():
        for movement in plan:
            moved[number] += movement.amount_minor
            if movement.other_account:
                moved[movement.other_account] -= movement.amount_minor
    return {account.number: account.balance_minor - moved[account.number] for account in personas.ACCOUNTS}


def _book(
    movement: Movement,
    *,
    account: PaymentAccount,
    accounts: dict[str, PaymentAccount],
    nostro: UUID,
    reference: str,
) -> None:
    inside = accounts.get(movement.other_account)
    if inside is not None:
        other, other_name, other_iban = inside.ledger_account_id, inside.owner_name, inside.iban
    else:
        partner = statements.partner(movement.name)
        other, other_name = nostro, partner.name
        other_iban = make_iban(
            country="DE", bank_code=partner.bank_code, account_number=partner.account_number
        )
    own = (account.owner_name, account.iban)
    (debtor_name, debtor_iban), (creditor_name, creditor_iban) = (
        (own, (other_name, other_iban)) if movement.amount_minor < 0 else ((other_name, other_iban), own)
    )
    narrative = Narrative(
        debtor_name=debtor_name,
        debtor_iban=debtor_iban,
        creditor_name=creditor_name,
        creditor_iban=creditor_iban,
        remittance_information_unstructured=movement.text,
    )
    incoming = movement.amount_minor > 0
    debit, credit = (other, account.ledger_account_id) if incoming else (account.ledger_account_id, other)
    kind = EntryKind.INCOMING_CREDIT_TRANSFER if incoming and inside is None else EntryKind.CREDIT_TRANSFER
    _post(reference, kind, debit, credit, abs(movement.amount_minor), movement.day, narrative)


def _post(
    reference: str,
    kind: EntryKind,
    debit: UUID,
    credit: UUID,
    amount_minor: int,
    day: date,
    narrative: Narrative,
) -> None:
    post_transfer(
        kind=kind,
        reference=reference,
        debit_account_id=debit,
        credit_account_id=credit,
        amount=Money(amount_minor, "EUR"),
        booking_date=day,
        value_date=day,
        narrative=narrative,
        now=datetime.combine(day, time(9, 30), BANK_TIME_ZONE),
    )
