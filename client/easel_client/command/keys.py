"""`easel keys`: API keys and tenants' limits, by a key with the scope `admin`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from easel_client.command.context import Json, Profile, client_of, terminal_of
from easel_client.command.terminal import Terminal
from easel_client.keys import ApiKey

NONE = "none"  # on the command line: takes a limit away
LIMITS = ("concurrency", "per_minute", "usd_per_day", "usd_per_month")
LIST_HEAD = ("id", "tenant", "name", "begins with", "scopes", "limits", "until")

app = typer.Typer(no_args_is_help=True, help="API keys and limits.")

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="key_...", show_default=False)]
Tenant = Annotated[str, typer.Option("--tenant", help="Whose key it is.", show_default=False)]
Name = Annotated[str | None, typer.Option("--name", help="For people.", show_default=False)]
Scopes = Annotated[
    str | None,
    typer.Option(
        "--scopes", help="Of generate,read,batch,usage,webhook,admin; all but admin unless named.",
        show_default=False,
    ),
]  # fmt: skip
Models = Annotated[
    str | None, typer.Option("--models", help="Those that it may name; none: all.", show_default=False)
]
Routes = Annotated[
    str | None, typer.Option("--routes", help="Those that may serve it; none: all.", show_default=False)
]
Days = Annotated[
    str | None,
    typer.Option("--expires-in-days", help="Until it works no more; none: never.", show_default=False),
]
Concurrency = Annotated[
    str | None, typer.Option("--concurrency", help="Generations at a time; none: any.", show_default=False)
]
PerMinute = Annotated[
    str | None, typer.Option("--per-minute", help="Requests a minute; none: any.", show_default=False)
]
PerDay = Annotated[
    str | None, typer.Option("--usd-per-day", help="Dollars a day (UTC); none: any.", show_default=False)
]
PerMonth = Annotated[
    str | None, typer.Option("--usd-per-month", help="Dollars a month (UTC); none: any.", show_default=False)
]


@app.command()
def whoami(ctx: typer.Context, as_json: Json = False, profile: Profile = None) -> None:
    """The key in use: what it may do, its limits, and what of them is used."""
    easel, terminal = client_of(ctx), terminal_of(ctx)
    key = easel.keys.whoami()
    terminal.data(key.raw)
    facts = [("at", f"{easel.connection.url} ({easel.connection.source})"), *_facts(key)]
    facts += _used("", key.raw.get("limits"), key.raw.get("used"))
    facts += _used("tenant's ", key.raw.get("tenant_limits"), key.raw.get("tenant_used"))
    terminal.table(("", ""), facts)


@app.command()
def create(
    ctx: typer.Context,
    tenant: Tenant,
    name: Name = None,
    scopes: Scopes = None,
    models: Models = None,
    routes: Routes = None,
    concurrency: Concurrency = None,
    per_minute: PerMinute = None,
    usd_per_day: PerDay = None,
    usd_per_month: PerMonth = None,
    expires_in_days: Days = None,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Make a key. Its secret is on standard output, this once."""
    _tell_secret(terminal_of(ctx), client_of(ctx).keys.create(tenant, **_known(ctx.params)))


@app.command("list")
def listing(
    ctx: typer.Context,
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="Only this tenant's.", show_default=False)
    ] = None,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Every key, by the first characters of its secret."""
    found, terminal = client_of(ctx).keys.list(tenant), terminal_of(ctx)
    terminal.data({"data": [key.raw for key in found]})
    terminal.table(LIST_HEAD, [_row(key) for key in found])


@app.command()
def rotate(
    ctx: typer.Context,
    key: KeyId,
    overlap_hours: Annotated[
        float | None,
        typer.Option("--overlap-hours", help="That the former secret still works; 24.", show_default=False),
    ] = None,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Exchange a key's secret; the former one works for a while beside it."""
    _tell_secret(terminal_of(ctx), client_of(ctx).keys.rotate(key, overlap_hours))


