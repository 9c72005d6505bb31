"""Signing webhooks as the Standard Webhooks specification has it, and the keys: each tenant has its own.

`v1` is HMAC-SHA256 with a secret that sender and receiver share, `v1a` is Ed25519, whose public key anybody
may have (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
"Signature scheme", read 2025-11).
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from easel.errors import SettingsError

SECRET_PREFIX, PUBLIC_PREFIX = "whsec_", "whpk_"
SECRET_CHARACTERS_MIN = 24  # fewer could be guessed from one signature


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """A tenant's keys: `shared` for v1, `seed` of the private one for v1a."""

    shared: bytes = field(repr=False)
    seed: bytes = field(repr=False)

    @property
    def secret(self) -> str:
        """The shared key as receivers are given it."""
        return SECRET_PREFIX + _text(self.shared)

    @property
    def public_key(self) -> str:
        """The public key as receivers are given it."""
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        return PUBLIC_PREFIX + _text(private.public_key().public_bytes_raw())

    def headers(self, message: str, at: datetime, body: bytes, secret: str | None = None) -> dict[str, str]:
        """The headers of one try to tell a message. A `secret` takes the shared key's place."""
        shared = self.shared if secret is None else shared_key(secret)
        seconds = str(int(at.timestamp()))
        content = f"{message}.{seconds}.".encode() + body
        v1 = hmac.digest(shared, content, hashlib.sha256)
        v1a = Ed25519PrivateKey.from_private_bytes(self.seed).sign(content)
        return {
            "webhook-id": message,
            "webhook-timestamp": seconds,
            "webhook-signature": f"v1,{_text(v1)} v1a,{_text(v1a)}",
        }


def keys_of(tenant: str, secret: str, default_tenant: str) -> SigningKeys:
    """A tenant's keys, all of them from the deployment's one secret.

    Nobody gets from one tenant's shared key to another's, or to a private key. But where the secret is
    itself a `whsec_` one, it is the default tenant's shared key as it stands. Raises SettingsError.
    """
    if len(secret) < SECRET_CHARACTERS_MIN:
        raise SettingsError(f"the webhooks' signing secret has fewer than {SECRET_CHARACTERS_MIN} characters")
    given = secret.startswith(SECRET_PREFIX)
    root = shared_key(secret) if given else hashlib.sha256(secret.encode()).digest()
    shared = root if given and tenant == default_tenant else _derived(root, f"tenant:{tenant}")
    return SigningKeys(shared, _derived(root, f"ed25519:{tenant}"))


def shared_key(secret: str) -> bytes:
    """The key in a `whsec_` secret. Raises SettingsError, not quoting it."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError("the webhooks' signing secret is not `whsec_` and base64") from None


def _derived(root: bytes, purpose: str) -> bytes:
    return hmac.digest(root, purpose.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
