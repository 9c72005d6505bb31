"""Secrets in Secrets Manager: the vendors' keys, a JSON object of endpoint name to key, and single texts."""

import json
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from easel.errors import SettingsError

CACHE_SECONDS = 300.0  # how long after a rotation the old key may still be used


class SecretVendorKeys:
    """The port `VendorKeys`, remembered for a short while; `own` are there whatever the secret has."""

    def __init__(self, client: Any, secret: str, own: Mapping[str, str] = MappingProxyType({})) -> None:
        self._client = client
        self._secret = secret
        self._own = own
        self._cached: Mapping[str, str] = {}
        self._until = 0.0

    def get(self) -> Mapping[str, str]:
        """All keys that are set. Raises SettingsError, never quoting the secret, where it is no object."""
        if time.monotonic() < self._until:
            return self._cached
        text = self._client.get_secret_value(SecretId=self._secret)["SecretString"]
        try:
            keys = json.loads(text)
        except ValueError:
            raise SettingsError("the vendor keys' secret is not JSON") from None
        if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
            raise SettingsError("the vendor keys' secret must be a JSON object of strings")
        stripped = {name: key.strip() for name, key in keys.items()}
        # A key that no header may have counts as missing: its routes are not ready, the others are.
        usable = {name: key for name, key in stripped.items() if key.isascii() and key.isprintable() and key}
        self._cached = {**usable, **self._own}
        self._until = time.monotonic() + CACHE_SECONDS
        return self._cached


class SecretText:
    """A secret that is one text, remembered for a short while."""

    def __init__(self, client: Any, secret: str) -> None:
        self._client = client
        self._secret = secret
        self._cached = ""
        self._until = 0.0

    def get(self) -> str:
        """The text."""
        if time.monotonic() >= self._until:
            text: str = self._client.get_secret_value(SecretId=self._secret)["SecretString"]
            self._cached, self._until = text.strip(), time.monotonic() + CACHE_SECONDS
        return self._cached
