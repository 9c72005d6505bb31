"""Which deployment to speak to, and with which key.

In this order: what the program says; EASEL_URL and EASEL_API_KEY; the profile of EASEL_PROFILE, or the
default one; the local stack of this folder or of one above it. A key that a file holds goes only to the
address that it stands beside.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from easel_client.errors import SettingsError
from easel_client.files import write_whole
from easel_client.transport import LOOPBACK

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Nobody's name or password, no query, no fragment; a host beyond ASCII in its `xn--` form.
ADDRESS = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~%/-]*)?", re.IGNORECASE)
KEY_VARIABLE = "EASEL_API_KEY"
LOCAL = "local"
LOCAL_URL = "http://127.0.0.1:3000"
DATA_FOLDER, KEY_FILE, URL_FILE = ".easel", "api-key", "url"  # of a local stack
FIRST = "default"  # the profile that `easel login` makes unless it is told another name
NEEDED = "`easel login` keeps the address and key of a deployment; `easel up` starts one on this machine."


@dataclass(frozen=True, slots=True)
class Profile:
    """A deployment's address and key."""

    url: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to speak to, with which key, and `source`: where the key was found, in words."""

    url: str
    key: str = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True)
class Profiles:
    """What the profile file holds. `default` is used where none is named."""

    known: Mapping[str, Profile]
    default: str | None

    @classmethod
    def read(cls, file: Path | None = None) -> "Profiles":
        """The file's; nothing where there is none. Raises SettingsError."""
        file = file or profile_file()
        try:
            raw = tomllib.loads(file.read_text(encoding="utf-8"))
            known = {
                name: Profile(_address(one["url"]), _key(one["key"])) for name, one in raw["profiles"].items()
            }
        except FileNotFoundError:
            return cls({}, None)
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            fix = "Mend it, or remove it and use `easel login`."
            raise SettingsError(f"{file} is not a profile file.", fix) from error
        default = raw.get("default")
        return cls(known, default if isinstance(default, str) else None)

    def write(self, file: Path | None = None) -> None:
        """Keep them, readable by their owner alone."""
        file = file or profile_file()
        lines = [f"default = {_quoted(self.default)}"] if self.default else []
        for name, profile in sorted(self.known.items()):
            lines += ["", f"[profiles.{_quoted(name)}]", f"url = {_quoted(profile.url)}"]
            lines += [f"key = {_quoted(profile.key)}"]
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(file, ("\n".join(lines or ["[profiles]"]) + "\n").encode(), mode=0o600)

    def having(self, name: str, profile: Profile) -> "Profiles":
        """With one more, or another of this name; the first one becomes the default. Raises SettingsError."""
        if not NAME.fullmatch(name):
            raise SettingsError(
                f"{name!r} is no name for a profile.", "Use 1 to 64 of A-Z, a-z, 0-9, _ and -."
            )
        return Profiles({**self.known, name: profile}, self.default or name)

    def without(self, name: str) -> "Profiles":
        """Without one. Raises SettingsError."""
        self.named(name)
        return Profiles(
            {one: profile for one, profile in self.known.items() if one != name},
            None if self.default == name else self.default,
        )

    def preferring(self, name: str) -> "Profiles":
        """With another default. Raises SettingsError."""
        self.named(name)
        return replace(self, default=name)

    def named(self, name: str) -> Profile:
        """The one of this name. Raises SettingsError."""
        if name in self.known:
            return self.known[name]
        there = f"There are {', '.join(sorted(self.known))}." if self.known else "There is none yet."
        raise SettingsError(
            f"There is no profile {name!r}.", f"{there} `easel login --profile {name}` makes it."
        )


def profile_file() -> Path:
    """Where profiles are kept."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "easel" / "config.toml"


def connection(url: str | None = None, key: str | None = None, profile: str | None = None) -> Connection:
    """Where to speak to. Raises SettingsError where no address or key is known."""
    profiles = Profiles.read()
    if profile is not None:
        known = _of_profile(profiles, profile)
        return Connection(_address(url or known.url), _key(key or known.key), known.source)
    if url and key:
        return Connection(_address(url), _key(key), "")
    key, given = key or os.environ.get(KEY_VARIABLE), url or os.environ.get("EASEL_URL")
    if given:
        return _at(profiles, _address(given), key)
    first = os.environ.get("EASEL_PROFILE") or profiles.default
    found = _of_profile(profiles, first) if first else _local_stack()
    if found is not None:
        return replace(found, key=_key(key), source=KEY_VARIABLE) if key else found
    if key:
        return Connection(LOCAL_URL, _key(key), KEY_VARIABLE)
    if profiles.known:
        which = f"There are {', '.join(sorted(profiles.known))}; choose with --profile."
        raise SettingsError("No profile is the default one.", which)
    raise SettingsError("No deployment is known.", NEEDED)


def local_folder(start: Path | None = None) -> Path | None:
    """The data folder of a local stack that was started here or in a folder above; None without one."""
    if named := os.environ.get("EASEL_DATA_DIR"):
        return Path(named) if (Path(named) / KEY_FILE).is_file() else None
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / DATA_FOLDER / KEY_FILE).is_file():
            return folder / DATA_FOLDER
    return None


def _at(profiles: Profiles, url: str, key: str | None) -> Connection:
    """With the key that was given, or that a file has for this very address. Raises SettingsError."""
    if key:
        return Connection(url, _key(key), KEY_VARIABLE)
    for name, profile in profiles.known.items():
        if profile.url == url:
            return _of_profile(profiles, name)
    local = _local_stack()
    if local is not None and local.url == url:
        return local
    raise SettingsError(f"No key for {url} is known.", NEEDED)


def _of_profile(profiles: Profiles, name: str) -> Connection:
    """`local` is the local stack, unless the file has one of that name. Raises SettingsError."""
    local = _local_stack() if name == LOCAL and name not in profiles.known else None
    if local is not None:
        return local
    known = profiles.named(name)
    return Connection(known.url, known.key, f"profile {name}")


def _local_stack() -> Connection | None:
    folder = local_folder()
    if folder is None:
        return None
    try:
        told = folder / URL_FILE
        url = _address(told.read_text()) if told.is_file() else LOCAL_URL
        key = (folder / KEY_FILE).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{error.filename} cannot be read: {error.strerror}.") from error
    if urlsplit(url).hostname not in LOOPBACK:  # whoever may write into a folder shall get no key sent
        raise SettingsError(f"{told} says {url}, which is not on this machine.", "A local stack always is.")
    return Connection(url, _key(key), f"the local stack of {folder}")


def _address(text: Any) -> str:
    """Scheme, host and path, without a slash at the end. Raises SettingsError."""
    try:
        parts = urlsplit(text.strip())
        usable = ADDRESS.fullmatch(text.strip()) and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"{text!r} is no address of a deployment.", "It looks like https://HOST.")
    return str(text).strip().rstrip("/")


def _key(text: Any) -> str:
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text or not text:
        raise SettingsError("The key has characters that no key has.", "Copy it anew.")
    return text


def _quoted(text: str) -> str:
    """As a TOML basic string: JSON quotes the same way, but for U+007F."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
