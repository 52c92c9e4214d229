"""The console in a real Chromium: strict CSP, axe, no overflow, and keys that are made in the browser."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.test import Client
from joserfc import jwk
from playwright.sync_api import Browser, BrowserContext, Page

from apps.console.programs import private_key_file
from apps.tpp.models import App
from apps.tpp.services import block_tpp
from tests import browser as tools
from tests.console.kit import NOW, PASSWORD, Member, make_app, make_company, make_member
from tests.console.test_registration import FORM
from tests.console.test_sign_in import CODE, SIGN_IN

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(1366, "light"), (320, "dark")]
LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenversicherungsverein"


@pytest.fixture
def visitor(running_browser: Browser, live_server: Any) -> Iterator[Any]:
    """Makes a window, of a member who is signed in or of a stranger."""
    contexts: list[BrowserContext] = []

    def make(member: Member | None = None, **look: Any) -> BrowserContext:
        context = tools.new_context(running_browser, **look)
        if member is not None:
            cookie = member.sign_in(Client()).cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
            )
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def look_at(live_server: Any) -> Any:
    """Opens a page and asserts that it is clean in every look; BANK_PICTURES=folder keeps pictures."""

    def look(page: Page, path: str, *, name: str, posted: bool = False) -> None:
        if not posted:
            page.goto(live_server.url + path)
        for width, scheme in LOOKS:
            tools.dress(page, width=width, scheme=scheme)
            tools.check_page(page)
            assert tools.small_targets(page) == [], (path, width)
            tools.shoot(page, f"console-{name}-{width}")

    return look


def test_pages_of_a_stranger_are_clean(visitor: Any, look_at: Any, live_server: Any) -> None:
    page = visitor().new_page()
    look_at(page, "/developers/", name="landing")
    look_at(page, "/developers/reference/", name="reference")
    look_at(page, "/developers/errors/", name="errors")
    look_at(page, "/developers/errors/CONSENT_INVALID/", name="error")
    look_at(page, "/developers/callback/?code=" + "x" * 43 + "&state=abc&iss=evil", name="callback")
    look_at(page, "/developers/sign-in/", name="sign-in")
    page.fill("[name=username]", "nobody.here")
    page.fill("[name=password]", "wrong")
    tools.press(page, page.get_by_role("button", name="Continue"))
    page.fill("[name=code]", "123456")
    tools.press(page, page.get_by_role("button", name="Sign in"))
    look_at(page, CODE, name="code-refused", posted=True)
    look_at(page, "/developers/register/", name="register")
    for field in ("username", "email", "password"):
        page.fill(f"[name={field}]", FORM[field])
    tools.press(page, page.get_by_role("button", name="Continue"))
    look_at(page, "", name="authenticator", posted=True)


def test_pages_of_a_member_are_clean(visitor: Any, look_at: Any) -> None:
    newcomer = make_member("jo.tester")
    page = visitor(newcomer).new_page()
    for path, name in (("", "overview-new"), ("apps/", "apps-empty"), ("company/new/", "company-new")):
        look_at(page, f"/developers/{path}", name=name)
    mara = make_member()
    company = make_company(mara, brand_name="Finanzblick", legal_name=LONG)
    app = make_app(
        company, name="Finanzblick Web", redirect_uris=[f"https://finanzblick.example/{'path/' * 20}"]
    )
    blocked = make_company(mara, brand_name=LONG[:70])
    locked_app = make_app(blocked, name=LONG[:70])
    block_tpp(tpp_id=blocked.pk, reason="Licence withdrawn by the authority", staff_id=mara.user.pk, now=NOW)
    page = visitor(mara).new_page()
    paths = {
        "": "overview",
        "company/": "company",
        "apps/": "apps",
        "apps/new/": "app-new",
        f"apps/{app.pk}/": "app",
        f"apps/{locked_app.pk}/": "app-blocked",
        f"apps/{app.pk}/redirect-uris/": "redirect-uris",
        f"apps/{app.pk}/keys/new/": "key-new",
        f"apps/{app.pk}/keys/{app.keys.get().pk}/retire/": "key-retire",
        f"apps/{app.pk}/first-call/": "first-call",
        "first-call/": "first-call-choice",
    }
    for path, name in paths.items():
        look_at(page, f"/developers/{path}", name=name)
    page.goto(page.url.replace("first-call/", f"apps/{app.pk}/redirect-uris/"))
    page.fill("[name=redirect_uris]", "http://finanzblick.example/" + "x" * 70 + "\nhttps://a.example/#x")
    tools.press(page, page.get_by_role("button", name="Save"))
    look_at(page, "", name="redirect-uris-refused", posted=True)


def test_a_key_made_in_the_browser_works_and_its_private_part_never_leaves(
    visitor: Any, live_server: Any, mara: Member, company: Any, tmp_path: Any
) -> None:
    app: App = make_app(company, with_key=False)
    page = visitor(mara).new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data or ''}"))
    page.goto(f"{live_server.url}/developers/apps/{app.pk}/keys/new/")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Make a key pair").click()
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    assert "saved in your downloads as " + file.name in page.get_by_role("status").last.inner_text()
    tools.press(page, page.get_by_role("button", name="Add the public key"))
    page.wait_for_url(f"**/developers/apps/{app.pk}/")
    key = app.keys.get()
    assert file.name == private_key_file(key.kid)
    private = load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert jwk.ECKey.import_key(file.read_text()).as_dict(private=False) | {"kid": 1} == key.jwk | {"kid": 1}
    assert key.kid == jwk.ECKey.import_key(key.jwk).thumbprint()
    secret = str(jwk.ECKey.import_key(file.read_text()).as_dict(private=True)["d"])
    assert not any(secret in request or "PRIVATE" in request for request in sent)
    assert tools.csp_violations(page) == []
    assert tools.console_errors(page) == []


def test_everything_but_key_making_works_without_javascript(
    running_browser: Browser, live_server: Any, mara: Member, company: Any
) -> None:
    context = running_browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(live_server.url + SIGN_IN + "?next=/developers/apps/new/")
    page.fill("[name=username]", mara.user.username)
    page.fill("[name=password]", PASSWORD)
    tools.press(page, page.get_by_role("button", name="Continue"))
    page.fill("[name=code]", mara.code())
    tools.press(page, page.get_by_role("button", name="Sign in"))
    page.fill("[name=name]", "Without scripts")
    tools.press(page, page.get_by_role("button", name="Register"))
    app = App.objects.get(name="Without scripts")
    assert page.url.endswith(f"/developers/apps/{app.pk}/keys/new/")
    assert page.get_by_role("button", name="Make a key pair").count() == 0
    assert page.get_by_text("This needs JavaScript").is_visible()
    context.close()


def test_the_console_can_be_used_by_keyboard(
    visitor: Any, live_server: Any, mara: Member, company: Any
) -> None:
    page = visitor(mara, width=390, height=700).new_page()
    page.goto(live_server.url + "/developers/apps/new/")
    page.focus("[name=name]")
    page.keyboard.type("Keyboard app")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/keys/new/")
    assert App.objects.filter(name="Keyboard app").exists()
