"""What `easel doctor` finds at the deployment that is in use."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from easel_client.answers import moment
from easel_client.client import Easel
from easel_client.command.findings import Finding, fail, ok, warn
from easel_client.durations import in_words
from easel_client.errors import EaselError, NotFoundError
from easel_client.keys import ApiKey
from easel_client.transport import LOOPBACK, Call, Transport

# AWS refuses signatures from clocks that are 5 minutes off (SigV4), webhook receivers as well.
SKEW_WARN_SECONDS, SKEW_FAIL_SECONDS = 30, 300
ENDS_SOON = timedelta(days=14)


def findings(profile: str | None) -> Iterator[Finding]:
    """Its address, whether it answers, clocks, the key and what it may do, vendors with keys."""
    try:
        easel = Easel(profile=profile)
    except EaselError as error:
        yield fail("deployment", error.message, error.advice)
        return
    url = easel.connection.url
    yield _address(url, easel.connection.source)
    asked = datetime.now(UTC)
    try:
        answer = Transport(url, "none").ask(Call("GET", "/healthz"))
    except EaselError as error:
        yield fail("answers", error.message, error.advice)
        return
    took = (datetime.now(UTC) - asked).total_seconds()
    yield ok("answers", f"in {took * 1000:.0f} ms")
    yield from _clock(answer.headers.get("Date"), asked)
    yield from _key(easel)
    yield from _models(easel)


def _address(url: str, source: str) -> Finding:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        return warn("deployment", f"{url} ({source}) gets your key unencrypted", "Use https.")
    return ok("deployment", f"{url} ({source})")


def _clock(date: str | None, asked: datetime) -> Iterator[Finding]:
    try:
        there = parsedate_to_datetime(date or "")
        off = abs((there - asked).total_seconds())
    except (TypeError, ValueError):
        return
    if off >= SKEW_FAIL_SECONDS:
        yield fail("clock", f"is {in_words(off)} off", "Set this machine's clock; signatures fail otherwise.")
    elif off >= SKEW_WARN_SECONDS:
        yield warn("clock", f"is {in_words(off)} off", "Set this machine's clock.")
    else:
        yield ok("clock", "agrees")


def _key(easel: Easel) -> Iterator[Finding]:
    try:
        key = easel.keys.whoami()
    except NotFoundError:
        yield warn("key", "the deployment is too old to tell what it may do", "Deploy it anew.")
        return
    except EaselError as error:
        yield fail("key", error.message, error.advice)
        return
    name = f"{key.name or key.id} of tenant {key.tenant}"
    if not key.scopes:
        yield fail("key", f"{name} may do nothing", "An admin key can give it scopes: `easel keys change`.")
    else:
        yield ok("key", f"{name}, may {', '.join(key.scopes)}")
    ends = moment(key.raw.get("expires_at"))
    if ends is not None and ends - datetime.now(UTC) < ENDS_SOON:
        yield warn("key", f"works until {ends:%Y-%m-%d %H:%M} UTC", "`easel keys change` or `rotate`.")
    yield from _limits(key)


def _limits(key: ApiKey) -> Iterator[Finding]:
    """Those that are used up now."""
    for whose, prefix in (("the key's", ""), ("the tenant's", "tenant_")):
        limits = key.raw.get(f"{prefix}limits" if prefix else "limits") or {}
        used = key.raw.get(f"{prefix}used" if prefix else "used") or {}
        for name, most in limits.items():
            if most is not None and _number(used.get(name)) >= _number(most):
                advice = (
                    "It renews itself, or an admin key raises it: `easel keys change`, `easel keys tenant`."
                )
                yield warn("limit", f"{whose} {name} of {most} is used up", advice)


def _models(easel: Easel) -> Iterator[Finding]:
    try:
        found = easel.models()
    except EaselError as error:
        yield warn("models", error.message, error.advice)
        return
    routes = [route for model in found for route in model.routes]
    ready = sorted({route.vendor for route in routes if route.ready})
    missing = sorted({route.vendor for route in routes} - set(ready))
    if not ready:
        yield fail(
            "models", "no vendor has a key", "Put one into the secret; `easel doctor --aws` says where."
        )
        return
    count = sum(model.ready for model in found)
    without = f"; no key for {', '.join(missing)}" if missing else ""
    yield ok("models", f"{count} of {len(found)} are ready, through {', '.join(ready)}{without}")
    if ailing := sorted({route.name for route in routes if route.ready and route.health not in ("", "ok")}):
        yield warn("routes", f"{', '.join(ailing)} fail or rest at the moment", "Others are asked instead.")


def _number(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)
