"""What the environment sets, read and checked. Raises SettingsError naming the variable that is wrong."""

import os

from easel.errors import SettingsError


def setting(name: str) -> str:
    """An environment variable that must be set. Raises SettingsError naming it."""
    value = os.environ.get(name)
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value


def retention_days() -> int:
    """How long records are kept."""
    return int(os.environ.get("EASEL_RECORD_RETENTION_DAYS") or 90)


def loopback_webhooks() -> bool:
    """Whether webhooks may go to this machine: set by the local stack, which runs the functions itself. The
    template sets no such thing, so that on AWS none may."""
    return os.environ.get("EASEL_LOOPBACK_WEBHOOKS") == "1"
