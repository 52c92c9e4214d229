"""The programs of the page First call are run as they stand there, against the bank over HTTP."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from io import StringIO
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from apps.consents.models import Consent
from apps.console.keys import parse_public_key
from apps.console.programs import configure, env_file, python_program
from apps.payments.models import PaymentInitiation
from apps.tpp.models import App
from apps.tpp.services import add_app_key
from tests.console.kit import NOW, P256_JWK, make_app, make_company
from tests.factories.accounts import bank_accounts, customer
from tests.factories.identity import PASSWORD as CUSTOMERS_PASSWORD
from tests.portal.kit import code_for, link_back

KEYS = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


def codes_on(response) -> dict[str, str]:
    """The code blocks of a page by their labels."""
    found = re.findall(
        r'<span id="[^"]+-label">([^<]*)</span>.*?<code id="[^"]+">(.*?)</code>',
        response.content.decode(),
        re.S,
    )
    return {unescape(label): unescape(text) for label, text in found}


@pytest.fixture
def bank(live_server, settings, tmp_path) -> str:
    """The bank's address, with signing keys of its own."""
    settings.PUBLIC_BASE_URL = live_server.url
    settings.OIDC_SIGNING_KEYS_DIR = str(tmp_path / "oidc")
    call_command("rotate_oidc_key", stdout=StringIO())
    return str(live_server.url)


def app_with_key(company, folder: Path, *, algorithm: str = "ES256") -> App:
    """An app whose private key lies where the configuration says."""
    private = KEYS[algorithm]()
    app = make_app(company, with_key=False, redirect_uris=["https://finanzblick.example/callback"])
    page_uri = f"{settings.PUBLIC_BASE_URL}/developers/callback/"
    App.objects.filter(pk=app.pk).update(redirect_uris=[*app.redirect_uris, page_uri])
    app.refresh_from_db()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = add_app_key(app_id=app.pk, jwk=parse_public_key(public.decode()), member_id=None, now=NOW)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / configure(app=app, key=key).private_key_file).write_bytes(pem)
    return app


