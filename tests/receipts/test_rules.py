"""A receipt is genuine to the last byte, under one key, type and algorithm; everything else is refused."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwk
from joserfc.jws import JWSRegistry

from apps.core.canonical import canonical_json
from apps.receipts.rules import (
    RECEIPT_BYTES_MAX,
    RECEIPT_TYPE,
    RETIREMENT_GRACE,
    ReceiptRefused,
    _lower,
    read_jwks,
    verify_receipt,
)
from tests.receipts.kit import ISSUED, SNAPSHOT, content, new_key, published, signed

pytestmark = pytest.mark.req("P-72")
KEY = new_key()
KEYS = [published(KEY)]
DOCUMENT = signed(KEY)


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def document(
    header: dict[str, Any], payload: bytes, *, key: jwk.ECKey = KEY, signature: bytes | None = None
) -> bytes:
    """A JWS that is well formed and signed, whatever it says."""
    protected, body = b64(canonical_json(header)), b64(payload)
    if signature is None:
        signature = _lower(JWSRegistry.algorithms["ES256"].sign(f"{protected}.{body}".encode(), key))
    return canonical_json({"payload": body, "protected": protected, "signature": b64(signature)})


def head(**changes: Any) -> dict[str, Any]:
    return {"alg": "ES256", "kid": KEY.thumbprint(), "typ": RECEIPT_TYPE, **changes}


def refused(what: bytes, *, keys: list[dict[str, Any]] = KEYS) -> str:
    with pytest.raises(ReceiptRefused) as caught:
        verify_receipt(what, keys=keys)
    return caught.value.detail


class TestGenuine:
    def test_its_content_comes_back(self) -> None:
        assert verify_receipt(DOCUMENT, keys=KEYS) == content()

    def test_among_other_keys(self) -> None:
        others = [published(new_key()) for _ in range(3)]
        assert verify_receipt(DOCUMENT, keys=[*others, *KEYS])

    def test_any_program_that_knows_jws_can_check_it(self) -> None:
        from joserfc import jws

        found = jws.deserialize_json(
            json.loads(DOCUMENT), jwk.ECKey.import_key(KEYS[0]), algorithms=["ES256"]
        )
        assert json.loads(found.payload) == content()

    def test_after_its_key_was_retired(self) -> None:
        retired = published(KEY, retired_at=ISSUED + timedelta(seconds=1))
        assert verify_receipt(DOCUMENT, keys=[published(new_key()), retired])


class TestAltered:
    @given(st.integers(0, len(DOCUMENT) - 1), st.integers(0, 7))
    @settings(max_examples=300, deadline=None)
    def test_any_bit(self, place: int, bit: int) -> None:
        altered = bytearray(DOCUMENT)
        altered[place] ^= 1 << bit
        refused(bytes(altered))

    @given(st.integers(0, len(DOCUMENT)), st.binary(min_size=1, max_size=3))
    @settings(max_examples=200, deadline=None)
    def test_anything_put_in(self, place: int, more: bytes) -> None:
        refused(DOCUMENT[:place] + more + DOCUMENT[place:])

    @given(st.integers(0, len(DOCUMENT) - 1), st.integers(1, 40))
    @settings(max_examples=200, deadline=None)
    def test_anything_taken_out(self, place: int, count: int) -> None:
        refused(DOCUMENT[:place] + DOCUMENT[place + count :])

    @given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
    @settings(max_examples=200, deadline=None)
    def test_anything_else_at_all(self, what: bytes) -> None:
        refused(what)

    def test_a_last_digit_that_decodes_to_the_same_bytes(self) -> None:
        """86 digits hold 4 bits more than a signature has: without care one receipt would have sixteen spellings."""
        parts = json.loads(DOCUMENT)
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = parts["signature"][-1]
        parts["signature"] = parts["signature"][:-1] + alphabet[alphabet.index(last) | 1]
        assert "canonical" in refused(canonical_json(parts))

    def test_the_other_signature_that_fits_as_well(self) -> None:
        """Of each signature (r, s) anybody can make (r, n - s), for whoever knows none of the key."""
        parts = json.loads(DOCUMENT)
        raw = base64.urlsafe_b64decode(parts["signature"] + "==")
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        other = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
        signed_bytes = f"{parts['protected']}.{parts['payload']}".encode()
        assert JWSRegistry.algorithms["ES256"].verify(signed_bytes, other, KEY)
        assert "does not fit" in refused(canonical_json(parts | {"signature": b64(other)}))

    @pytest.mark.parametrize(
        "other",
        [
            DOCUMENT + b"\n",
            json.dumps(json.loads(DOCUMENT), indent=1).encode(),
            DOCUMENT.replace(b'{"payload"', b'{"payload":"x","payload"', 1),
            b"[" * 100_000,
            b"\xff" + DOCUMENT,
            b"x" * (RECEIPT_BYTES_MAX + 1),
        ],
        ids=["line end", "spelt otherwise", "a member twice", "deep", "no UTF-8", "large"],
    )
    def test_another_spelling_of_the_same(self, other: bytes) -> None:
        refused(other)


class TestKeyTypeAndAlgorithm:
    def test_another_key(self) -> None:
        assert "bank's keys" in refused(DOCUMENT, keys=[published(new_key())])
        assert "bank's keys" in refused(DOCUMENT, keys=[])

    def test_another_key_under_the_same_name(self) -> None:
        stranger = published(new_key()) | {"kid": KEY.thumbprint()}
        assert "not fit" in refused(DOCUMENT, keys=[stranger])

    def test_signed_by_another_than_it_says(self) -> None:
        assert "does not fit" in refused(document(head(), canonical_json(content()), key=new_key()))

    @pytest.mark.parametrize(
        "change",
        [
            {"alg": "ES384"},
            {"use": "enc"},
            {"crv": "P-384"},
            {"kty": "oct", "k": "c2VjcmV0"},
            {"d": "AAAA"},
            {"x": "AAAA"},
        ],
    )
    def test_a_key_for_something_else(self, change: dict[str, str]) -> None:
        assert "not fit" in refused(DOCUMENT, keys=[KEYS[0] | change])

    @pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES384", "PS256", "RS256", "EdDSA", "", None])
    def test_another_algorithm(self, alg: str | None) -> None:
        payload = canonical_json(content())
        for signature in (b"", None):
            assert "ES256" in refused(document(head(alg=alg), payload, signature=signature))

    def test_the_public_key_taken_for_a_secret(self) -> None:
        """The confusion of algorithms: HMAC, keyed with what everybody knows."""
        import hashlib
        import hmac

        header, payload = head(alg="HS256"), canonical_json(content())
        signed_bytes = f"{b64(canonical_json(header))}.{b64(payload)}".encode()
        public = KEY.as_pem(private=False)
        mac = hmac.digest(public, signed_bytes, hashlib.sha256)
        assert "ES256" in refused(document(header, payload, signature=mac))
        assert "does not fit" in refused(document(head(), payload, signature=mac))

    @pytest.mark.parametrize("typ", ["JWT", "at+jwt", "receipt", "", None, RECEIPT_TYPE.upper()])
    def test_another_type(self, typ: str | None) -> None:
        assert "type" in refused(document(head(typ=typ), canonical_json(content())))

    def test_no_type_at_all(self) -> None:
        header = {name: value for name, value in head().items() if name != "typ"}
        assert "type" in refused(document(header, canonical_json(content())))

    @pytest.mark.parametrize(
        "more", [{"crit": ["exp"]}, {"jwk": KEYS[0]}, {"jku": "https://x.example"}, {"kid": 1}]
    )
    def test_a_head_that_says_more(self, more: dict[str, Any]) -> None:
        assert "head" in refused(document(head(**more), canonical_json(content())))

    def test_an_id_token_of_this_bank_is_no_receipt(self) -> None:
        """Nor would its key be among these; were it, the type says no."""
        claims = {"iss": "https://bank.example", "sub": "x", "aud": "y", "iat": 1, "exp": 2}
        assert "type" in refused(document(head(typ="JWT"), canonical_json(claims)))


class TestContent:
    @pytest.mark.parametrize("name", sorted(content()))
    def test_nothing_may_be_missing(self, name: str) -> None:
        less = {key: value for key, value in content().items() if key != name}
        refused(document(head(), canonical_json(less)))

    @pytest.mark.parametrize("name", sorted(content()["signatures"][0]))
    def test_nor_of_a_signature(self, name: str) -> None:
        signature = content()["signatures"][0]
        del signature[name]
        refused(document(head(), canonical_json(content(signatures=[signature]))))

    @pytest.mark.parametrize(
        "change", [{"version": 2}, {"version": True}, {"signatures": []}, {"signatures": [1]}]
    )
    def test_what_this_program_does_not_know(self, change: dict[str, Any]) -> None:
        refused(signed(KEY, **change))

    @pytest.mark.parametrize("name", sorted(SNAPSHOT))
    def test_what_was_authorised_must_hash_to_what_was_signed(self, name: str) -> None:
        signature = content()["signatures"][0]
        value = SNAPSHOT[name]
        signature["snapshot"] = SNAPSHOT | {name: value + 1 if isinstance(value, int) else f"{value}x"}
        assert "hash" in refused(signed(KEY, signatures=[signature]))

    def test_a_payload_that_is_not_canonical(self) -> None:
        loose = json.dumps(content()).encode()
        assert "content" in refused(document(head(), loose))


class TestTheLifeOfTheKey:
    @pytest.mark.parametrize(
        ("created", "retired", "is_genuine"),
        [
            (timedelta(0), None, True),
            (timedelta(seconds=1), None, False),
            (timedelta(days=-9), -RETIREMENT_GRACE, True),
            (timedelta(days=-9), -RETIREMENT_GRACE - timedelta(seconds=1), False),
        ],
    )
    def test_it_signed_while_it_was_in_use(
        self, created: timedelta, retired: timedelta | None, is_genuine: bool
    ) -> None:
        key = published(
            KEY, created_at=ISSUED + created, retired_at=None if retired is None else ISSUED + retired
        )
        if is_genuine:
            assert verify_receipt(DOCUMENT, keys=[key])
        else:
            assert "in use" in refused(DOCUMENT, keys=[key])

    def test_a_key_must_tell_since_when(self) -> None:
        refused(DOCUMENT, keys=[{name: value for name, value in KEYS[0].items() if name != "iat"}])

    def test_and_a_receipt_when(self) -> None:
        refused(signed(KEY, issued_at="yesterday"))


class TestTheKeySet:
    def test_is_read(self) -> None:
        assert read_jwks(json.dumps({"keys": KEYS}).encode()) == KEYS

    @pytest.mark.parametrize(
        "what", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [1]}', b"\xff", b"[" * 100_000]
    )
    def test_or_refused(self, what: bytes) -> None:
        with pytest.raises(ReceiptRefused):
            read_jwks(what)
