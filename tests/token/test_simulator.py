"""The token's simulator as a program: pictures and text in, lines and digits out, and what it says when it cannot."""

import io
import json
import re
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import segno
from PIL import Image

from apps.core.canonical import canonical_json
from apps.sca.device_protocol import (
    keys_for_token,
    read_new_pin,
    seal_for_app,
    seal_for_token,
    short_code,
    to_text,
    token_pin_key,
)
from examples.token.__main__ import main
from examples.token.device import Token, TokenError
from examples.token.pictures import read_picture
from examples.token.server import Desk
from tests.sca.apps import App, point

PIN, KEY, CHALLENGE = "274951", bytes(range(32)), uuid4()
SHOWN = {
    "bank": "Demo Bank",
    "language": "de",
    "title": "25,00 € zahlen",
    "lines": [["Empfänger", "Möbelhaus Kern GmbH"], ["IBAN", "DE02 1203 0000 0000 2020 51"]],
}


def content(**more: Any) -> bytes:
    return bytes(32) + canonical_json(SHOWN | more)


def request(**more: Any) -> bytes:
    return seal_for_token(content(**more), token_key=KEY, challenge_id=CHALLENGE)


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def qr(text: str) -> Image.Image:
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", scale=4)
    return Image.open(out).convert("RGB")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    said = {"format": "bankportal.token.v1", "serial_number": "4711000001", "key": to_text(KEY)}
    path = tmp_path / "token.json"
    path.write_text(json.dumps(said))
    return path


@pytest.mark.req("S3-11", "S3-12", "S3-13")
class TestTheDevice:
    def test_says_what_the_bank_computes(self) -> None:
        token, keys = Token("4711000001", KEY), keys_for_token(token_key=KEY, challenge_id=CHALLENGE)
        opened = token.open(to_text(request()))
        assert (opened.title, opened.lines[0]) == ("25,00 € zahlen", ("Empfänger", "Möbelhaus Kern GmbH"))
        pin_key = token_pin_key(token_key=KEY, pin=PIN)
        assert token.code(opened, PIN) == short_code(keys=keys, pin_key=pin_key, content=content())

    def test_hides_its_new_pin_from_whoever_sees_the_digits(self) -> None:
        token, keys = Token("4711000001", KEY), keys_for_token(token_key=KEY, challenge_id=CHALLENGE)
        opened = token.open(request(asks="new_pin"))
        digits = token.new_pin(opened, PIN)
        assert read_new_pin(keys=keys, code=digits[:8], hidden=digits[8:]) == PIN
        # No two PINs under one pad: what two have in common does not show.
        other = token.new_pin(opened, "274952")
        assert (int(other[8:]) - int(digits[8:])) % 10**6 != 1
        with pytest.raises(TokenError):
            token.new_pin(token.open(request()), PIN)

    @pytest.mark.parametrize("pin", ["", "12345", "1234567", "１２３４５６", "abcdef"])
    def test_takes_six_digits_for_a_pin(self, pin: str) -> None:
        token = Token("4711000001", KEY)
        with pytest.raises(TokenError):
            token.code(token.open(request()), pin)

    def test_opens_nothing_else(self) -> None:
        token, whole = Token("4711000001", KEY), request()
        for place in (0, 1, 17, len(whole) - 1):
            bent = bytearray(whole)
            bent[place] ^= 4
            with pytest.raises(TokenError):
                token.open(bytes(bent))
        apps = App()
        bound = seal_for_app(
            content(),
            own=apps.signing,
            agreement_key=point(apps.agreement),
            challenge_id=CHALLENGE,
        )
        with pytest.raises(TokenError, match="app"):
            token.open(bound)
        for bad in (b"", b"\x02", "", "ä", "Hello", "https://example.test/", to_text(b"\x02" + bytes(200))):
            with pytest.raises(TokenError):
                token.open(bad)


