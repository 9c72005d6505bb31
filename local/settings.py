"""The local stack's settings: from the environment, else from `.env`, else the defaults."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from easel.catalogue import CATALOGUE
from local.failure import StackError

API_KEY_PREFIX = "ezl_"
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


def read_settings(environ: Mapping[str, str], env_file: Path) -> Settings:
    """Read and check all settings; raise StackError, naming the setting and what it may be."""
    values = {**read_env_file(env_file), **environ}

    def text(name: str) -> str | None:
        return values.get(name, "").strip() or None

    return Settings(
        port=_port("EASEL_PORT", text("EASEL_PORT"), 3000),
        aws_port=_port("EASEL_AWS_PORT", text("EASEL_AWS_PORT"), 4566),
        data=Path(text("EASEL_DATA_DIR") or ".easel").absolute(),
        api_key=_api_key(text("EASEL_API_KEY")),
        vendors={name: _vendor(endpoint.setting, text) for name, endpoint in CATALOGUE.endpoints.items()},
        sandbox_latency=text("EASEL_SANDBOX_LATENCY"),
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
    file = data / "api-key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(API_KEY_PREFIX + secrets.token_urlsafe(32) + "\n")
    return file.read_text().strip()


def _port(name: str, value: str | None, default: int) -> int:
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or not 0 < int(value) < 65536:
        raise StackError(f"{name} must be a port number from 1 to 65535, not {value!r}.")
    return int(value)


def _api_key(value: str | None) -> str | None:
    if value is not None and (not value.isascii() or not value.isprintable() or " " in value):
        raise StackError("EASEL_API_KEY must be printable ASCII without spaces.")
    return value


def _vendor(prefix: str, text: Callable[[str], str | None]) -> VendorAccess:
    key, base_url = text(f"{prefix}_API_KEY"), text(f"{prefix}_BASE_URL")
    if base_url is not None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise StackError(f"{prefix}_BASE_URL must be an http or https URL, not {base_url!r}.")
    return VendorAccess(
        key=key or SANDBOX_KEY,
        base_url=base_url.rstrip("/") if base_url else None,
        sandboxed=key is None and base_url is None,
    )
