#!/usr/bin/env bash
# The first call of an app, step by step: token, consent, the customer's approval, accounts.
#
#   examples/first_call.sh                     Finanzblick of the sandbox; you are the customer, in the browser
#   examples/first_call.sh --as anna           the sandbox's customer Anna approves by herself
#   examples/first_call.sh my-app.env          your own app, with the configuration from its page in the console
#   examples/first_call.sh --as anna my-app.env
#
# Needs bash, curl, and a Python with joserfc (that of `make run` has it); PYTHON names another. Everything of the
# protocol is in plain sight: curl calls, and Python only signs and reads JSON.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  [ -x "$here/.venv/bin/python" ] && PYTHON="$here/.venv/bin/python"
fi
customer=""
configuration=""
while [ $# -gt 0 ]; do
  case $1 in
    --as) customer=${2:?"--as needs a user ID, like anna"}; shift 2 ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) echo "Unknown option $1; see --help." >&2; exit 2 ;;
    *) configuration=$1; shift ;;
  esac
done

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() { printf '\n%s\n' "$*" >&2; exit 1; }
"$PYTHON" -c 'import joserfc' 2>/dev/null || fail "$PYTHON has no joserfc: run 'make run' once, or: pip install joserfc"

# --- the little Python: sign, read JSON, take an address apart ------------------------------------------------
read -r -d '' little_python <<'PY' || true
import base64, hashlib, html, json, os, re, secrets, shlex, sys, time, uuid
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

