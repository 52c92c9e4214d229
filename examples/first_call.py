"""A first call to the bank's interface for TPPs: ``.venv/bin/python examples/first_call.py`` beside ``make run``.

Takes the sandbox's account-information company from ``var/sandbox.json``, gets a token for its app, asks for a
consent, and prints what came back. Uses nothing of the bank's code.
"""

import json
import os
import sys
import time
import uuid
from datetime import date, timedelta
from pathlib import Path

import httpx
from joserfc import jwk, jwt

SANDBOX_FILE = Path(os.environ.get("BANK_VAR_DIR", "var")) / "sandbox.json"


def show(answer: httpx.Response) -> dict[str, object]:
    """Print a call and its answer; end at the first that failed."""
    sys.stdout.write(f"\n{answer.request.method} {answer.request.url.path} -> {answer.status_code}\n")
    content: dict[str, object] = answer.json()
    shown = {k: f"{v[:12]}…" if k.endswith("_token") and isinstance(v, str) else v for k, v in content.items()}
    sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
    if answer.is_error:
        raise SystemExit(1)
    return content


def main() -> None:
    """Token, consent, and the address for the customer."""
    if not SANDBOX_FILE.is_file():
        raise SystemExit(f"{SANDBOX_FILE} is not there: start the bank first (make run).")
    sandbox = json.loads(SANDBOX_FILE.read_text(encoding="utf-8"))
    bank = httpx.Client(base_url=sandbox["bank_url"], timeout=15)
    tpp = next(entry for entry in sandbox["tpps"] if entry["name"] == "Finanzblick")
    key = jwk.import_key(tpp["private_key_pem"], "EC")

    # The app proves who it is by a signed assertion that works once (private_key_jwt).
    now = int(time.time())
    who = {"iss": tpp["client_id"], "sub": tpp["client_id"], "aud": sandbox["bank_url"]}
    assertion = jwt.encode(
        {"alg": "ES256", "kid": tpp["kid"]},
        who | {"jti": str(uuid.uuid4()), "iat": now, "exp": now + 60},
        key,
    )
    token = show(
        bank.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "scope": "aisp",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": assertion,
            },
        )
    )["access_token"]

    # No account is named: the customer chooses at the bank.
    show(
        bank.post(
            "/v1/consents",
            headers={
                "Authorization": f"Bearer {token}",
                "X-Request-ID": str(uuid.uuid4()),
                "PSU-IP-Address": "192.0.2.1",
                "TPP-Redirect-URI": tpp["redirect_uris"][0],
            },
            json={
                "access": {"accounts": [], "balances": [], "transactions": []},
                "recurringIndicator": True,
                "validUntil": str(date.today() + timedelta(days=90)),  # noqa: DTZ011 (a wish, not bank time)
                "frequencyPerDay": 4,
                "combinedServiceIndicator": False,
            },
        )
    )


if __name__ == "__main__":
    main()
