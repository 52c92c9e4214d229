"""The list of transactions as camt.053 and MT940, by the Accept header."""

from datetime import date, timedelta
from pathlib import Path

import mt940
import pytest
from django.utils import timezone
from lxml import etree

from apps.consents.models import ConsentAccess
from apps.statements.rules import StatementFormat
from apps.statements.writers.camt053 import NAMESPACE
from apps.xs2a.negotiation import JSONOrReport
from apps.xs2a.refusals import RequestedFormatsInvalid
from tests.xs2a.bank_clock import BankClock
from tests.xs2a.kit import API, NOT_THERE, PSU_IP
from tests.xs2a.test_transactions import book
from tests.xs2a.world import World

SCHEMA = Path(__file__).resolve().parents[2] / "docs/reference/contract/iso20022" / "camt.053.001.08.xsd"
BOOKED = "/transactions?bookingStatus=booked&dateFrom=2026-11-01&dateTo=2026-11-20"
XML, TEXT = "application/xml", "text/plain"


def entries(answer) -> list[etree._Element]:
    document = etree.fromstring(answer.body.encode())
    schema = etree.XMLSchema(file=str(SCHEMA))
    assert schema.validate(document), schema.error_log
    return document.findall(f".//{{{NAMESPACE}}}Ntry")


def test_camt053_says_what_the_json_list_says(world: World):
    enrolment = world.enrol()
    book(enrolment.account, -2490)
    book(enrolment.account, 150_000, day=date(2026, 11, 2), name="Arbeitgeber AG", text="Salary")
    listed = enrolment.api.get(enrolment.path(BOOKED), PSU_IP_Address=PSU_IP).body["transactions"]["booked"]
    answer = enrolment.api.get(enrolment.path(BOOKED), Accept=XML, PSU_IP_Address=PSU_IP)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == XML
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Disposition" not in answer.headers
    found = entries(answer)
    name = f"{{{NAMESPACE}}}"
    assert [entry.findtext(f"{name}NtryRef") for entry in found] == [
        row["entryReference"] for row in reversed(listed)
    ]
    assert [entry.findtext(f"{name}AcctSvcrRef") for entry in found] == [
        row["transactionId"] for row in reversed(listed)
    ]


def test_mt940_is_read_back_with_the_same_figures(world: World):
    enrolment = world.enrol()
    book(enrolment.account, -2490)
    answer = enrolment.api.get(enrolment.path(BOOKED), Accept=TEXT, PSU_IP_Address=PSU_IP)
    assert (answer.status, answer.headers["Content-Type"]) == (200, TEXT)
    parsed = mt940.parse(answer.body)
    assert [str(row.data["amount"].amount) for row in parsed][-1] == "-24.90"
    assert parsed.data["account_identification"] == enrolment.account.iban


def test_a_period_up_to_now_closes_with_an_interim_balance(world: World):
    enrolment = world.enrol()
    since = "/transactions?bookingStatus=booked&dateFrom=2026-11-01"
    answer = enrolment.api.get(enrolment.path(since), Accept=XML, PSU_IP_Address=PSU_IP)
    assert "<Cd>ITBD</Cd>" in answer.body


def test_a_period_longer_than_the_account_s_life_is_cut_to_it(world: World):
    enrolment = world.enrol()
    opened = timezone.localdate() - timedelta(days=200)
    enrolment.account.opened_date = opened
    enrolment.account.save(update_fields=["opened_date"])
    since = "/transactions?bookingStatus=booked&dateFrom=2010-01-01&dateTo=2099-12-31"
    answer = enrolment.api.get(enrolment.path(since), Accept=XML, PSU_IP_Address=PSU_IP)
    assert answer.status == 200, answer.body
    assert f"<FrDtTm>{opened:%Y-%m}-01T00:00:00</FrDtTm>" in answer.body
    assert f"<ToDtTm>{timezone.localdate()}T23:59:59</ToDtTm>" in answer.body


