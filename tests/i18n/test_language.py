"""Who reads which language: what a customer chose stays with them; a stranger reads what the browser asks for."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.identity.models import PSU, User
from apps.notifications.models import OutboxMessage
from apps.notifications.services import carry_out_message
from apps.sandbox.models import PhoneMessage
from apps.sca.tasks import send_code
from tests.portal.kit import Visitor, text_of
from tests.sca.test_messages import handler_of

SIGN_IN = "/sign-in/"


def language_of(response: HttpResponse) -> str:
    found = re.search(r'<html lang="([a-z-]+)"', text_of(response))
    assert found
    assert response.headers["Content-Language"] == found.group(1)
    return found.group(1)


def english_in(response: HttpResponse) -> list[str]:
    """Words of a page that give away an English sentence; code and samples aside."""
    words = re.sub(r"<(script|style|pre|code)\b.*?</\1>|<[^>]+>", " ", text_of(response), flags=re.DOTALL)
    return re.findall(r"\b(?:the|your|you|with|is|are|payee|sign)\b", words)


def last_sms() -> str:
    """Deliver what waits, and read the newest message."""
    for message in OutboxMessage.objects.filter(topic="sca.send_code", status="pending"):
        carry_out_message(message_id=message.pk, topic=message.topic, handler=handler_of(send_code))
    return PhoneMessage.objects.latest("id").text


class TestAStranger:
    @pytest.mark.parametrize(
        ("wanted", "given"),
        [
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.5", "de"),
            ("fr,de;q=0.4,en;q=0.2", "de"),
            ("en-GB", "en"),
            ("fr", "en"),
            ("*", "en"),
            ("", "en"),
            ("de;q=x,\x7f" + "a" * 600, "en"),
        ],
    )
    def test_reads_what_the_browser_asks_for(self, db: None, client: Client, wanted: str, given: str) -> None:
        response = client.get(SIGN_IN, headers={"Accept-Language": wanted})
        assert language_of(response) == given
        assert ("Benutzerkennung" in text_of(response)) is (given == "de")
        assert "Accept-Language" in response.headers["Vary"]

    def test_reads_what_they_chose_before(self, db: None, client: Client) -> None:
        client.post("/language/", {"language": "de", "next": SIGN_IN})
        assert language_of(client.get(SIGN_IN, headers={"Accept-Language": "en"})) == "de"

    @pytest.mark.parametrize("language", ["fr", "", "../de", "de\x00", "DE" * 50])
    def test_cannot_choose_what_the_bank_does_not_speak(
        self, db: None, client: Client, language: str
    ) -> None:
        response = client.post("/language/", {"language": language, "next": SIGN_IN})
        assert response.status_code == 303
        assert not response.cookies

    def test_reads_error_pages_in_the_same_language(self, db: None, client: Client) -> None:
        response = client.get("/no/such/page/", headers={"Accept-Language": "de"})
        assert (response.status_code, language_of(response)) == (404, "de")
        assert "Wir finden diese Seite nicht" in text_of(response)

    @pytest.mark.parametrize(
        "path",
        [
            *(SIGN_IN, "/help/", "/legal/", "/accessibility/", "/sandbox/", "/sandbox/clock/"),
            *("/developers/", "/developers/register/", "/developers/sign-in/", "/developers/reference/"),
            *("/developers/errors/", "/developers/errors/CONSENT_EXPIRED/", "/staff/login/"),
            *("/authorise/00000000-0000-4000-8000-000000000000/", "/oauth/authorize"),
        ],
    )
    def test_reads_every_door_in_german(self, db: None, client: Client, path: str) -> None:
        response = client.get(path, headers={"Accept-Language": "de"})
        assert language_of(response) == "de"
        assert english_in(response) == []

    def test_sees_each_language_under_its_own_name(self, db: None, client: Client) -> None:
        for wanted in ("de", "en"):
            page = text_of(client.get(SIGN_IN, headers={"Accept-Language": wanted}))
            assert ">English</button>" in page
            assert ">Deutsch</button>" in page


class TestACustomer:
    def test_keeps_the_chosen_language_on_every_device_and_in_messages(self, anna: PSU) -> None:
        first = Visitor()
        first.send_password(anna.user.username)
        assert "is your code to sign in" in last_sms()
        first.sign_in(anna)
        assert language_of(first.get("/home/")) == "en"

        first.post("/language/", language="de", next="/home/")
        assert User.objects.get(pk=anna.user_id).language == "de"
        assert language_of(first.get("/home/")) == "de"

        other = Visitor()  # Another browser, which asks for English.
        other.http.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        other.send_password(anna.user.username)
        assert "ist Ihr Code zum Anmelden" in last_sms()
        assert language_of(other.get("/sign-in/code/")) == "en", "nobody is known before the code"
        other.sign_in(anna)
        home = other.get("/home/")
        assert language_of(home) == "de"
        for words in ("Übersicht", "Gesamtguthaben", "1.000,00\u00a0€", "Verbundene Apps"):
            assert words in text_of(home)

    def test_approves_in_the_chosen_language(self, anna: PSU) -> None:
        User.objects.filter(pk=anna.user_id).update(language="de")
        anna.user.refresh_from_db()
        visitor = Visitor()
        visitor.sign_in(anna)
        payment = visitor.begin_payment(anna, amount="1.249,00")
        assert payment.amount_minor == 124_900
        page = text_of(visitor.get(f"/pay/{payment.pk}/sign/"))
        assert "1.249,00\u00a0€" in page
        assert "21. Nov. 2026" in page
        assert last_sms().startswith("Lindenbank: 1.249,00 € an Möbelhaus Kern GmbH, IBAN DE02 1203")

    @pytest.mark.parametrize("path", ["/home/", "/pay/", "/apps/", "/security/", "/help/", "/legal/"])
    def test_reads_every_page_in_german(self, anna: PSU, path: str) -> None:
        User.objects.filter(pk=anna.user_id).update(language="de")
        anna.user.refresh_from_db()
        visitor = Visitor()
        visitor.sign_in(anna)
        page = visitor.get(path)
        assert language_of(page) == "de"
        assert english_in(page) == []
