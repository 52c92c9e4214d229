"""Puts the parts together: one object that the pages and the JSON API share."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
from cryptography.fernet import Fernet

from examples.demo_tpp.bank import BankClient, ClientIdentity
from examples.demo_tpp.config import Configuration
from examples.demo_tpp.directory import Directory
from examples.demo_tpp.enrolment import Enrolments
from examples.demo_tpp.files import read_or_create_secret
from examples.demo_tpp.payment import Payments
from examples.demo_tpp.sso import SSO, make_signing_key
from examples.demo_tpp.store import BankCall, Store
from examples.demo_tpp.users import Users
from examples.demo_tpp.vault import TokenVault

logger = logging.getLogger("demo_tpp")


@dataclass(frozen=True, slots=True)
class Services:
    """All of ShopPay below its pages."""

    configuration: Configuration
    clock: Callable[[], int]
    store: Store
    users: Users
    sso: SSO
    directory: Directory
    enrolments: Enrolments
    payments: Payments


def build_services(
    configuration: Configuration,
    *,
    transport: httpx2.BaseTransport | None = None,
    clock: Callable[[], int] = lambda: int(time.time()),
    sleep: Callable[[float], None] = time.sleep,
) -> Services:
    """Open the store and the keys and build every part. ``transport`` and ``clock`` are the tests' way in."""
    keys = configuration.key_directory
    store = Store(configuration.database_path)
    store.tidy(now=clock())
    directory = Directory(configuration.banks)
    vault = TokenVault(read_or_create_secret(keys / "tokens.key", Fernet.generate_key))
    identity = ClientIdentity(
        client_id=configuration.client_id,
        kid=configuration.client_kid,
        private_key_pem=configuration.client_key_pem,
        redirect_uri=configuration.redirect_uri,
    )

    def record(about: str, call: BankCall) -> None:
        logger.info(
            "bank %s %s -> %s %s ms=%s",
            call.method,
            call.path,
            call.status,
            call.request_id,
            call.milliseconds,
        )
        if about:
            store.add_bank_call(about, call)

    clients: dict[str, BankClient] = {}
    lock = threading.Lock()

    def bank_client(issuer: str) -> BankClient:
        with lock:
            if issuer not in clients:
                bank = directory.by_issuer(issuer)
                if bank is None:
                    raise LookupError(f"{issuer} is not in the bank directory any more")
                clients[issuer] = BankClient(
                    bank=bank, identity=identity, clock=clock, record=record, transport=transport
                )
            return clients[issuer]

    enrolments = Enrolments(
        store=store,
        vault=vault,
        directory=directory,
        bank_client=bank_client,
        redirect_uri=configuration.redirect_uri,
        clock=clock,
    )
    return Services(
        configuration=configuration,
        clock=clock,
        store=store,
        users=Users(store, clock),
        sso=SSO(
            private_key_pem=read_or_create_secret(keys / "sso.pem", make_signing_key),
            issuer=configuration.base_url,
            is_revoked=store.is_token_revoked,
            clock=clock,
        ),
        directory=directory,
        enrolments=enrolments,
        payments=Payments(
            store=store,
            directory=directory,
            enrolments=enrolments,
            bank_client=bank_client,
            return_uris=configuration.payment_return_uris,
            notification_uri=configuration.notification_uri,
            clock=clock,
            sleep=sleep,
        ),
    )