class TestRefusals:
    def refused(self, enrolment, query: str, accept: str = XML) -> tuple[int, str]:
        answer = enrolment.api.get(enrolment.path(query), Accept=accept, PSU_IP_Address=PSU_IP)
        assert answer.headers["Content-Type"] == "application/json"
        return answer.refusal

    @pytest.mark.parametrize("accept", [XML, TEXT])
    @pytest.mark.parametrize(
        ("query", "refusal"),
        [
            ("bookingStatus=pending&dateFrom=2026-11-01", (400, "PARAMETER_NOT_CONSISTENT")),
            ("bookingStatus=both&dateFrom=2026-11-01", (400, "PARAMETER_NOT_CONSISTENT")),
            ("bookingStatus=booked&dateFrom=2026-11-01&page=abc", (400, "PARAMETER_NOT_CONSISTENT")),
            ("bookingStatus=booked", (400, "FORMAT_ERROR")),
            ("bookingStatus=booked&dateFrom=2026-11-31", (400, "FORMAT_ERROR")),
            ("bookingStatus=booked&dateFrom=2026-11-02&dateTo=2026-11-01", (400, "PERIOD_INVALID")),
            ("bookingStatus=booked&dateFrom=2099-01-01", (400, "PERIOD_INVALID")),
            ("bookingStatus=booked&dateFrom=2024-01-01", (400, "PERIOD_INVALID")),
        ],
    )
    def test_what_cannot_be_reported_is_refused_and_not_counted(
        self, world: World, query: str, refusal: tuple[int, str], accept: str
    ):
        enrolment = world.enrol()
        assert self.refused(enrolment, f"/transactions?{query}", accept) == refusal
        assert not ConsentAccess.objects.exists()

    def test_without_the_right_to_see_balances_there_is_none(self, world: World):
        references = [{"iban": world.anna.account.iban}]
        enrolment = world.enrol(access={"accounts": references, "transactions": references})
        assert self.refused(enrolment, BOOKED) == (401, "CONSENT_INVALID")
        json_list = enrolment.api.get(enrolment.path(BOOKED), PSU_IP_Address=PSU_IP)
        assert json_list.status == 200

    def test_another_s_account_and_no_account_look_the_same(self, world: World):
        enrolment = world.enrol()
        for account_id in (NOT_THERE, str(world.bruno.account.pk)):
            answer = enrolment.api.get(
                f"/v1/accounts/{account_id}{BOOKED}", Accept=XML, PSU_IP_Address=PSU_IP
            )
            assert answer.refusal == (404, "RESOURCE_UNKNOWN")

    def test_nobody_without_a_token(self, world: World):
        assert API().get(f"/v1/accounts/{world.anna.account.pk}{BOOKED}", Accept=XML).status == 401

    def test_an_access_without_the_customer_is_counted_like_any_other(self, world: World):
        enrolment = world.enrol()
        statuses = [enrolment.api.get(enrolment.path(BOOKED), Accept=XML).status for _ in range(4)]
        assert statuses == [200] * 4
        assert enrolment.api.get(enrolment.path(BOOKED)).refusal == (429, "ACCESS_EXCEEDED")

    def test_bookings_of_long_ago_only_shortly_after_the_authorisation(
        self, world: World, bank_clock: BankClock
    ):
        enrolment = world.enrol()
        bank_clock.move(hours=2)
        world.refresh(enrolment)
        assert self.refused(enrolment, "/transactions?bookingStatus=booked&dateFrom=2026-02-01") == (
            400,
            "PERIOD_INVALID",
        )


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json, application/xml", "application/json"),
        ("application/xml", XML),
        ("Application/XML; charset=utf-8", XML),
        ("text/plain", TEXT),
        ("text/*", TEXT),
        ("application/json;q=0.5, application/xml", XML),
        ("application/json;q=0, */*;q=0.1", XML),
        ("application/*;q=0.2, text/plain;q=0.3", TEXT),
        ("application/json; q=0.500, text/plain; q=0.4", "application/json"),
    ],
)
def test_the_form_that_is_wanted_most_is_chosen(rf, header: str, chosen: str):
    request = rf.get("/", headers={"Accept": header} if header else {})
    assert JSONOrReport().select_renderer(request, [None])[1] == chosen


@pytest.mark.parametrize(
    "header", ["text/html", "application/json;q=0", "image/*", "*/*;q=0", "application/pdf"]
)
def test_what_is_not_offered_is_refused(rf, header: str):
    with pytest.raises(RequestedFormatsInvalid):
        JSONOrReport().select_renderer(rf.get("/", headers={"Accept": header}), [None])


def test_only_these_two_formats_are_for_programs_of_others():
    from apps.xs2a.negotiation import REPORT_FORMATS

    assert set(REPORT_FORMATS.values()) == {StatementFormat.CAMT053, StatementFormat.MT940}