what, *rest = sys.argv[1:]
env = os.environ
if what == "sandbox":  # The configuration of the first app with the role AISP, out of var/sandbox.json.
    file = Path(rest[0])
    if not file.is_file():
        raise SystemExit(f"{file} is not there: start the bank with 'make run', or name a configuration.")
    sandbox = json.loads(file.read_text())
    app = next(tpp for tpp in sandbox["tpps"] if "AISP" in tpp["roles"])
    values = {"ISSUER": sandbox["bank_url"], "CLIENT_ID": app["client_id"], "KID": app["kid"],
              "PRIVATE_KEY_FILE": app["private_key_file"], "REDIRECT_URI": app["redirect_uris"][0]}
    print("\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items()))
elif what == "password":  # Of a customer of the sandbox.
    people = json.loads(Path(rest[0]).read_text())["customers"]
    print(next((one["password"] for one in people if one["user_id"] == rest[1]), ""))
elif what == "assertion":  # Who the app is, signed, for one minute (RFC 7523; aud is the issuer as one string).
    from joserfc import jwk, jwt
    from joserfc.errors import JoseError
    pem = Path(env["PRIVATE_KEY_FILE"]).read_text()
    for kind, algorithm in (("EC", "ES256"), ("RSA", "PS256"), ("OKP", "EdDSA")):
        try:
            key = jwk.import_key(pem, kind)
            break
        except (JoseError, ValueError, TypeError):
            continue
    else:
        raise SystemExit(f"{env['PRIVATE_KEY_FILE']} holds no key that can be used.")
    now = int(time.time())
    claims = {"iss": env["CLIENT_ID"], "sub": env["CLIENT_ID"], "aud": env["ISSUER"],
              "jti": str(uuid.uuid4()), "iat": now, "exp": now + 60}
    print(jwt.encode({"alg": algorithm, "kid": env["KID"]}, claims, key, algorithms=[algorithm]))
elif what == "member":
    print(json.load(sys.stdin)[rest[0]])
elif what == "uuid":
    print(uuid.uuid4())
elif what == "random":
    print(secrets.token_urlsafe(32))
elif what == "in-90-days":
    print(date.today() + timedelta(days=90))
elif what == "authorize":  # issuer's endpoint, consent, state, nonce, verifier
    endpoint, consent, state, nonce, verifier = rest
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    print(endpoint + "?" + urlencode({
        "response_type": "code", "client_id": env["CLIENT_ID"], "redirect_uri": env["REDIRECT_URI"],
        "scope": f"openid AIS:{consent}", "state": state, "nonce": nonce,
        "code_challenge": challenge, "code_challenge_method": "S256"}))
elif what == "answer":  # The code out of the address, once it is the answer to our question.
    answer = {name: values[0] for name, values in parse_qs(urlsplit(rest[0]).query).items()}
    if answer.get("state") != rest[1] or answer.get("iss") != env["ISSUER"]:
        raise SystemExit("This is not the answer to our question: state or iss is another.")
    if "code" not in answer:
        raise SystemExit(f"The customer did not allow it: {answer.get('error', 'no code')}")
    print(answer["code"])
elif what == "accounts":
    for account in json.load(sys.stdin)["accounts"]:
        print(f"   {account['iban']}  {account.get('currency', '')}  {account.get('name') or account.get('product', '')}")
elif what == "field":  # The value of the first field of this name in a page, or every value with "all".
    found = [html.unescape(match) for tag in re.findall(r"<input[^>]+>", sys.stdin.read())
             if f'name="{rest[0]}"' in tag for match in re.findall(r'value="([^"]*)"', tag)]
    print("\n".join(found if "all" in rest else found[:1]))
elif what == "link-back":
    print(html.unescape((re.findall(r'<a class="btn btn-lg btn-block" href="([^"]+)"', sys.stdin.read()) or [""])[0]))
elif what == "newest":  # The newest text message on a phone, on one line.
    print(json.dumps((json.load(sys.stdin) or [{}])[0], sort_keys=True))
elif what == "digits":
    print((re.findall(r"\b[0-9]{6}\b", json.load(sys.stdin).get("text", "")) or [""])[0])
PY
helper() { "$PYTHON" -W ignore -c "$little_python" "$@"; }

# --- configuration ------------------------------------------------------------------------------------------
sandbox_file=${SANDBOX_FILE:-$here/var/sandbox.json}
if [ -n "$configuration" ]; then
  [ -r "$configuration" ] || fail "$configuration cannot be read."
  folder=$(cd "$(dirname "$configuration")" && pwd)
  # shellcheck disable=SC1090
  . "$folder/$(basename "$configuration")"
  case ${PRIVATE_KEY_FILE:-} in /* | "") ;; *) PRIVATE_KEY_FILE=$folder/$PRIVATE_KEY_FILE ;; esac
else
  values=$(helper sandbox "$sandbox_file")
  eval "$values"
fi
for name in ISSUER CLIENT_ID KID PRIVATE_KEY_FILE REDIRECT_URI; do
  [ -n "${!name:-}" ] || fail "$name is missing in the configuration."
  export "${name?}"
done
[ -r "$PRIVATE_KEY_FILE" ] || fail "The private key is not there: $PRIVATE_KEY_FILE"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# curl, told to show the bank's answer when it is a refusal.
bank() {
  local answer
  if ! answer=$(curl --silent --show-error --fail-with-body --max-time 20 "$@"); then
    fail "The bank refused it:
$answer
See $ISSUER/developers/errors/"
  fi
  printf '%s' "$answer"
}
token_request() {
  bank "$token_endpoint" \
    --data-urlencode "client_id=$CLIENT_ID" \
    --data-urlencode "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer" \
    --data-urlencode "client_assertion=$(helper assertion)" \
    "$@"
}

step "1. Ask the bank where things are"
discovery=$(bank "$ISSUER/.well-known/openid-configuration")
token_endpoint=$(helper member token_endpoint <<<"$discovery")
authorization_endpoint=$(helper member authorization_endpoint <<<"$discovery")
echo "   $token_endpoint"

step "2. A token for the app itself (client_credentials, private_key_jwt)"
app_token=$(token_request --data-urlencode "grant_type=client_credentials" --data-urlencode "scope=aisp" | helper member access_token)
echo "   ${app_token:0:8}…"

step "3. A consent; the customer will choose the accounts at the bank"
consent=$(bank "$ISSUER/v1/consents" \
  --header "Authorization: Bearer $app_token" \
  --header "X-Request-ID: $(helper uuid)" \
  --header "PSU-IP-Address: 192.0.2.1" \
  --header "TPP-Redirect-URI: $REDIRECT_URI" \
  --header "Content-Type: application/json" \
  --data '{"access": {"accounts": [], "balances": [], "transactions": []}, "recurringIndicator": true,
           "validUntil": "'"$(helper in-90-days)"'", "frequencyPerDay": 4, "combinedServiceIndicator": false}')
consent_id=$(helper member consentId <<<"$consent")
echo "   $consent_id: $(helper member consentStatus <<<"$consent")"

state=$(helper random)
verifier=$(helper random)
address=$(helper authorize "$authorization_endpoint" "$consent_id" "$state" "$(helper random)" "$verifier")

# What a customer does in the browser, for the sandbox only: cookies, forms, and a look at the phone.
play_customer() {
  local password page token seen newest digits
  password=$(helper password "$sandbox_file" "$customer")
  [ -n "$password" ] || fail "The sandbox has no customer $customer."
  web() { curl --silent --show-error --fail --max-time 20 --cookie-jar "$work/cookies" --cookie "$work/cookies" "$@"; }
  phone() { web "$ISSUER/sandbox/messages.json?customer=$customer" | helper newest; }
  seen=$(phone)
  page=$(web --location --output "$work/page" --write-out '%{url_effective}' "$address")
  form() {  # the form of the page at $1, with these fields; leaves the next page in $work/page
    token=$(helper field csrfmiddlewaretoken <"$work/page")
    web --location --output "$work/page" --referer "$1" "$1" --data-urlencode "csrfmiddlewaretoken=$token" "${@:2}"
  }
  echo "   $customer types user ID and password"
  form "$page" --data-urlencode "user_id=$customer" --data-urlencode "password=$password"
  digits=""
  for _ in $(seq 40); do
    newest=$(phone)
    [ "$newest" = "$seen" ] || digits=$(helper digits <<<"$newest")
    [ -z "$digits" ] || break
    sleep 0.5
  done
  [ -n "$digits" ] || fail "No text message came. Are the worker and the relay running?"
  echo "   $customer types the code from the text message: $digits"
  form "${page%/}/code/" --data-urlencode "code=$digits"
  local accounts=()
  while read -r account; do accounts+=(--data-urlencode "accounts=$account"); done < <(helper field accounts all <"$work/page")
  echo "   $customer ticks $((${#accounts[@]} / 2)) accounts and allows it"
  form "${page%/}/confirm/" "${accounts[@]}"
  answer=$(helper link-back <"$work/page")
}

step "4. The customer approves it at the bank"
if [ -n "$customer" ]; then
  play_customer
else
  printf '   Open this address, sign in as a customer of the sandbox, allow access:\n\n%s\n\n' "$address"
  printf '   You are sent back to %s\n   Paste the whole address here: ' "$REDIRECT_URI"
  read -r answer
fi
code=$(helper answer "$answer" "$state")
echo "   a code, good for 60 seconds"

step "5. Access, refresh and ID token for the code"
tokens=$(token_request --data-urlencode "grant_type=authorization_code" --data-urlencode "code=$code" \
  --data-urlencode "redirect_uri=$REDIRECT_URI" --data-urlencode "code_verifier=$verifier")
access_token=$(helper member access_token <<<"$tokens")
echo "   for $(helper member expires_in <<<"$tokens") seconds"

step "6. The accounts"
bank "$ISSUER/v1/accounts" \
  --header "Authorization: Bearer $access_token" \
  --header "X-Request-ID: $(helper uuid)" \
  --header "Consent-ID: $consent_id" \
  --header "PSU-IP-Address: 192.0.2.1" | helper accounts
