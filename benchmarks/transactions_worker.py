# ruff: noqa: N802, N815 (names as the contract spells them)
"""A process that answers the same list of transactions in two ways, in turns; prints requests per second as JSON.

Run by ``bench_transactions``: ``python -m benchmarks.transactions_worker ROUNDS REQUESTS``. Both ways are whole
requests through the bank's WSGI application: the interface's own view (token, consent, core user, recording of the
access, answer), and a stock one: the whole middleware, django-oauth-toolkit's authentication with its stock classes,
a ModelSerializer, the JSON renderer. The rows they give must be equal. The stock view checks no consent and records
nothing.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402
from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenHasScope  # noqa: E402
from oauth2_provider.settings import oauth2_settings  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402

from apps.ledger.models import Posting  # noqa: E402
from tests.xs2a.world import Enrolment, World  # noqa: E402

ROWS = 20
THREADS = 4  # As many as a web process of the bank has.


class Amount(serializers.Serializer):
    currency = serializers.CharField()
    amount = serializers.CharField()


class Balance(serializers.Serializer):
    balanceAmount = Amount()
    balanceType = serializers.CharField()


class StockTransaction(serializers.ModelSerializer):
    """A posting as the contract has it, with the means that the framework offers for it."""

    transactionId = serializers.CharField(source="id")
    entryReference = serializers.UUIDField(source="entry_id", format="hex")
    bookingDate = serializers.DateField(source="booking_date")
    valueDate = serializers.DateField(source="entry.value_date")
    transactionAmount = serializers.SerializerMethodField()
    creditorName = serializers.SerializerMethodField()
    creditorAccount = serializers.SerializerMethodField()
    debtorName = serializers.SerializerMethodField()
    debtorAccount = serializers.SerializerMethodField()
    endToEndId = serializers.CharField(source="entry.end_to_end_identification")
    remittanceInformationUnstructured = serializers.CharField(
        source="entry.remittance_information_unstructured"
    )
    balanceAfterTransaction = serializers.SerializerMethodField()
    _links = serializers.SerializerMethodField()

    class Meta:
        model = Posting
        fields = [
            *(
                "transactionId",
                "entryReference",
                "bookingDate",
                "valueDate",
                "transactionAmount",
                "creditorName",
            ),
            *(
                "creditorAccount",
                "debtorName",
                "debtorAccount",
                "endToEndId",
                "balanceAfterTransaction",
                "_links",
            ),
            "remittanceInformationUnstructured",
        ]

    def get_transactionAmount(self, row: Posting) -> Any:
        return Amount(
            self._amount(row, -row.amount_minor if row.direction == "DEBIT" else row.amount_minor)
        ).data

    def get_balanceAfterTransaction(self, row: Posting) -> Any:
        amount = self._amount(row, row.balance_after_minor or 0)
        return Balance({"balanceAmount": amount, "balanceType": "interimBooked"}).data

    def get_creditorName(self, row: Posting) -> str | None:
        return row.entry.creditor_name if row.direction == "DEBIT" else None

    def get_debtorName(self, row: Posting) -> str | None:
        return row.entry.debtor_name if row.direction == "CREDIT" else None

    def get_creditorAccount(self, row: Posting) -> dict[str, str] | None:
        return {"iban": row.entry.creditor_iban} if row.direction == "DEBIT" else None

    def get_debtorAccount(self, row: Posting) -> dict[str, str] | None:
        return {"iban": row.entry.debtor_iban} if row.direction == "CREDIT" else None

    def get__links(self, row: Posting) -> dict[str, Any]:
        account_id = self.context["view"].kwargs["account_id"]
        return {"transactionDetails": {"href": f"/v1/accounts/{account_id}/transactions/{row.pk}"}}

    def _amount(self, row: Posting, amount_minor: int) -> dict[str, str]:
        return {"currency": row.currency, "amount": f"{Decimal(amount_minor) / 100:.2f}"}

    def to_representation(self, row: Posting) -> dict[str, Any]:
        return {name: value for name, value in super().to_representation(row).items() if value is not None}


class StockTransactionList(generics.ListAPIView):
    """What one writes first."""

    authentication_classes = [OAuth2Authentication]
    permission_classes = [TokenHasScope]
    required_scopes = ["openid"]
    serializer_class = StockTransaction

    def get_queryset(self) -> Any:
        return (
            Posting.objects.filter(account__payment_account=self.kwargs["account_id"])
            .filter(booking_date__gte=self.request.query_params["dateFrom"])
            .select_related("entry")
            .order_by("-booking_date", "-id")
        )


urlpatterns = [
    path("", include("bankportal.urls")),
    path("stock/<uuid:account_id>", StockTransactionList.as_view()),
]


class Way:
    """One way to the list: a WSGI request that is made again and again."""

    def __init__(self, application: Any, url: str, token: str, consent_id: str) -> None:
        self._application = application
        address, _, query = url.partition("?")
        self._environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": address,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost:8000",
            "HTTP_ACCEPT": "application/json",
            "HTTP_AUTHORIZATION": f"Bearer {token}",
            "HTTP_CONSENT_ID": consent_id,
            "HTTP_PSU_IP_ADDRESS": "203.0.113.7",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
        }

    def call(self) -> tuple[str, bytes]:
        """One request: status line and body."""
        seen: list[str] = []
        environ = {**self._environ, "HTTP_X_REQUEST_ID": str(uuid4()), "wsgi.input": BytesIO()}
        response = self._application(environ, lambda status, headers, error=None: seen.append(status))
        body = b"".join(response)
        response.close()
        return seen[0], body

    def per_second(self, requests: int, *, threads: int) -> float:
        """How many requests a second one process answers with this many threads."""

        def work(count: int) -> None:
            for _ in range(count):
                self.call()
            connection.close()

        begun = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, [requests // threads] * threads))
        return requests / (time.perf_counter() - begun)


def prepare() -> Enrolment:
    """A customer with twenty bookings in the period asked for, and an app with her consent."""
    from tests.xs2a.test_transactions import book

    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    enrolment = World().enrol()
    for number in range(ROWS):
        book(
            enrolment.account,
            (100 + number) * (-1) ** number,
            day=timezone.localdate() - timedelta(days=number),
        )
    return enrolment


def main() -> None:
    rounds, requests = int(sys.argv[1]), int(sys.argv[2])
    enrolment = prepare()
    # From here on the library runs as it comes; the interface's own view does not ask it.
    settings.OAUTH2_PROVIDER = {"SCOPES": {"openid": "", f"AIS:{enrolment.consent_id}": ""}}
    oauth2_settings.reload()
    settings.ROOT_URLCONF = __name__
    application = get_wsgi_application()
    since = (timezone.localdate() - timedelta(days=ROWS)).isoformat()
    token, consent_id = enrolment.api.token, str(enrolment.consent_id)
    own = enrolment.path(f"/transactions?bookingStatus=booked&dateFrom={since}")
    ways = {
        "ours": Way(application, own, token, consent_id),
        "stock": Way(application, f"/stock/{enrolment.account.pk}?dateFrom={since}", token, consent_id),
    }
    answers: dict[str, Any] = {}
    for name, way in ways.items():
        status, body = way.call()
        if status != "200 OK":
            raise SystemExit(f"{name}: {status} {body[:500]!r}")
        answers[name] = json.loads(body)
        way.per_second(requests // 4, threads=1)
    if answers["ours"]["transactions"]["booked"] != answers["stock"] or len(answers["stock"]) != ROWS:
        raise SystemExit("the two ways do not give the same list")
    results: dict[str, list[float]] = {}
    for _ in range(rounds):
        for threads in (1, THREADS):
            for name, way in ways.items():
                speed = way.per_second(requests, threads=threads)
                results.setdefault(f"{name} {threads}", []).append(speed)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
