"""What staff look at in these tests: customers, a TPP, a consent in use, payments, all made by the rooms' services."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY

from apps.accounts.queries import list_accounts_for_psu
from apps.consents.models import Consent
from apps.consents.rules import AccessKind, ConsentModel, RequestedAccess
from apps.consents.services import (
    accept_consent_code,
    confirm_consent,
    create_consent,
    record_account_access,
    send_consent_code,
    start_consent_authorisation,
)
from apps.core.clock import bank_date
from apps.core.ids import new_id
from apps.identity.models import PSU, User
from apps.identity.rules import StaffRole
from apps.identity.services import provision_staff_roles, register_user
from apps.payments.models import PaymentInitiation
from apps.sca.models import SMSDevice
from apps.sca.services import enrol_sms_device
from apps.screening.models import ScreeningHit
from apps.tpp.models import App
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.payments import authorised_payment, proof_for, received_payment
from tests.factories.screening import screened_hit
from tests.factories.tpp import AppFactory

PASSWORD = "linden-staff-2026"


@dataclass
class World:
    """Everything that has a page."""

    anna: PSU
    app: App
    consent: Consent
    waiting: PaymentInitiation
    released: PaymentInitiation
    hit: ScreeningHit


def build_world(*, now: datetime = NOW) -> World:
    """A customer with an account, a TPP with a consent she gave and that was used, and two payments."""
    bank_accounts()
    anna = customer("Anna", balance_minor=421_837)
    app = cast(App, AppFactory(name="ShopPay app", client_id=f"shoppay-{new_id().hex[:8]}"))
    return World(
        anna=anna,
        app=app,
        consent=given_consent(anna, app=app, now=now),
        waiting=received_payment(anna, app=app, amount_minor=8_990),
        released=authorised_payment(anna, amount_minor=2_480),
        hit=screened_hit("Anna Schneider"),
    )


def given_consent(psu: PSU, *, app: App, now: datetime = NOW) -> Consent:
    """A live consent that has been used once."""
    account = list_accounts_for_psu(psu_id=psu.pk)[0]
    iban = account.iban
    consent, _ = create_consent(
        app=app,
        access=RequestedAccess(
            model=ConsentModel.DEDICATED,
            accounts=(iban,),
            balances=(iban,),
            transactions=(iban,),
            as_sent={kind: [{"iban": iban}] for kind in ("accounts", "balances", "transactions")},
        ),
        recurring_indicator=True,
        valid_until=bank_date(now) + timedelta(days=90),
        frequency_per_day=4,
        combined_service_indicator=False,
        tpp_redirect_uri="https://shoppay.example/callback",
        tpp_nok_redirect_uri="",
        request_id=str(new_id()),
        request_hash=b"h" * 32,
        now=now,
    )
    authorisation = start_consent_authorisation(consent_id=consent.pk, now=now)
    challenge_id = send_consent_code(
        authorisation_id=authorisation.pk, consent_id=consent.pk, psu=psu, now=now
    )
    proof = proof_for(challenge_id, now=now)
    accept_consent_code(
        consent_id=consent.pk, authorisation_id=authorisation.pk, psu=psu, proof=proof, now=now
    )
    consent = confirm_consent(
        consent_id=consent.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        account_ids=[account.pk],
        now=now,
    )
    record_account_access(
        consent=consent, kind=AccessKind.BALANCES, account_id=account.pk, psu_present=False, now=now
    )
    return consent


def member_of_staff(
    username: str = "rita", *, roles: tuple[StaffRole, ...] = tuple(StaffRole), phone: str = "+4917139200011"
) -> User:
    """Somebody with roles and a phone."""
    provision_staff_roles()
    user = register_user(
        username=username,
        password=PASSWORD,
        first_name=username.title(),
        last_name="Vogel",
        language="en",
        staff_roles=roles,
        now=NOW,
    )
    enrol_sms_device(user=user, phone_number=phone, now=NOW)
    return user


def superuser() -> User:
    """Somebody with every permission there is."""
    user = member_of_staff("root", roles=(), phone="+4917139200019")
    user.is_superuser = True
    user.save()
    return user


def signed_in(user: User, *, verified: bool = True) -> Client:
    """A browser in which ``user`` has signed in; with both elements, or with a password only."""
    client = Client()
    client.force_login(user)
    if verified:
        session = client.session
        session[DEVICE_ID_SESSION_KEY] = SMSDevice.objects.get(user=user).persistent_id
        session.save()
    return client
