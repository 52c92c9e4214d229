"""``python -m examples.token --file token.json --picture shot.png``: what the token shows, then its digits."""

import argparse
import sys
from getpass import getpass
from pathlib import Path

from examples.token.device import Request, Token, TokenError


def main(arguments: list[str] | None = None) -> int:
    """0 when digits were shown, or the page was stopped; 1 with one sentence when not."""
    asked = _read_arguments(arguments)
    try:
        token = Token.from_file(asked.file)
        if asked.serve is not None:
            from examples.token.server import serve

            return serve(token, port=asked.serve)
        request = token.open(_request(asked))
        print("\n".join(_display(request)))
        print(f"\n{_digits(token, request, asked.pin)}")
    except TokenError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def grouped(digits: str) -> str:
    """As the display shows them: 1234 5678, and fourteen as 1234 5678 901 234."""
    return " ".join(filter(None, (digits[:4], digits[4:8], digits[8:11], digits[11:])))


def _read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.token", description="A token of the bank, in software."
    )
    parser.add_argument(
        "--file", type=Path, required=True, help="the token: what `manage.py make_tokens` has written"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--picture", type=Path, help="a screenshot or photograph of the page")
    what.add_argument("--text", help="the request as text, as it stands below the picture; - reads it")
    what.add_argument(
        "--serve",
        type=int,
        nargs="?",
        const=8200,
        metavar="PORT",
        help="a page on this machine instead (8200)",
    )
    parser.add_argument("--pin", help="asked for when it is not given")
    return parser.parse_args(arguments)


def _request(asked: argparse.Namespace) -> str | bytes:
    if asked.picture is None:
        return sys.stdin.read() if asked.text == "-" else str(asked.text)
    from examples.token.pictures import read_picture

    try:
        return read_picture(asked.picture.read_bytes())
    except OSError as error:
        raise TokenError(f"{asked.picture} cannot be read.") from error


def _display(request: Request) -> list[str]:
    return [request.bank, request.title, *(f"  {label}: {text}" for label, text in request.lines)]


def _digits(token: Token, request: Request, pin: str | None) -> str:
    if not request.asks_new_pin:
        return grouped(token.code(request, pin or getpass("PIN: ")))
    if pin is None:
        pin = getpass("Choose a PIN of six digits: ")
        if getpass("Again: ") != pin:
            raise TokenError("The two differ.")
    return grouped(token.new_pin(request, pin))


if __name__ == "__main__":
    sys.exit(main())
