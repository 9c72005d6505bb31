"""Signatures of webhooks, held against the official package and against another library's Ed25519."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from easel.errors import SettingsError
from easel.signatures import SigningKeys, keys_of, shared_key

GENERATED = "PLANTED7Yh2KqVb" * 4  # as Secrets Manager makes one
OWN = "whsec_" + base64.b64encode(b"PLANTED-of-the-default-tenant-00").decode()
BODY = json.dumps({"type": "generation.succeeded", "data": {"prompt": "\u732b"}}, ensure_ascii=False).encode()


def signed(keys: SigningKeys, secret: str | None = None, at: datetime | None = None) -> dict[str, str]:
    return keys.headers("msg_1", at or datetime.now(UTC), BODY, secret)


def verify_public(public_key: str, headers: dict[str, str], body: bytes) -> None:
    """As a receiver does that knows the public key only. Raises InvalidSignature."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    (signature,) = (one for one in headers["webhook-signature"].split(" ") if one.startswith("v1a,"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key.verify(base64.b64decode(signature.removeprefix("v1a,")), content)


def test_official_package_takes_the_shared_keys_signature() -> None:
    keys = keys_of("acme", GENERATED, "default")
    assert Webhook(keys.secret).verify(BODY, signed(keys)) == json.loads(BODY)


def test_official_package_refuses_another_body_and_another_time() -> None:
    keys = keys_of("acme", GENERATED, "default")
    with pytest.raises(WebhookVerificationError):
        Webhook(keys.secret).verify(BODY + b" ", signed(keys))
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(keys.secret).verify(BODY, signed(keys, at=datetime.now(UTC) - timedelta(minutes=6)))


def test_public_key_verifies_the_other_signature_and_no_other_body() -> None:
    keys = keys_of("acme", GENERATED, "default")
    verify_public(keys.public_key, signed(keys), BODY)
    with pytest.raises(InvalidSignature):
        verify_public(keys.public_key, signed(keys), BODY + b" ")


def test_signed_is_the_id_the_attempts_own_second_and_the_body() -> None:
    keys = keys_of("acme", GENERATED, "default")
    headers = signed(keys, at=datetime(2026, 11, 20, 12, 0, 0, 999_999, UTC))
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == "1795176000"
    assert [one.partition(",")[0] for one in headers["webhook-signature"].split(" ")] == ["v1", "v1a"]


def test_secret_of_a_request_takes_the_shared_keys_place_and_not_the_private_ones() -> None:
    keys = keys_of("acme", GENERATED, "default")
    own = "whsec_" + base64.b64encode(b"o" * 24).decode()
    headers = signed(keys, secret=own)
    assert Webhook(own).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(keys.secret).verify(BODY, headers)
    verify_public(keys.public_key, headers, BODY)


def test_every_tenant_has_keys_of_its_own_and_always_the_same() -> None:
    tenants = ["default", "acme", "ed25519", "tenant:acme", ""]
    keys = [keys_of(tenant, GENERATED, "default") for tenant in tenants]
    parts = [part for one in keys for part in (one.shared, one.seed)]
    assert len(set(parts)) == 2 * len(tenants)
    assert keys == [keys_of(tenant, GENERATED, "default") for tenant in tenants]
    assert keys_of("acme", GENERATED + "x", "default") not in keys


def test_generated_secret_is_nobodys_shared_key() -> None:
    default = keys_of("default", GENERATED, "default")
    assert default.shared not in (GENERATED.encode(), hashlib.sha256(GENERATED.encode()).digest())
    assert len(default.shared) == len(default.seed) == 32


def test_given_secret_is_the_default_tenants_own_and_no_others() -> None:
    assert keys_of("default", OWN, "default").secret == OWN
    assert keys_of("acme", OWN, "default").secret != OWN
    assert keys_of("default", OWN, "acme").secret != OWN


@pytest.mark.parametrize("secret", ["whsec_PLANTED!", "whsec_PLANTED\u00e9", "whsec_PLANTE"])
def test_secret_that_is_none_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(SettingsError) as refused:
        shared_key(secret + "=")
    assert "PLANTED" not in str(refused.value)


@pytest.mark.parametrize("secret", ["", "PLANTED", "whsec_UExBTlRFRA==", "PLANTED".ljust(23, "x")])
def test_secret_that_could_be_guessed_signs_nothing(secret: str) -> None:
    with pytest.raises(SettingsError, match="fewer than 24 characters") as refused:
        keys_of("acme", secret, "default")
    assert "PLANTED" not in str(refused.value)


def test_keys_say_nothing_of_themselves() -> None:
    keys = keys_of("default", OWN, "default")
    assert repr(keys) == "SigningKeys()"