class TestTheProgram:
    def test_reads_a_picture(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        picture = file.with_name("shot.png")
        picture.write_bytes(png(qr(to_text(request())).rotate(7, expand=True, fillcolor="white")))
        assert main(["--file", str(file), "--picture", str(picture), "--pin", PIN]) == 0
        shown = capsys.readouterr().out
        assert "25,00 € zahlen" in shown
        assert "DE02 1203 0000 0000 2020 51" in shown
        assert re.search(r"^[0-9]{4} [0-9]{4}$", shown, re.M)

    def test_reads_text(
        self, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = to_text(request())
        assert main(["--file", str(file), "--text", f"{text[:40]}\n {text[40:]}", "--pin", PIN]) == 0
        first = capsys.readouterr().out
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert main(["--file", str(file), "--text", "-", "--pin", PIN]) == 0
        assert capsys.readouterr().out == first

    def test_asks_for_a_new_pin_twice(
        self, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        typed = iter([PIN, PIN, PIN, "274952"])
        monkeypatch.setattr("examples.token.__main__.getpass", lambda _prompt: next(typed))
        asked = ["--file", str(file), "--text", to_text(request(asks="new_pin"))]
        assert main(asked) == 0
        assert re.search(r"^[0-9]{4} [0-9]{4} [0-9]{3} [0-9]{3}$", capsys.readouterr().out, re.M)
        assert main(asked) == 1
        assert "differ" in capsys.readouterr().err

    def test_says_what_is_wrong(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        empty = file.with_name("empty.png")
        empty.write_bytes(png(Image.new("RGB", (200, 200), "white")))
        foreign = file.with_name("foreign.png")
        foreign.write_bytes(png(qr("https://example.test/#request=AgAA")))
        no_token = file.with_name("no-token.json")
        no_token.write_text("{}")
        for arguments in (
            ["--file", str(file), "--picture", str(empty)],
            ["--file", str(file), "--picture", str(foreign)],
            ["--file", str(file), "--picture", str(file)],
            ["--file", str(file), "--picture", str(file.with_name("none.png"))],
            ["--file", str(no_token), "--text", to_text(request())],
            ["--file", str(file), "--text", "x"],
        ):
            assert main([*arguments, "--pin", PIN]) == 1
            out = capsys.readouterr()
            assert out.err.count("\n") == 1
            assert not out.out


class TestThePage:
    @pytest.fixture
    def desk(self) -> Iterator[Desk]:
        desk = Desk(Token("4711000001", KEY), port=0)
        thread = threading.Thread(target=desk.serve_forever)
        thread.start()
        yield desk
        desk.shutdown()
        desk.server_close()
        thread.join()

    @staticmethod
    def ask(
        desk: Desk, path: str, body: bytes, kind: str = "application/json", host: str = ""
    ) -> tuple[int, Any]:
        line = HTTPConnection("127.0.0.1", desk.server_port, timeout=10)
        headers = {"Content-Type": kind, "Host": host or f"127.0.0.1:{desk.server_port}"}
        line.request("POST", path, body=body, headers=headers)
        answer = line.getresponse()
        said = answer.read()
        return answer.status, json.loads(said) if answer.status == 200 else said

    def test_from_the_picture_to_the_digits(self, desk: Desk) -> None:
        _, said = self.ask(desk, "/picture", png(qr(to_text(request()))), "application/octet-stream")
        assert said["title"] == "25,00 € zahlen"
        _, digits = self.ask(desk, "/digits", json.dumps({"text": said["text"], "pin": PIN}).encode())
        token = desk.token
        assert digits == {"digits": token.code(token.open(request()), PIN)}
        _, said = self.ask(desk, "/text", json.dumps({"text": "nonsense"}).encode())
        assert "no request" in said["error"]

    def test_serves_nobody_else(self, desk: Desk) -> None:
        body = json.dumps({"text": to_text(request())}).encode()
        assert desk.server_address[0] == "127.0.0.1"
        assert self.ask(desk, "/text", body, host="evil.test")[0] == 400
        assert self.ask(desk, "/text", body, kind="text/plain")[0] == 404
        assert self.ask(desk, "/text", b"[]")[0] == 400
        assert self.ask(desk, "/other", body)[0] == 404

    def test_its_files(self, desk: Desk) -> None:
        for path, status in (("/", 200), ("/page.js", 200), ("/page.css", 200), ("/../device.py", 404)):
            line = HTTPConnection("127.0.0.1", desk.server_port, timeout=10)
            line.request("GET", path)
            answer = line.getresponse()
            answer.read()
            assert answer.status == status
            if status == 200:
                assert "default-src 'none'" in (answer.headers["Content-Security-Policy"] or "")


def test_it_knows_nothing_of_the_bank() -> None:
    for path in Path(read_picture.__code__.co_filename).parent.glob("*.py"):
        assert not re.search(r"^\s*(from|import) (apps|bankportal|django)", path.read_text(), re.M), path
