"""Sign-in: two elements, one look for every failure, five tries, five minutes."""

import pytest
from django.conf import settings as django_settings

from apps.identity.models import PSU, User
from apps.notifications.models import OutboxMessage
from apps.sca.models import AuthenticationState, SMSDevice
from tests.factories.identity import PASSWORD, UserFactory
from tests.portal.kit import BankTime, Visitor, bad_code, code_for, last_challenge, seen, text_of

HOME, CODE = "/home/", "/sign-in/code/"


def is_signed_in(visitor: Visitor) -> bool:
    return visitor.get(HOME).status_code == 200


@pytest.mark.req("S0-23", "S0-24", "S0-25", "S1-1", "RTS-4(1)")
class TestTheWayIn:
    def test_takes_password_and_code(self, visitor: Visitor, anna: PSU) -> None:
        assert visitor.send_password(anna.user.username).headers["Location"] == CODE
        assert not is_signed_in(visitor)
        assert visitor.post(CODE, code=code_for(anna)).headers["Location"] == HOME
        assert is_signed_in(visitor)

    def test_the_code_goes_to_the_registered_phone(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(anna.user.username)
        message = OutboxMessage.objects.get(topic="sca.send_code")
        assert message.payload == {"challenge_id": str(last_challenge(anna).pk)}

    def test_case_and_blanks_of_the_user_id_do_not_matter(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(f"  {anna.user.username.upper()} ")
        assert visitor.post(CODE, code=f" {code_for(anna)[:3]} {code_for(anna)[3:]}").status_code == 303
        assert is_signed_in(visitor)

    def test_the_session_gets_a_new_name(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(anna.user.username)
        before = visitor.http.cookies[django_settings.SESSION_COOKIE_NAME].value
        visitor.post(CODE, code=code_for(anna))
        assert visitor.http.cookies[django_settings.SESSION_COOKIE_NAME].value != before

    def test_a_password_alone_opens_nothing(self, visitor: Visitor, anna: PSU) -> None:
        visitor.http.force_login(anna.user)
        assert visitor.get(HOME).headers["Location"].startswith("/sign-in/")

    @pytest.mark.parametrize("is_staff", [True, False])
    def test_only_customers_come_in(self, visitor: Visitor, is_staff: bool, db: None) -> None:
        user = UserFactory(is_staff=is_staff)
        visitor.http.force_login(user)
        assert not is_signed_in(visitor)
        visitor.send_password(user.username)
        assert last_challenge().user is None

    def test_the_last_sign_in_is_shown(self, visitor: Visitor, anna: PSU, bank_time: BankTime) -> None:
        visitor.sign_in(anna)
        bank_time.pass_(days=2)
        other = Visitor()
        other.sign_in(anna)
        assert "Last sign-in 21 Nov 2026, 13:00" in text_of(other.get(HOME))

    def test_who_is_signed_in_needs_no_sign_in(self, customer_anna: Visitor) -> None:
        for path in ("/", "/sign-in/", CODE):
            assert customer_anna.get(path).headers["Location"] == HOME

    @pytest.mark.parametrize("path", ["/", CODE])
    def test_a_stranger_begins_at_the_beginning(self, visitor: Visitor, db: None, path: str) -> None:
        assert visitor.get(path).headers["Location"] == "/sign-in/"
        assert visitor.post(CODE, code="123456").headers["Location"] == "/sign-in/"

    def test_paste_and_password_managers_are_welcome(self, visitor: Visitor, db: None) -> None:
        html = text_of(visitor.get("/sign-in/"))
        assert 'autocomplete="username"' in html
        assert 'autocomplete="current-password"' in html


@pytest.mark.req("N7", "RTS-4(3)(a)", "S0-5")
class TestEveryFailureLooksTheSame:
    """A right password with a wrong code is what every other way to fail is compared with."""

    def walk(self, user_id: str, password: str, code: str) -> list[tuple[object, ...]]:
        visitor = Visitor()
        answers = [visitor.send_password(user_id, password), visitor.get(CODE)]
        for _ in range(5):
            answers.append(visitor.post(CODE, code=code))
            answers.append(visitor.http.get(answers[-1].headers["Location"]))
        return [seen(answer) for answer in [*answers, visitor.get("/sign-in/")]]

    @pytest.fixture
    def wrong_code_only(self, bruno: PSU) -> list[tuple[object, ...]]:
        visitor = Visitor()
        visitor.send_password(bruno.user.username)
        # The same length as the others' user ids, and a code that nobody got.
        return self.walk(bruno.user.username, PASSWORD, bad_code(bruno))

    def test_unknown_user(self, wrong_code_only: list[tuple[object, ...]]) -> None:
        assert self.walk("nobody-123456", PASSWORD, "000000") == wrong_code_only

    def test_wrong_password(self, wrong_code_only: list[tuple[object, ...]], anna: PSU) -> None:
        assert self.walk(anna.user.username, "wrong horse battery", "000000") == wrong_code_only

    def test_a_member_of_staff(self, wrong_code_only: list[tuple[object, ...]]) -> None:
        assert self.walk(UserFactory(is_staff=True).username, PASSWORD, "000000") == wrong_code_only

    def test_a_customer_without_a_phone(self, wrong_code_only: list[tuple[object, ...]], anna: PSU) -> None:
        SMSDevice.objects.filter(user=anna.user).delete()
        assert self.walk(anna.user.username, PASSWORD, "000000") == wrong_code_only

    def test_a_customer_who_is_paused(self, wrong_code_only: list[tuple[object, ...]], bruno: PSU) -> None:
        assert AuthenticationState.objects.get(user=bruno.user).blocked_until is not None
        assert self.walk(bruno.user.username, PASSWORD, "000000") == wrong_code_only

    def test_wrong_passwords_before_the_right_one_do_not_show(
        self, wrong_code_only: list[tuple[object, ...]], anna: PSU
    ) -> None:
        for _ in range(3):
            Visitor().send_password(anna.user.username, "wrong horse battery")
        probe = Visitor()
        probe.send_password(anna.user.username)
        assert self.walk(anna.user.username, PASSWORD, bad_code(anna)) == wrong_code_only

    def test_a_decoy_sends_nothing(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(anna.user.username, "wrong horse battery")
        visitor.send_password("nobody")
        assert not OutboxMessage.objects.exists()

    def test_the_page_shows_no_phone_number(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(anna.user.username)
        assert anna.user.username not in text_of(visitor.get(CODE))
        assert "678" not in text_of(visitor.get(CODE))


@pytest.mark.req("S1-5", "S1-9", "S1-10", "RTS-4(3)(b)", "N6")
class TestTries:
    def test_after_five_wrong_codes_the_right_one_is_refused(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(anna.user.username)
        for _ in range(4):
            assert visitor.post(CODE, code=bad_code(anna)).headers["Location"] == f"{CODE}?failed"
        assert "This did not work" in text_of(visitor.get(CODE, failed=""))
        assert visitor.post(CODE, code=bad_code(anna)).headers["Location"] == "/sign-in/"
        assert visitor.post(CODE, code=code_for(anna)).headers["Location"] == "/sign-in/"
        assert "This did not work" in text_of(visitor.get("/sign-in/"))
        assert not is_signed_in(visitor)
        assert last_challenge(anna).status == "dead"

    def test_then_sign_in_is_paused_and_opens_again(
        self, visitor: Visitor, anna: PSU, bank_time: BankTime
    ) -> None:
        visitor.send_password(anna.user.username)
        for _ in range(5):
            visitor.post(CODE, code=bad_code(anna))
        assert OutboxMessage.objects.filter(topic="sca.send_block_notice").count() == 1
        visitor.send_password(anna.user.username)
        assert last_challenge().user is None
        bank_time.pass_(minutes=16)
        visitor.sign_in(anna)
        assert is_signed_in(visitor)

    def test_a_new_code_gives_no_new_tries(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(anna.user.username)
        for _ in range(3):
            visitor.post(CODE, code=bad_code(anna))
        visitor.post(f"{CODE}resend/")
        for _ in range(2):
            visitor.post(CODE, code=bad_code(anna))
        visitor.post(CODE, code=code_for(anna))
        assert not is_signed_in(visitor)

    @pytest.mark.parametrize(
        "typed", ["", "12345", "1234567", "12345a", "１２３４５６", "1234\n56", "x" * 5000]
    )
    def test_what_is_no_code_counts_for_nothing(self, visitor: Visitor, anna: PSU, typed: str) -> None:
        visitor.send_password(anna.user.username)
        for _ in range(6):
            answer = visitor.post(CODE, code=typed)
            assert answer.status_code == 200
            assert "six digits" in text_of(answer)
        visitor.post(CODE, code=code_for(anna))
        assert is_signed_in(visitor)

    @pytest.mark.req("S1-6", "S1-7")
    def test_a_code_that_is_too_old_is_refused(
        self, visitor: Visitor, anna: PSU, bank_time: BankTime
    ) -> None:
        visitor.send_password(anna.user.username)
        bank_time.pass_(seconds=django_settings.SCA_CODE_TTL_SECONDS)
        assert "too old" in text_of(visitor.get(CODE))
        visitor.post(CODE, code=code_for(anna))
        assert not is_signed_in(visitor)
        visitor.post(f"{CODE}resend/")
        visitor.post(CODE, code=code_for(anna))
        assert is_signed_in(visitor)

    def test_a_code_works_once(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(anna.user.username)
        twin, code = Visitor(), code_for(anna)
        twin.http.cookies = visitor.http.cookies.copy()
        visitor.post(CODE, code=code)
        twin.post(CODE, code=code)
        assert is_signed_in(visitor)
        assert not is_signed_in(twin)

    def test_a_replaced_code_is_void(self, visitor: Visitor, anna: PSU) -> None:
        visitor.send_password(anna.user.username)
        first = code_for(anna)
        visitor.post(f"{CODE}resend/")
        visitor.post(CODE, code=first)
        assert not is_signed_in(visitor)
        visitor.post(CODE, code=code_for(anna))
        assert is_signed_in(visitor)

    def test_codes_are_resent_a_few_times_only(self, visitor: Visitor, anna: PSU, settings) -> None:
        settings.SCA_SENDS_PER_10_MINUTES = 3
        visitor.send_password(anna.user.username)
        for _ in range(4):
            visitor.post(f"{CODE}resend/")
        assert OutboxMessage.objects.count() == 3
        assert "Send a new code" not in text_of(visitor.get(CODE))

    def test_a_code_for_a_payment_opens_no_session(self, visitor: Visitor, anna: PSU) -> None:
        signed_in = Visitor()
        signed_in.sign_in(anna)
        signed_in.begin_payment(anna)
        code = code_for(anna)
        visitor.send_password(anna.user.username)
        visitor.post(CODE, code=code)
        assert not is_signed_in(visitor)

    def test_an_address_cannot_send_passwords_without_end(
        self, visitor: Visitor, db: None, monkeypatch
    ) -> None:
        monkeypatch.setattr("apps.portal.guard._PASSWORDS_PER_ADDRESS", 2)
        for _ in range(2):
            assert visitor.send_password("nobody").status_code == 303
        answer = visitor.send_password("nobody")
        assert answer.status_code == 429
        assert "Too many attempts" in text_of(answer)


@pytest.mark.req("S0-3")
class TestWhereItLeads:
    @pytest.mark.parametrize(
        "wanted", ["/pay/", "/transactions/?q=rewe", "/apps/", "/pay/list/", "/security/"]
    )
    def test_to_the_page_that_was_asked_for(self, visitor: Visitor, anna: PSU, wanted: str) -> None:
        sign_in = visitor.get(wanted).headers["Location"]
        assert visitor.http.get(sign_in).context["next"] == wanted
        visitor.send_password(anna.user.username, next=wanted)
        assert visitor.post(CODE, code=code_for(anna)).headers["Location"] == wanted

    @pytest.mark.parametrize(
        "wanted",
        [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example/",
            "javascript:alert(1)",
            "/developers/",
            "/staff/",
            "/v1/accounts",
            "/sandbox/",
            "/sign-in/",
            "/sign-out/",
            "/pay/6f1e2a40-5a53-4b0e-8a51-58a5a1f2c9d1/cancel/",
            "/authorise/6f1e2a40-5a53-4b0e-8a51-58a5a1f2c9d1/",
            "/nowhere/",
            "home/",
            "\x00",
        ],
    )
    def test_and_nowhere_else(self, visitor: Visitor, anna: PSU, wanted: str) -> None:
        visitor.send_password(anna.user.username, next=wanted)
        assert visitor.post(CODE, code=code_for(anna)).headers["Location"] == HOME


@pytest.mark.req("S1-11", "S1-12", "RTS-4(3)(d)")
class TestTheSessionEnds:
    def test_after_five_minutes_without_an_action(self, customer_anna: Visitor, bank_time: BankTime) -> None:
        bank_time.pass_(seconds=298)
        assert is_signed_in(customer_anna)
        bank_time.pass_(seconds=298)
        assert is_signed_in(customer_anna)
        bank_time.pass_(seconds=301)
        answer = customer_anna.get(HOME)
        assert answer.headers["Location"] == "/sign-in/?next=%2Fhome%2F"
        assert "signed you out" in text_of(customer_anna.get("/sign-in/"))

    def test_a_page_that_asks_by_itself_is_no_action(
        self, customer_anna: Visitor, anna: PSU, bank_time: BankTime
    ) -> None:
        payment = customer_anna.begin_payment(anna)
        for _ in range(4):
            bank_time.pass_(minutes=2)
            status = customer_anna.http.get(f"/pay/{payment.pk}/status/", headers={"X-Background": "1"})
        assert status.status_code == 401
        assert not is_signed_in(customer_anna)

    def test_by_signing_out(self, customer_anna: Visitor) -> None:
        assert customer_anna.get("/sign-out/").status_code == 303
        assert is_signed_in(customer_anna)
        assert customer_anna.post("/sign-out/").headers["Location"] == "/sign-in/"
        assert not is_signed_in(customer_anna)

    def test_when_the_log_in_is_closed(self, customer_anna: Visitor, anna: PSU) -> None:
        User.objects.filter(pk=anna.user_id).update(is_active=False)
        assert not is_signed_in(customer_anna)

    def test_when_the_phone_is_no_longer_registered(self, customer_anna: Visitor, anna: PSU) -> None:
        SMSDevice.objects.filter(user=anna.user).delete()
        assert not is_signed_in(customer_anna)


def test_pages_speak_the_customers_language(visitor: Visitor, anna: PSU) -> None:
    User.objects.filter(pk=anna.user_id).update(language="de")
    visitor.sign_in(anna)
    assert '<html lang="de"' in text_of(visitor.get(HOME))


@pytest.mark.parametrize("path", ["/help/", "/accessibility/", "/legal/"])
def test_some_pages_are_for_everybody(visitor: Visitor, db: None, path: str) -> None:
    assert visitor.get(path).status_code == 200