@contextmanager
def running(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    (folder / "first_call.py").write_text(program, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-u", "-W", "ignore", "first_call.py"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read_until(stream: IO[str], start: str) -> str:
    """The first line that begins with ``start``; what came instead, if it never comes."""
    seen = []
    for line in stream:
        if line.startswith(start):
            return line.strip()
        seen.append(line)
    raise AssertionError("".join(seen))


def say(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()


def allow(address: str, psu) -> str:
    """What the customer does in the browser; returns where the bank sends the browser back to."""
    browser = Client()
    parts = urlsplit(address)
    path = parts.path
    response = browser.get(f"{path}?{parts.query}")
    while response.status_code in (302, 303):
        path = urlsplit(response.url).path
        response = browser.get(path)
    browser.post(path, {"user_id": psu.user.username, "password": CUSTOMERS_PASSWORD})
    browser.post(f"{path}code/", {"code": code_for(psu)})
    confirm = browser.get(f"{path}confirm/")
    if confirm.status_code == 200:
        accounts = re.findall(r'name="accounts" value="([^"]+)"', confirm.content.decode())
        browser.post(f"{path}confirm/", {"accounts": accounts})
    done = browser.get(f"{path}done/")
    return link_back(done)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("algorithm", KEYS)
def test_the_python_program_reads_a_customers_accounts(bank, page, company, tmp_path, algorithm):
    anna = customer()
    app = app_with_key(company, tmp_path, algorithm=algorithm)
    program = codes_on(page.get(f"/developers/apps/{app.pk}/first-call/"))["Python: first_call.py"]
    with running(program, tmp_path) as process:
        address = read_until(process.stdout, bank)
        assert Consent.objects.get().app == app
        answer = allow(address, anna)
        assert answer.startswith(f"{bank}/developers/callback/?")
        shown = Client().get(answer.removeprefix(bank)).content.decode()
        assert parse_qs(urlsplit(answer).query)["code"][0] in shown
        say(process, answer)
        assert anna.account.iban in read_until(process.stdout, "5.")
        assert process.wait(timeout=20) == 0


@pytest.mark.django_db(transaction=True)
def test_the_curl_program_gets_as_far_as_the_customers_part(bank, page, company, tmp_path):
    app = app_with_key(company, tmp_path)
    program = codes_on(page.get(f"/developers/apps/{app.pk}/first-call/"))["Shell: first_call.sh"]
    done = subprocess.run(
        ["bash", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    consent = Consent.objects.get()
    assert f"Consent: {consent.pk}" in done.stdout
    address = next(line for line in done.stdout.splitlines() if line.startswith(bank))
    assert parse_qs(urlsplit(address).query)["scope"] == [f"openid AIS:{consent.pk}"]
    assert Client().get(address.removeprefix(bank)).status_code == 303


@pytest.mark.django_db(transaction=True)
def test_the_payment_program_gets_a_payment_approved(bank, page, company, tmp_path):
    bank_accounts()
    anna = customer()
    app = app_with_key(company, tmp_path)
    program = codes_on(page.get(f"/developers/apps/{app.pk}/first-call/"))["Python: first_payment.py"]
    with running(program, tmp_path) as process:
        say(process, anna.account.iban)
        address = read_until(process.stdout, bank)
        payment = PaymentInitiation.objects.get()
        assert payment.app == app
        allow(address, anna)
        say(process, "")
        assert "ACTC" in read_until(process.stdout, "   Then press Enter. 4.")
        assert process.wait(timeout=20) == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kid", ["$(touch broken)", "'; touch broken; '", '"\nimport os\n"', "`touch broken`", "a'b\"c"]
)
def test_no_value_of_the_developers_becomes_code(company, tmp_path, kid):
    """A key ID can only come with these signs past the form, but then it still is a value."""
    app = make_app(company, with_key=False)
    app.keys.create(kid=kid, jwk=P256_JWK, added_at=NOW)
    configuration = configure(app=app, key=app.keys.get())
    lines = env_file(configuration)
    assert shlex.split(lines, comments=False)[2] == f"KID={kid}"
    done = subprocess.run(
        ["bash", "-c", f'{lines}\nprintf %s "$KID"'], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == kid
    assert not list(tmp_path.iterdir())
    head = python_program(configuration, name="account_information").split("# ----")[0]
    names: dict[str, str] = {}
    exec(compile(head, "head", "exec"), names)  # noqa: S102
    assert names["KID"] == kid


@pytest.mark.django_db
def test_what_is_shown_follows_the_roles(page, mara):
    seen = {}
    for roles in (["AISP"], ["PISP"], ["AISP", "PISP"], ["PIISP"], []):
        app = make_app(make_company(mara, roles=roles))
        response = page.get(f"/developers/apps/{app.pk}/first-call/")
        seen[tuple(roles)] = {"Python: first_call.py", "Python: first_payment.py"} & codes_on(response).keys()
        assert ("Nothing to call yet" in response.content.decode()) == (not seen[tuple(roles)])
    assert seen[("AISP",)] == {"Python: first_call.py"}
    assert seen[("PISP",)] == {"Python: first_payment.py"}
    assert len(seen[("AISP", "PISP")]) == 2


@pytest.mark.django_db
class TestTheWayThere:
    def test_leads_from_company_to_app_to_key(self, page, mara):
        def next_step() -> str:
            return str(page.get("/developers/").context["next_step"].url)

        assert next_step() == "/developers/company/new/"
        company = make_company(mara)
        assert next_step() == "/developers/apps/new/"
        app = make_app(company, with_key=False, redirect_uris=[])
        assert next_step() == f"/developers/apps/{app.pk}/redirect-uris/"
        App.objects.update(redirect_uris=["https://a.example/"])
        assert next_step() == f"/developers/apps/{app.pk}/keys/new/"
        add_app_key(app_id=app.pk, jwk=P256_JWK, member_id=None, now=NOW)
        assert next_step() == f"/developers/apps/{app.pk}/first-call/"

    def test_with_one_app_there_is_nothing_to_choose(self, page, app):
        assert page.get("/developers/first-call/").url == f"/developers/apps/{app.pk}/first-call/"
        make_app(app.tpp)
        assert page.get("/developers/first-call/").status_code == 200

    def test_an_app_without_redirect_uri_says_so(self, page, company):
        app = make_app(company, redirect_uris=[])
        assert "no redirect URI" in page.get(f"/developers/apps/{app.pk}/first-call/").content.decode()


@pytest.mark.django_db
class TestTheAnswerPage:
    def test_shows_what_came_as_text(self, client):
        html = client.get(
            "/developers/callback/", {"code": "<script>alert(1)</script>", "iss": "http://localhost:8000"}
        )
        assert "<script>alert" not in html.content.decode()
        assert "another issuer" not in html.content.decode()

    def test_warns_of_another_issuer_and_tells_errors(self, client):
        html = client.get(
            "/developers/callback/", {"error": "access_denied", "iss": "https://evil.example"}
        ).content.decode()
        assert "another issuer" in html
        assert "did not allow it" in html

    def test_is_not_there_in_production(self, client, settings):
        settings.SANDBOX = False
        assert client.get("/developers/callback/").status_code == 404
