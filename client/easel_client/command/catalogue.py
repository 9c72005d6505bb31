"""`easel models` and `easel usage`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from easel_client.answers import Money
from easel_client.catalogue import Model, ModelRoute, Usage
from easel_client.command import completion
from easel_client.command.context import Json, Profile, client_of, terminal_of
from easel_client.command.terminal import Terminal
from easel_client.command.words import amount
from easel_client.durations import in_words
from easel_client.errors import NotFoundError


def models(
    ctx: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(help="One of them, in detail.", autocompletion=completion.models, show_default=False),
    ] = None,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Models, their routes, prices and times."""
    terminal = terminal_of(ctx)
    found = client_of(ctx).models()
    completion.remember(found)
    if model is not None:
        _tell_model(terminal, _one(found, model))
        return
    terminal.data({"data": [one.raw for one in found]})
    if not terminal.looked_at:
        terminal.table((), [(one.id, *_facts(route)) for one in found for route in one.routes])
        return
    rows: list[tuple[str, ...]] = []
    for one in found:
        rows.append((one.id, "", "", ""))
        rows += [(f"  {name}", *rest) for name, *rest in map(_facts, one.routes)]
    terminal.table(("route", "a picture", "takes about", ""), rows, right=("a picture", "takes about"))


def usage(
    ctx: typer.Context,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day (UTC).", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day; today.", show_default=False)
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="The last days, instead.", show_default=False)
    ] = None,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """What was spent, by day and route.

    These are the last 30 days unless told otherwise.
    """
    if days is not None and since is None:
        since = (datetime.now(UTC).date() - timedelta(days=days - 1)).isoformat()
    spent, terminal = client_of(ctx).usage(since, until), terminal_of(ctx)
    terminal.data(spent.raw)
    terminal.table(
        ("day", "route", "pictures", "failed", "billed", "possibly billed"),
        [_usage_row(row) for row in spent.rows],
        right=("pictures", "failed", "billed", "possibly billed"),
    )
    if terminal.looked_at:
        terminal.say(_usage_sum(spent))


def _facts(route: ModelRoute) -> tuple[str, str, str, str]:
    """Name, price, time and state of a route."""
    price, seconds = amount(route.price, _usd(route.estimated_usd)), in_words(route.typical_seconds)
    return route.name, price, seconds, route.health if route.ready else "no key"


def _tell_model(terminal: Terminal, model: Model) -> None:
    terminal.data(model.raw)
    for route in model.routes:
        name, price, seconds, state = _facts(route)
        terminal.say(f"{name}  {price} a picture, about {seconds}, {state}")
        if route.sizes:
            terminal.say(f"  sizes  {', '.join(size.replace('*', 'x') for size in route.sizes)}")
        for field, schema in (route.parameters.get("properties") or {}).items():
            if field != "size" and (bounds := _bounds(schema)):
                terminal.say(f"  {field}  {bounds}")


def _bounds(schema: Any) -> str:
    """What a parameter may be, by its JSON Schema."""
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    low, high = schema.get("minimum"), schema.get("maximum")
    parts = [f"{low} to {high}" if low != high else str(low)] if None not in (low, high) else []
    parts += [f"up to {schema['maxLength']} characters"] if "maxLength" in schema else []
    parts += [f"{schema['minItems']} to {schema['maxItems']}"] if "maxItems" in schema else []
    parts += ["yes or no"] if schema.get("type") == "boolean" else []
    return ", ".join(parts)


def _one(found: tuple[Model, ...], name: str) -> Model:
    known = {model.id: model for model in found}
    if name in known:
        return known[name]
    raise NotFoundError(f"There is no model {name!r}.", f"There are {', '.join(known)}.", status=404)


def _usage_row(row: Any) -> tuple[str, ...]:
    wrong = sum(int(row.get(name) or 0) for name in ("failed", "canceled", "expired"))
    usd = row.get("usd") or {}
    billed, maybe = (
        amount(Money.of(row.get(figure)), Money.of(usd.get(figure)))
        for figure in ("billed", "possibly_billed")
    )
    return str(row.get("day")), str(row.get("route")), str(row.get("images")), str(wrong), billed, maybe


def _usage_sum(spent: Usage) -> str:
    totals, usd = spent.totals, spent.totals.get("usd") or {}
    pictures, billed = totals.get("images"), Money.of(usd.get("billed"))
    maybe, aws = Money.of(usd.get("possibly_billed")), Money.of(totals.get("aws_estimate"))
    line = f"\n{spent.since} to {spent.until}: {pictures} pictures, {billed or 'nothing'} billed"
    line += f", {maybe} possibly billed" if maybe and maybe.amount else ""
    return f"{line}; AWS about {aws}." if aws else f"{line}."


def _usd(estimated: Any) -> Money | None:
    return Money(estimated, "USD") if estimated is not None else None
