"""Public keys: PEM and JWK in, canonical JWK stored; private keys never."""

import json
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.db import connection
from joserfc import jwk

from apps.audit.models import AuditEvent
from apps.console.keys import KeyRefused, PrivateKeyPasted, parse_public_key
from tests.console.kit import NOW, P256_JWK, make_app

EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
ED_KEY = ed25519.Ed25519PrivateKey.generate()
OTHER_JWK = json.dumps(
    jwk.ECKey.import_key(
        EC_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ).as_dict()
)


def public_pem(key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key, form=PrivateFormat.PKCS8, encryption=None) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def certificate_pem() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder(name, name, EC_KEY.public_key(), 1, NOW, NOW.replace(year=2027))
    return builder.sign(EC_KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY, ED_KEY], ids=["EC", "RSA", "Ed25519"])
def test_pem_and_jwk_of_a_key_give_the_same(key):
    pem = public_pem(key)
    from_pem = parse_public_key(f"\r\n{pem}\n")
    kind = {"EC": jwk.ECKey, "RSA": jwk.RSAKey, "OKP": jwk.OKPKey}[from_pem["kty"]]
    as_jwk = kind.import_key(pem).as_dict(private=False)
    assert parse_public_key(json.dumps(as_jwk)) | {} == from_pem | (
        {"kid": as_jwk["kid"]} if "kid" in as_jwk else {}
    )


def test_a_coordinate_that_begins_with_zeros_is_written_in_full():
    for _ in range(3000):
        numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
        if numbers.x >> 248 == 0:
            break
    short = urlsafe_b64encode(numbers.x.to_bytes(31, "big")).rstrip(b"=").decode()
    y = urlsafe_b64encode(numbers.y.to_bytes(32, "big")).rstrip(b"=").decode()
    parsed = parse_public_key(json.dumps({"kty": "EC", "crv": "P-256", "x": short, "y": y}))
    assert len(urlsafe_b64decode(parsed["x"] + "=")) == 32


def test_the_key_id_in_the_jwk_is_kept_and_a_set_of_one_is_a_key():
    assert parse_public_key(json.dumps({"keys": [P256_JWK | {"kid": "2026-11"}]}))["kid"] == "2026-11"


PRIVATE = {
    "PKCS8": private_pem(EC_KEY),
    "SEC1": private_pem(EC_KEY, PrivateFormat.TraditionalOpenSSL),
    "PKCS1": private_pem(RSA_KEY, PrivateFormat.TraditionalOpenSSL),
    "encrypted": private_pem(EC_KEY, encryption=BestAvailableEncryption(b"secret")),
    "OpenSSH": private_pem(ED_KEY, PrivateFormat.OpenSSH),
    "public first": public_pem(EC_KEY) + private_pem(EC_KEY),
    "without its end": private_pem(EC_KEY)[:80],
    "JWK": json.dumps(jwk.ECKey.import_key(private_pem(EC_KEY)).as_dict(private=True)),
    "RSA JWK": json.dumps(jwk.RSAKey.import_key(private_pem(RSA_KEY)).as_dict(private=True)),
    "JWK set": json.dumps({"keys": [jwk.OKPKey.import_key(private_pem(ED_KEY)).as_dict(private=True)]}),
    "symmetric": json.dumps({"kty": "oct", "k": "c2VjcmV0"}),
}


@pytest.mark.parametrize("text", PRIVATE.values(), ids=PRIVATE.keys())
def test_a_private_key_is_recognised(text):
    with pytest.raises(PrivateKeyPasted):
        parse_public_key(text)


