"""The app's eye in a real Chromium: pictures of the portal's page, from a camera and from a file, without a net, too;
and what it says when there is no camera, or nothing in the picture that is for it.

The camera is a file of frames that Chromium plays as one. ``BANK_PICTURES`` names a folder for pictures of the pages.
"""

import io
import random
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import segno
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apps.payments.models import PaymentInitiation
from apps.sca.device_protocol import to_text
from apps.sca.models import Challenge, SigningDevice
from apps.sca.services import seal_request
from tests import browser as tools
from tests.authenticator.test_in_a_browser import approve, base, begin_payment, bind, telephone
from tests.factories.accounts import customer
from tests.portal.test_in_a_browser import sign_in, submit
from tests.portal.test_later_in_a_browser import look
from tests.sca.apps import App
from tests.token.camera import SEEN, draw, on_page

__all__ = ["base"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDTH, HEIGHT = 960, 720


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the camera sees."""
    return tmp_path_factory.mktemp("camera") / "film.y4m"


@pytest.fixture(scope="module")
def running_browser(film: Path) -> Iterator[Browser]:
    show(film, Image.new("RGB", (WIDTH, HEIGHT), "gray"))
    browser = tools.launch(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    yield browser
    if browser.is_connected():
        browser.close()


def show(film: Path, picture: Image.Image) -> None:
    """Hold a picture before the camera: a film of ten frames (YUV4MPEG2)."""
    frame = Image.new("RGB", (WIDTH, HEIGHT), "gray")
    picture = picture.convert("RGB")
    picture.thumbnail((WIDTH - 40, HEIGHT - 40))
    frame.paste(picture, ((WIDTH - picture.width) // 2, (HEIGHT - picture.height) // 2))
    light, blue, red = frame.convert("YCbCr").split()
    half = (WIDTH // 2, HEIGHT // 2)
    planes = light.tobytes() + blue.resize(half).tobytes() + red.resize(half).tobytes()
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode()
    film.write_bytes(head + (b"FRAME\n" + planes) * 10)


def picture_on(tab: Page, *, number: int = 0) -> Image.Image:
    """A screenshot of a picture on the page."""
    figure = tab.locator(".qr-picture").nth(number)
    return Image.open(io.BytesIO(figure.screenshot()))


def file_of(picture: Image.Image) -> Any:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return {"name": "shot.png", "mimeType": "image/png", "buffer": out.getvalue()}


def qr(text: str) -> Image.Image:
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", scale=5)
    return Image.open(out)


def offline(pocket: BrowserContext, phone: Page) -> None:
    """The app was opened before, and has no net now."""
    phone.evaluate("navigator.serviceWorker.ready.then(() => true)")
    phone.reload()
    phone.evaluate("navigator.serviceWorker.ready.then(() => true)")
    pocket.set_offline(True)
    phone.reload()
    expect(phone.get_by_text("What waits appears as soon as there is one.")).to_be_visible()


@pytest.mark.slow
@pytest.mark.plays("picture", "payment")
@pytest.mark.req("S3-8", "S3-10", "S3-11", "S3-12", "S3-13")
def test_scanned_by_the_camera_without_a_net(running_browser: Browser, base: str, film: Path) -> None:
    anna = customer("Anna")
    with (
        closing(tools.new_context(running_browser, width=1366)) as desk,
        closing(telephone(running_browser)) as pocket,
    ):
        tab, phone = desk.new_page(), pocket.new_page()
        sign_in(tab, base, anna)
        bind(tab, phone, base, anna)
        offline(pocket, phone)
        begin_payment(tab, base)
        tab.get_by_text("Another way: read a picture").click()
        show(film, picture_on(tab))
        phone.get_by_role("button", name="Scan a picture").click()
        expect(phone.get_by_role("heading", name="Pay €25.00")).to_be_visible()
        expect(phone.get_by_text("DE02 1203 0000 0000 2020 51")).to_be_visible()
        assert phone.evaluate("document.querySelector('video').srcObject") is None  # The camera is off.
        approve(phone)
        expect(phone.get_by_role("heading", name="No connection: enter this code")).to_be_visible()
        tab.get_by_label("Code from").fill(phone.locator("[data-part=code]").inner_text())
        submit(tab, "Pay €25.00")
        assert PaymentInitiation.objects.get(psu=anna).transaction_status == "ACTC"
        assert Challenge.objects.latest("generated_at").method == "PHOTO_OTP"


@pytest.mark.slow
@pytest.mark.plays("picture", "change")
@pytest.mark.req("S3-6", "S3-8", "S3-11")
def test_read_from_a_file_and_what_is_not_for_it(running_browser: Browser, base: str, film: Path) -> None:
    anna = customer("Anna")
    with (
        closing(tools.new_context(running_browser, width=1366)) as desk,
        closing(telephone(running_browser)) as pocket,
    ):
        tab, phone = desk.new_page(), pocket.new_page()
        sign_in(tab, base, anna)
        device = bind(tab, phone, base, anna)
        show(film, Image.new("RGB", (WIDTH, HEIGHT), "gray"))
        phone.get_by_role("button", name="Scan a picture").click()
        expect(phone.locator("video")).to_be_visible()
        look(phone, "app-scan")
        field = phone.get_by_label("Or choose a picture")
        for picture, told in (
            (Image.new("RGB", (300, 300), "white"), "Nothing found in this picture"),
            (qr("https://example.test/#request=" + "A" * 200), "This is not from us"),
        ):
            field.set_input_files(file_of(picture))
            expect(phone.get_by_text(told)).to_be_visible()
        field.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
        expect(phone.get_by_text("Nothing found in this picture")).to_be_visible()
        look(phone, "app-scan-nothing")

        tab.goto(f"{base}/security/limits/")
        tab.get_by_label("Per payment").fill("15000")
        tab.get_by_label("Per day, all together").fill("30000")
        tools.press(tab, tab.locator("main form button[type=submit]").first)
        tab.get_by_text("Another way: read a picture").click()
        # The same request, sealed for another device.
        other, challenge = App(), Challenge.objects.latest("generated_at")
        theirs = seal_request(
            challenge=challenge, device=other.bind(customer("Bruno", phone="+4915100000002"))
        )
        field.set_input_files(file_of(qr(to_text(theirs.sealed))))
        expect(phone.get_by_role("status").get_by_text("This is not for this device")).to_be_visible()
        look(phone, "app-scan-not-for-me")
        tab.get_by_text("In black and white").first.click()
        field.set_input_files(file_of(picture_on(tab, number=1)))
        expect(phone.get_by_role("heading", name="New limits")).to_be_visible()
        approve(phone)
        expect(phone.get_by_role("heading", name="Approved")).to_be_visible()
        assert SigningDevice.objects.get(pk=device.pk).last_used_at is not None

        # What was over before it was scanned is said, too.
        phone.get_by_role("button", name="Done").click()
        phone.get_by_role("button", name="Scan a picture").click()
        begin_payment(tab, base)
        tab.get_by_text("Another way: read a picture").click()
        shot = file_of(picture_on(tab))
        Challenge.objects.filter(status="open").update(status="voided")
        field.set_input_files(shot)
        expect(phone.get_by_role("heading", name="Pay €25.00")).to_be_visible()
        approve(phone)
        expect(phone.get_by_role("heading", name="This waits no more")).to_be_visible()


def test_without_a_camera_it_says_so(running_browser: Browser, base: str) -> None:
    anna = customer("Anna")
    with (
        closing(tools.new_context(running_browser, width=1366)) as desk,
        closing(telephone(running_browser)) as pocket,
    ):
        tab, phone = desk.new_page(), pocket.new_page()
        sign_in(tab, base, anna)
        bind(tab, phone, base, anna)
        for error, told in (("NotAllowedError", "may not be used"), ("NotFoundError", "No camera")):
            phone.evaluate(
                "(name) => { navigator.mediaDevices.getUserMedia"
                " = () => Promise.reject(new DOMException('no', name)); }",
                error,
            )
            phone.get_by_role("button", name="Scan a picture").click()
            expect(phone.get_by_text(told)).to_be_visible()
            expect(phone.locator("video")).to_be_hidden()
            look(phone, f"app-scan-{error}")
            phone.get_by_role("button", name="Cancel").click()


@pytest.mark.slow
@pytest.mark.req("S3-10", "S3-11")
def test_the_apps_own_reader_of_colours(running_browser: Browser, base: str) -> None:
    """The reader in JavaScript, with the pictures that the token's reader has in tests/token."""
    data = random.Random(9).randbytes(450)
    damaged = draw(data, 6)
    ImageDraw.Draw(damaged).rectangle((60, 60, 330, 330), fill="gray")
    pictures = {name: see(data) for name, see in SEEN.items()}
    pictures |= {"damaged": on_page(damaged), "nothing": Image.new("RGB", (300, 200), "black")}
    with closing(telephone(running_browser)) as pocket:
        phone = pocket.new_page()
        phone.goto(base.replace("://", "://app."))
        for name, picture in pictures.items():
            read = phone.evaluate(
                """async (text) => {
                  const { readColours } = await import("/static/js/authenticator/colours.js");
                  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
                  const bitmap = await createImageBitmap(new Blob([bytes]));
                  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), drawn = canvas.getContext("2d");
                  drawn.drawImage(bitmap, 0, 0);
                  const found = readColours(drawn.getImageData(0, 0, bitmap.width, bitmap.height));
                  return found && [...found];
                }""",
                b64encode(file_of(picture)["buffer"]).decode(),
            )
            expected = None if name in ("damaged", "nothing") else list(data)
            assert read == expected, name


def test_only_the_apps_own_page_may_ask_for_the_camera(base: str, client: Any) -> None:
    app = client.get("/", headers={"host": "app.localhost"})
    assert "camera=(self)" in app.headers["Permissions-Policy"]
    portal = client.get("/sign-in/", headers={"host": "localhost"})
    assert "camera=()" in portal.headers["Permissions-Policy"]
