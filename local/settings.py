"""The local stack's settings: from the environment, else from `.env`, else the defaults."""

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from easel.catalogue import CATALOGUE
from easel.domain.limits import configured_limits
from easel.domain.request import WebhookSecret
from easel.domain.tenancy import new_secret
from easel.domain.webhooks import schedule_of
from easel.errors import SettingsError
from easel.routing import Policy
from easel.signatures import SECRET_PREFIX
from local.failure import StackError

WEBHOOK_SECRET_BYTES = 32
LATENCY = re.compile(r"[0-9]+(\.[0-9]+)?(-[0-9]+(\.[0-9]+)?)?")
SANDBOX_KEY = "sandbox-key"  # what a sandbox vendor is called with; any key would do
ENV_LINE = re.compile(
    r"""(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^#]*?))\s*(?:#.*)?"""
)


@dataclass(frozen=True)
class VendorAccess:
    """How a vendor endpoint is reached; `base_url` None is the sandbox's if `sandboxed`, else its own."""

    key: str
    base_url: str | None
    sandboxed: bool


@dataclass(frozen=True)
class Settings:
    """What a person can set. Port 0 stands for a free one; `api_key` None for the one in the data folder."""

    port: int
    aws_port: int
    data: Path
    api_key: str | None
    vendors: Mapping[str, VendorAccess] = field(default_factory=dict)
    sandbox_latency: str | None = None
    vendor_limits: str | None = None
    routing_policy: Policy = Policy.BALANCED
    webhook_secret: str | None = field(default=None, repr=False)  # None for the one in the data folder
    webhook_schedule: str | None = None
    keep_calls: bool = False  # those that permissions were checked of, in the data folder's file `calls`
    duplicates: bool = False  # of asynchronous invocations and events
    sandbox_route: bool = False  # which deployments may offer; here the sandbox vendors are more like vendors

    @property
    def limits(self) -> str:
        """What was set; else the catalogue's limits for real vendors, and none for the sandbox."""
        if self.vendor_limits is not None:
            return self.vendor_limits
        free = [name for name, vendor in self.vendors.items() if vendor.key == SANDBOX_KEY]
        routes = [route.name for route in CATALOGUE.routes.values() if route.endpoint.name in free]
        return json.dumps({route: {} for route in routes}) if routes else "catalogue"


def read_settings(environ: Mapping[str, str], env_file: Path) -> Settings:
    """Read and check all settings; raise StackError, naming the setting and what it may be."""
    values = {**read_env_file(env_file), **environ}

    def text(name: str) -> str | None:
        return values.get(name, "").strip() or None

    port = _port("EASEL_PORT", text("EASEL_PORT"), 3000)
    aws_port = _port("EASEL_AWS_PORT", text("EASEL_AWS_PORT"), 4566)
    if port == aws_port:
        raise StackError(f"EASEL_PORT and EASEL_AWS_PORT must differ, both are {port}.")
    return Settings(
        port=port,
        aws_port=aws_port,
        data=Path(text("EASEL_DATA_DIR") or ".easel").absolute(),
        api_key=_api_key(text("EASEL_API_KEY")),
        vendors={name: _vendor(endpoint.setting, text) for name, endpoint in CATALOGUE.endpoints.items()},
        sandbox_latency=_latency(text("EASEL_SANDBOX_LATENCY")),
        vendor_limits=_limits(text("EASEL_VENDOR_LIMITS")),
        routing_policy=_policy(text("EASEL_ROUTING_POLICY")),
        webhook_secret=_webhook_secret(text("EASEL_WEBHOOK_SECRET")),
        webhook_schedule=_webhook_schedule(text("EASEL_WEBHOOK_SCHEDULE")),
        duplicates=_switch("EASEL_DUPLICATES", text("EASEL_DUPLICATES")),
    )


def read_env_file(path: Path) -> dict[str, str]:
    """Read lines of NAME=value (quotes, `export` and comments allowed); no file gives no settings."""
    if not path.is_file():
        return {}
    values = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = ENV_LINE.fullmatch(stripped)
        if match is None:
            raise StackError(f"{path}, line {number}: expected NAME=value.")
        name, *alternatives = match.groups()
        values[name] = next(value for value in alternatives if value is not None)
    return values


def keep_api_key(data: Path) -> str:
    """Return the default tenant's key from the data folder, made at the first start (mode 0600)."""
    return _kept(data / "api-key", new_secret())


def keep_webhook_secret(data: Path) -> str:
    """Return what webhooks are signed with from the data folder, made at the first start (mode 0600)."""
    made = base64.b64encode(secrets.token_bytes(WEBHOOK_SECRET_BYTES)).decode()
    return _kept(data / "webhook-secret", SECRET_PREFIX + made)


def _kept(file: Path, made: str) -> str:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(made + "\n")
    return file.read_text().strip()


def _port(name: str, value: str | None, default: int) -> int:
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or not 0 < int(value) < 65536:
        raise StackError(f"{name} must be a port number from 1 to 65535, not {value!r}.")
    return int(value)


def _switch(name: str, value: str | None) -> bool:
    if value not in (None, "0", "1"):
        raise StackError(f"{name} must be 0 or 1, not {value!r}.")
    return value == "1"


def _api_key(value: str | None) -> str | None:
    if value is not None and (not value.isascii() or not value.isprintable() or " " in value):
        raise StackError("EASEL_API_KEY must be printable ASCII without spaces.")
    return value


def _latency(value: str | None) -> str | None:
    if value is not None and not LATENCY.fullmatch(value):
        raise StackError(f"EASEL_SANDBOX_LATENCY must be seconds such as 0.2 or 2-5, not {value!r}.")
    return value


def _limits(value: str | None) -> str | None:
    try:
        configured_limits(value or "", {name: route.limits for name, route in CATALOGUE.routes.items()})
    except SettingsError as error:
        raise StackError(f"{error}.") from error
    return value


def _policy(value: str | None) -> Policy:
    try:
        return Policy(value or Policy.BALANCED)
    except ValueError:
        raise StackError(f"EASEL_ROUTING_POLICY must be {', '.join(Policy)}, not {value!r}.") from None


def _webhook_secret(value: str | None) -> str | None:
    try:
        return value and TypeAdapter(WebhookSecret).validate_python(value)
    except ValidationError:
        raise StackError("EASEL_WEBHOOK_SECRET must be `whsec_` and base64 of 24 to 64 bytes.") from None


def _webhook_schedule(value: str | None) -> str | None:
    try:
        schedule_of(value or "0")
    except SettingsError as error:
        raise StackError(f"EASEL_WEBHOOK_SCHEDULE: {error}.") from error
    return value


def _vendor(prefix: str, text: Callable[[str], str | None]) -> VendorAccess:
    key, base_url = text(f"{prefix}_API_KEY"), text(f"{prefix}_BASE_URL")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise StackError(f"{prefix}_API_KEY has characters that no key has.")
    if base_url is not None and not _is_base_url(base_url):
        raise StackError(f"{prefix}_BASE_URL must be an http or https URL, not {base_url!r}.")
    return VendorAccess(
        key=key or SANDBOX_KEY,
        base_url=base_url.rstrip("/") if base_url else None,
        sandboxed=key is None and base_url is None,
    )


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        usable
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and not parts.query + parts.fragment
    )