REFUSED = {
    "nothing": "x",
    "OpenSSH public": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ x",
    "certificate": certificate_pem(),
    "broken PEM": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    "not ASCII": "-----BEGIN PUBLIC KEY-----\nÄ\n-----END PUBLIC KEY-----",
    "P-384": public_pem(ec.generate_private_key(ec.SECP384R1())),
    "secp256k1": public_pem(ec.generate_private_key(ec.SECP256K1())),
    "Ed448": public_pem(ed448.Ed448PrivateKey.generate()),
    "DSA": public_pem(dsa.generate_private_key(2048)),
    "RSA 1024": public_pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505
    "RSA exponent 3": public_pem(rsa.generate_private_key(3, 2048)),
    "JSON list": "[]",
    "broken JSON": "{",
    "deep JSON": '{"a":' * 3000,
    "duplicate member": '{"kty": "EC", "kty": "RSA"}',
    "no members": "{}",
    "keys of nothing": '{"keys": []}',
    "two keys": json.dumps({"keys": [P256_JWK, P256_JWK]}),
    "keys of strings": '{"keys": ["x"]}',
    "kty a list": '{"kty": []}',
    "missing y": json.dumps({name: value for name, value in P256_JWK.items() if name != "y"}),
    "not on the curve": json.dumps(P256_JWK | {"y": P256_JWK["x"]}),
    "zero point": json.dumps(P256_JWK | {"x": "A" * 43, "y": "A" * 43}),
    "number for text": json.dumps(P256_JWK | {"x": 1}),
    "base64 with padding": json.dumps(P256_JWK | {"x": P256_JWK["x"] + "="}),
    "short Ed25519": json.dumps({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
    "small RSA JWK": json.dumps({"kty": "RSA", "n": "u" * 100, "e": "AQAB"}),
    "huge RSA JWK": json.dumps({"kty": "RSA", "n": "u" * 4000, "e": "AQAB"}),
    "for encryption": json.dumps(P256_JWK | {"use": "enc"}),
    "RS256": json.dumps(P256_JWK | {"alg": "RS256"}),
    "kid a number": json.dumps(P256_JWK | {"kid": 7}),
    "kid of a shell": json.dumps(P256_JWK | {"kid": "$(reboot)"}),
    "kid too long": json.dumps(P256_JWK | {"kid": "k" * 65}),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_key_for_us_is_refused_with_a_reason(text):
    with pytest.raises(KeyRefused) as caught:
        parse_public_key(text)
    assert not isinstance(caught.value, PrivateKeyPasted)
    assert str(caught.value.text)


@pytest.mark.django_db
class TestThePages:
    @pytest.fixture
    def url(self, app) -> str:
        return f"/developers/apps/{app.pk}/keys/new/"

    @pytest.mark.parametrize("key", [EC_KEY, RSA_KEY, ED_KEY], ids=["EC", "RSA", "Ed25519"])
    def test_a_pasted_key_is_registered_under_its_thumbprint(self, page, app, url, key):
        assert page.post(url, {"public_key": public_pem(key)}).status_code == 303
        stored = app.keys.latest("added_at")
        assert stored.kid == jwk.import_key(stored.jwk).thumbprint()
        assert app.keys.filter(status="active").count() == 2, "two may be active while one is replaced"

    @pytest.mark.parametrize("text", PRIVATE.values(), ids=PRIVATE.keys())
    def test_a_private_key_is_refused_with_a_warning_and_goes_nowhere(self, page, app, url, text, caplog):
        with caplog.at_level(logging.DEBUG):
            response = page.post(url, {"public_key": text})
        html = response.content.decode()
        assert "That was a private key" in html
        line = next(line for line in text.splitlines() if len(line) > 20 and "-----" not in line)[:40]
        assert line not in html
        assert line not in caplog.text
        assert app.keys.count() == 1
        assert line not in str(list(AuditEvent.objects.values()))

    def test_what_was_typed_does_not_come_back(self, page, url):
        assert "ssh-ed25519" not in page.post(url, {"public_key": "ssh-ed25519 AAAA"}).content.decode()
        assert page.post(url, {"public_key": "x" * 8193}).context["form"].errors["public_key"]

    def test_a_key_is_registered_once(self, page, app, url):
        response = page.post(url, {"public_key": json.dumps(P256_JWK)})
        assert "already" in str(response.context["form"].errors["public_key"])
        assert app.keys.count() == 1

    def test_a_key_id_is_used_once(self, page, app, url):
        parsed = parse_public_key(public_pem(EC_KEY)) | {"kid": "key-1"}
        response = page.post(url, {"public_key": json.dumps(parsed)})
        assert response.status_code == 200
        assert app.keys.count() == 1

    def test_there_is_a_bound(self, page, app, url):
        for _ in range(4):
            page.post(url, {"public_key": public_pem(ec.generate_private_key(ec.SECP256R1()))})
        response = page.post(url, {"public_key": public_pem(EC_KEY)})
        assert "too many" in str(response.context["form"].errors)

    def test_retiring_says_what_follows_and_happens_once(self, page, app):
        key = app.keys.get()
        url = f"/developers/apps/{app.pk}/keys/{key.pk}/retire/"
        assert "only active key" in page.get(url).content.decode()
        assert page.post(url).status_code == 303
        key.refresh_from_db()
        assert key.status == "retired"
        assert "retired already" in page.get(url).content.decode()
        page.post(url)
        assert AuditEvent.objects.filter(event="tpp.app.key_retired").count() == 1

    def test_retiring_one_of_two_counts_the_others(self, page, app, url):
        page.post(url, {"public_key": public_pem(EC_KEY)})
        key = app.keys.first()
        html = page.get(f"/developers/apps/{app.pk}/keys/{key.pk}/retire/").content.decode()
        assert "1 other key of this app stays active" in html

    def test_the_database_itself_takes_no_private_key(self, app):
        from django.db import IntegrityError

        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute('UPDATE tpp_appkey SET jwk = jwk || \'{"d": "x"}\' WHERE app_id = %s', [app.pk])


@pytest.mark.django_db
def test_an_app_without_key_says_so(page, company):
    app = make_app(company, with_key=False)
    html = page.get(f"/developers/apps/{app.pk}/").content.decode()
    assert "No key yet" in html
    assert "CLIENT_ID=" not in html
    assert "no active key" in page.get(f"/developers/apps/{app.pk}/first-call/").content.decode()
