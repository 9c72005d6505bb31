"""API keys and tenants' limits, for holders of a key with the scope `admin`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from easel_client.answers import Raw, needed
from easel_client.pages import pages
from easel_client.transport import Call, Transport


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key. `secret` is told once, when it is made; `raw` has limits, models and routes."""

    id: str
    tenant: str
    name: str
    scopes: tuple[str, ...]
    secret: str | None = field(repr=False)
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: Any) -> "ApiKey":
        """From an answer; the secret does not stay in `raw`."""
        known = {name: value for name, value in needed(raw, "id").items() if name != "secret"}
        return cls(
            id=raw["id"],
            tenant=str(raw.get("tenant") or ""),
            name=str(raw.get("name") or ""),
            scopes=tuple(raw.get("scopes") or ()),
            secret=raw.get("secret"),
            raw=known,
        )


class Keys:
    """The calls on keys. What is changed or revoked holds within half a minute."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def whoami(self) -> ApiKey:
        """The key that asks; every key may."""
        return ApiKey.of(self._ask("GET", "/v1/key"))

    def create(self, tenant: str, **known: Any) -> ApiKey:
        """A new key with its `secret`. `known`: name, scopes, models, routes, limits, expires_in_days."""
        return ApiKey.of(self._ask("POST", "/v1/keys", {"tenant": tenant, **known}))

    def list(self, tenant: str | None = None) -> tuple[ApiKey, ...]:
        """Every key, or those of a tenant."""
        return tuple(map(ApiKey.of, pages(self._transport, "/v1/keys", {"tenant": tenant})))

    def rotate(self, key_id: str, overlap_hours: float | None = None) -> ApiKey:
        """The key with a new `secret`; the former one works for so many hours beside it."""
        body = {} if overlap_hours is None else {"overlap_hours": overlap_hours}
        return ApiKey.of(self._ask("POST", f"/v1/keys/{quote(key_id, safe='')}/rotate", body))

    def change(self, key_id: str, **known: Any) -> ApiKey:
        """The key with other limits, scopes, models, routes or name."""
        return ApiKey.of(self._ask("PATCH", f"/v1/keys/{quote(key_id, safe='')}", known))

    def revoke(self, key_id: str) -> None:
        """End all of its secrets."""
        self._ask("DELETE", f"/v1/keys/{quote(key_id, safe='')}")

    def tenant(self, name: str, **known: Any) -> Raw:
        """What holds for a tenant; with `limits` or `webhook` changed first."""
        path = f"/v1/tenants/{quote(name, safe='')}"
        raw = self._ask("PATCH", path, known) if known else self._ask("GET", path)
        return needed(raw)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._transport.ask(Call(method, path, body=body)).body
