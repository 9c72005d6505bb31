"""`make keys ARGS="..."`: API keys and tenants' limits, made, listed, rotated, changed and revoked.

They are kept in the running local stack's table; with `--stack NAME` in that of a stack on AWS, with the AWS
settings of the shell. A secret is printed once, when it is made: only its hash is kept.
"""

import argparse
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from easel.aws.key_book import KeyBook
from easel.catalogue import CATALOGUE
from easel.domain.tenancy import ApiKey, Limits, Scope, Tenant, checked_tenant
from easel.errors import RequestError
from local.aws_endpoint import AwsEndpoint
from local.build import REPOSITORY
from local.deploy import stack_outputs
from local.failure import StackError
from local.settings import read_settings
from local.stack import STACK

LIMITS = tuple(Limits.model_fields)
OVERLAP_HOURS = 24
NONE = "none"  # on the command line: takes a limit away


def main(words: list[str] | None = None) -> int:
    """Do what the words say; return the exit status."""
    given = _parser().parse_args(words)
    try:
        print(_done(_book(given.stack), given))
    except (StackError, RequestError, ValidationError) as error:
        print(f"easel: {_reason(error)}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        place = given.stack or "the local stack (is `make run` running?)"
        print(f"easel: {place} cannot be asked: {error}", file=sys.stderr)
        return 1
    return 0


def _done(book: KeyBook, given: argparse.Namespace) -> str:
    match given.what:
        case "create":
            secret, key = book.create(checked_tenant(given.tenant), **_known(given))
            return secret if given.plain else f"{line_of(key)}\n{secret}"
        case "list":
            return "\n".join(map(line_of, book.list(given.tenant))) or "There are no keys."
        case "rotate":
            older = sum(key.id == given.key for key in book.list()) > 1
            secret, key = book.rotate(given.key, timedelta(hours=given.overlap_hours))
            ended = "The one before it does not work any more.\n" if older else ""
            former = f"The former secret works for {given.overlap_hours:g} h more.\n"
            return f"{line_of(key)}\n{former}{ended}{secret}"
        case "change":
            before = next((key for key in book.list() if key.id == given.key), None)
            return line_of(book.change(given.key, **_known(given, before.limits if before else None)))
        case "revoke":
            return f"{line_of(book.revoke(given.key))}\nIts secrets stop working within half a minute."
        case _:
            name = checked_tenant(given.tenant)
            known: dict[str, Any] = {"limits": _limits(given, book.tenant(name).limits)}
            if given.webhook is not None:
                known["webhook"] = None if given.webhook == NONE else {"url": given.webhook}
            return _tenant_line(book.set_tenant(name, **known))


def line_of(key: ApiKey) -> str:
    """A key in a line: never its secret."""
    parts = [key.id, f"tenant {key.tenant}", f"{key.prefix}..."]
    parts += [repr(key.name)] if key.name else []
    parts += [f"scopes {','.join(sorted(key.scopes))}"] if set(key.scopes) != set(Scope) else []
    parts += [f"models {','.join(key.models)}"] if key.models is not None else []
    parts += [f"routes {','.join(key.routes)}"] if key.routes is not None else []
    parts += _limit_words(key.limits)
    parts += [f"until {key.expires_at:%Y-%m-%d %H:%M} UTC"] if key.expires_at else []
    return "  ".join(parts)


def _tenant_line(tenant: Tenant) -> str:
    hook = [f"webhook {tenant.webhook.url}"] if tenant.webhook else []
    return "  ".join([f"tenant {tenant.id}", *_limit_words(tenant.limits), *hook])


def _limit_words(limits: Limits) -> list[str]:
    set_ones = {name: getattr(limits, name) for name in LIMITS if getattr(limits, name) is not None}
    return [f"{name} {value}" for name, value in set_ones.items()] or ["no limits"]


def _known(given: argparse.Namespace, before: Limits | None = None) -> dict[str, Any]:
    """What the command line says of a key."""
    known: dict[str, Any] = {"limits": _limits(given, before or Limits())}
    if given.name is not None:
        known["name"] = given.name
    if given.scopes is not None:
        known["scopes"] = frozenset(given.scopes.split(","))
    for name, allowed in (("models", CATALOGUE.models), ("routes", tuple(CATALOGUE.routes))):
        text = getattr(given, name)
        if text is not None:
            known[name] = None if text == NONE else _listed(name, text, allowed)
    if given.expires_in_days is not None:
        known["expires_at"] = datetime.now(UTC) + timedelta(days=given.expires_in_days)
    return known


def _listed(name: str, text: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(text.split(","))
    if unknown := [word for word in words if word not in allowed]:
        raise StackError(f"--{name}: {', '.join(unknown)} not known; there are {', '.join(allowed)}.")
    return words


def _limits(given: argparse.Namespace, before: Limits) -> Limits:
    said = {name: getattr(given, name) for name in LIMITS if getattr(given, name) is not None}
    changes = {name: None if text == NONE else text for name, text in said.items()}
    return Limits.model_validate(before.model_dump() | changes)


def _book(aws_stack: str | None) -> KeyBook:
    if aws_stack:
        cloudformation, dynamodb = boto3.client("cloudformation"), boto3.client("dynamodb")
    else:
        port = read_settings(os.environ, REPOSITORY / ".env").aws_port
        endpoint = AwsEndpoint(f"http://127.0.0.1:{port}")
        cloudformation, dynamodb = endpoint.client("cloudformation"), endpoint.client("dynamodb")
    return KeyBook(dynamodb, stack_outputs(cloudformation, aws_stack or STACK)["TableName"])


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"


def _hours(text: str) -> float:
    return _bounded(text, 0, 24 * 366)


def _days(text: str) -> float:
    return _bounded(text, 0.001, 36_600)


def _bounded(text: str, low: float, high: float) -> float:
    value = float(text)
    if not low <= value <= high:  # nor is what is no number
        raise argparse.ArgumentTypeError(f"must be {low:g} to {high:g}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keys", description="API keys and tenants of an Easel.")
    parser.add_argument("--stack", help="the name of a stack on AWS; without it the local one")
    whats = parser.add_subparsers(dest="what", required=True)
    create = whats.add_parser("create", help="make a key, and print its secret")
    create.add_argument("--tenant", required=True)
    create.add_argument("--plain", action="store_true", help="print the secret and nothing else")
    _add_key_options(create)
    listing = whats.add_parser("list", help="every key, by the first characters of its secret")
    listing.add_argument("--tenant")
    rotate = whats.add_parser("rotate", help="make a new secret; the former one works for a while beside it")
    rotate.add_argument("key", help="such as key_01K...")
    rotate.add_argument("--overlap-hours", type=_hours, default=OVERLAP_HOURS)
    change = whats.add_parser("change", help="change a key's limits, scopes, models or routes")
    change.add_argument("key")
    _add_key_options(change)
    revoke = whats.add_parser("revoke", help="end a key")
    revoke.add_argument("key")
    tenant = whats.add_parser("tenant", help="set what holds for all of a tenant's keys, and show it")
    tenant.add_argument("tenant")
    tenant.add_argument("--webhook", help=f"where the ends of its generations are told, or {NONE}")
    _add_limits(tenant)
    return parser


def _add_key_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", help="for people")
    parser.add_argument("--scopes", help=f"of {','.join(Scope)}; all of them unless named")
    parser.add_argument("--models", help=f"the models that it may name, or {NONE} for all")
    parser.add_argument("--routes", help=f"the routes that may serve it, or {NONE} for all")
    parser.add_argument("--expires-in-days", type=_days)
    _add_limits(parser)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    for name in LIMITS:
        words = Limits.model_fields[name].description
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"{words}; {NONE} for no limit")


if __name__ == "__main__":
    sys.exit(main())