@app.command()
def change(
    ctx: typer.Context,
    key: KeyId,
    name: Name = None,
    scopes: Scopes = None,
    models: Models = None,
    routes: Routes = None,
    concurrency: Concurrency = None,
    per_minute: PerMinute = None,
    usd_per_day: PerDay = None,
    usd_per_month: PerMonth = None,
    expires_in_days: Days = None,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Change what a key may do; what is left out stays."""
    terminal, known = terminal_of(ctx), _known(ctx.params)
    if not known:
        raise typer.BadParameter("there is nothing to change; see --help")
    changed = client_of(ctx).keys.change(key, **known)
    terminal.data(changed.raw)
    terminal.table(("", ""), _facts(changed))
    terminal.note("It holds within half a minute.")


@app.command()
def revoke(ctx: typer.Context, key: KeyId, as_json: Json = False, profile: Profile = None) -> None:
    """End a key."""
    terminal = terminal_of(ctx)
    client_of(ctx).keys.revoke(key)
    terminal.data({"id": key, "revoked": True})
    terminal.say(f"{key} stops working within half a minute.")


@app.command()
def tenant(
    ctx: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", show_default=False)],
    concurrency: Concurrency = None,
    per_minute: PerMinute = None,
    usd_per_day: PerDay = None,
    usd_per_month: PerMonth = None,
    webhook: Annotated[
        str | None,
        typer.Option("--webhook", help="Where its generations' ends are told; none.", show_default=False),
    ] = None,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """What holds for all of a tenant's keys; with options it is changed first."""
    terminal = terminal_of(ctx)
    known: dict[str, Any] = {}
    if limits := _limits(ctx.params):
        known["limits"] = limits
    if webhook is not None:
        known["webhook"] = None if webhook == NONE else webhook
    raw = client_of(ctx).keys.tenant(tenant, **known)
    terminal.data(raw)
    facts = [("tenant", tenant), ("limits", _limit_words(raw.get("limits")))]
    hook = raw.get("webhook")
    facts += [("webhook", str(hook.get("url") if isinstance(hook, dict) else hook))] if hook else []
    terminal.table(("", ""), facts)


def _known(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the command line says of a key, as the API takes it; `none` is null."""
    known: dict[str, Any] = {"name": given["name"]} if given["name"] is not None else {}
    for field in ("scopes", "models", "routes"):
        if given[field] is not None:
            known[field] = None if given[field] == NONE else given[field].split(",")
    if given["expires_in_days"] is not None:
        known["expires_in_days"] = _number("expires_in_days", given["expires_in_days"])
    if limits := _limits(given):
        known["limits"] = limits
    return known


def _limits(given: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: given[name] for name in LIMITS if given[name] is not None}
    return {
        name: None if text == NONE else text if name.startswith("usd") else _number(name, text)
        for name, text in said.items()
    }


def _number(name: str, text: str) -> int | float | None:
    try:
        return None if text == NONE else int(text) if text.isdigit() else float(text)
    except ValueError:
        raise typer.BadParameter(f"--{name.replace('_', '-')} must be a number, or {NONE}") from None


def _tell_secret(terminal: Terminal, key: ApiKey) -> None:
    """The secret alone on standard output, so that a script can take it from there."""
    terminal.data({**key.raw, "secret": key.secret})
    for name, value in _facts(key):
        if not terminal.as_json:
            terminal.note(f"{name:<12}{value}")
    terminal.note("The secret is told this once:")
    terminal.say(key.secret or "")


def _facts(key: ApiKey) -> list[tuple[str, str]]:
    raw = key.raw
    facts = [
        ("key", key.id),
        ("name", key.name),
        ("tenant", key.tenant),
        ("begins with", str(raw.get("prefix") or "")),
        ("scopes", ", ".join(key.scopes)),
        ("models", ", ".join(raw.get("models") or ()) or "all"),
        ("routes", ", ".join(raw.get("routes") or ()) or "all"),
        ("limits", _limit_words(raw.get("limits"))),
        ("until", str(raw.get("expires_at") or "")),
    ]
    return [(name, value) for name, value in facts if value]


def _row(key: ApiKey) -> tuple[str, ...]:
    raw = key.raw
    prefix, ends = f"{raw.get('prefix') or ''}…", str(raw.get("expires_at") or "")[:10]
    return key.id, key.tenant, key.name, prefix, ",".join(key.scopes), _limit_words(raw.get("limits")), ends


def _limit_words(limits: Any) -> str:
    known = limits if isinstance(limits, dict) else {}
    return ", ".join(f"{name} {value}" for name, value in known.items() if value is not None) or "none"


def _used(whose: str, limits: Any, used: Any) -> list[tuple[str, str]]:
    known, spent = (one if isinstance(one, dict) else {} for one in (limits, used))
    return [
        (f"{whose}{name}", f"{spent.get(name) or 0} of {most} used")
        for name, most in known.items()
        if most is not None
    ]
