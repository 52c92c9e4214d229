"""Where a customer is signed in: seen on the security page, ended one by one; never another's."""

import re
from uuid import uuid4

import pytest

from apps.identity.models import PSU, Session
from apps.web.browsers import describe_browser
from tests.portal.kit import BankTime, Visitor, text_of
from tests.portal.test_races import count

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile Safari/604"
)


@pytest.fixture
def phone(anna: PSU) -> Visitor:
    """Anna's telephone, signed in from elsewhere."""
    phone = Visitor()
    phone.http.defaults.update(HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="198.51.100.77")
    phone.sign_in(anna)
    return phone


def ends(visitor: Visitor) -> list[str]:
    """The addresses of the buttons that end a session."""
    return re.findall(r'action="(/security/sessions/[0-9a-f-]{36}/end/)"', text_of(visitor.get("/security/")))


@pytest.mark.req("RTS-4(3)(c)", "S0-7")
class TestTheList:
    def test_tells_browsers_in_words_and_networks_only(self, customer_anna: Visitor, phone: Visitor) -> None:
        html = text_of(customer_anna.get("/security/"))
        assert "Safari, iPhone" in html
        assert "198.51.100.0/24" in html
        assert "198.51.100.77" not in html
        assert html.count("This one") == 1
        assert len(ends(customer_anna)) == 1

    def test_shows_no_cookie(self, customer_anna: Visitor, phone: Visitor) -> None:
        html = text_of(customer_anna.get("/security/"))
        keys = Session.objects.values_list("session_key", flat=True)
        assert len(keys) == 2
        assert not [key for key in keys if key in html]

    def test_leaves_out_who_did_nothing_for_five_minutes(
        self, customer_anna: Visitor, phone: Visitor, bank_time: BankTime
    ) -> None:
        bank_time.pass_(minutes=4)
        customer_anna.get("/home/")
        bank_time.pass_(minutes=2)
        assert ends(customer_anna) == []


@pytest.mark.req("RTS-4(3)(c)", "RTS-27", "S0-7")
class TestEnding:
    def test_holds_at_the_next_request_of_that_browser(self, customer_anna: Visitor, phone: Visitor) -> None:
        [end] = ends(customer_anna)
        assert customer_anna.post(end).headers["Location"] == "/security/"
        assert phone.get("/home/").status_code == 303
        assert customer_anna.get("/home/").status_code == 200
        assert count("identity.user.session_ended") == 1
        assert customer_anna.post(end).status_code == 404

    def test_of_anothers_is_not_found(self, phone: Visitor, bruno: PSU) -> None:
        other = Visitor()
        other.sign_in(bruno)
        mine = Session.objects.get(user=bruno.user)
        theirs = Session.objects.exclude(user=bruno.user).exclude(user=None).get()
        assert other.post(f"/security/sessions/{theirs.id}/end/").status_code == 404
        assert other.post(f"/security/sessions/{uuid4()}/end/").status_code == 404
        assert other.post(f"/security/sessions/{mine.id}/end/").status_code == 404  # That is the sign-out.
        assert phone.get("/home/").status_code == 200
        assert other.get("/home/").status_code == 200

    def test_all_others_at_once(self, customer_anna: Visitor, phone: Visitor) -> None:
        customer_anna.post("/security/sessions/end/")
        assert phone.get("/home/").status_code == 303
        assert customer_anna.get("/home/").status_code == 200
        assert ends(customer_anna) == []

    def test_needs_a_customer_and_its_token(self, customer_anna: Visitor, phone: Visitor) -> None:
        [end] = ends(customer_anna)
        assert Visitor().post(end).status_code == 303
        assert customer_anna.get(end).status_code == 405
        customer_anna.http.handler.enforce_csrf_checks = True
        assert customer_anna.post(end).status_code == 403
        assert phone.get("/home/").status_code == 200

    def test_a_sign_in_gives_the_session_a_new_name_and_one_row(self, visitor: Visitor, anna: PSU) -> None:
        visitor.sign_in(anna)
        first = Session.objects.get(user=anna.user)
        visitor.post("/sign-out/")
        visitor.sign_in(anna)
        second = Session.objects.get(user=anna.user)
        assert (first.id, first.session_key) != (second.id, second.session_key)


@pytest.mark.parametrize(
    ("agent", "words"),
    [(FIREFOX, "Firefox, Windows"), (IPHONE, "Safari, iPhone"), ("curl/8.1", ""), ("", "")],
)
def test_browsers_in_words(agent: str, words: str) -> None:
    assert describe_browser(agent) == words
