"""The HTTP API's calls on keys and tenants: the key that asks, and what an administrator does."""

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.domain.key_orders import KeyOrder, KeyTerms, Rotation, TenantTerms
from easel.domain.reading import parse_as
from easel.domain.tenancy import ApiKey, BookedKey, Caller, Scope
from easel.domain.tenants import Limits, Tenant
from easel.doors.answers import json_answer
from easel.doors.http_input import caller_of, header, json_body, query_of
from easel.errors import FieldProblem, InvalidRequestError
from easel.plain import time_view
from easel.steps.gate import Gate
from easel.steps.key_desk import KeyDesk
from easel.steps.standing import Standing, Standings


@dataclass(frozen=True, slots=True)
class KeyDoor:
    """What the calls on keys need."""

    gate: Gate
    standings: Standings
    desk: KeyDesk

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """The calls, which have no path in common but those of keys and of tenants."""
        _add_own_key(app, self.gate, self.standings)
        _add_keys(app, self.gate, self.desk)
        _add_tenants(app, self)


def _add_own_key(app: APIGatewayHttpResolver, gate: Gate, standings: Standings) -> None:
    @app.get("/v1/key")
    def own_key() -> Response[str]:
        caller = gate.known(header(app, "authorization"))
        of_key, of_tenant = standings.of(caller)
        view = {
            **(key_view(caller.key) if caller.key else {}),
            "used": used_view(of_key),
            "tenant_limits": limits_view(of_tenant.limits),
            "tenant_used": used_view(of_tenant),
        }
        return json_answer(200, view)


def _add_keys(app: APIGatewayHttpResolver, gate: Gate, desk: KeyDesk) -> None:
    def administrator() -> Caller:
        return caller_of(app, gate, Scope.ADMIN)

    @app.post("/v1/keys")
    def create() -> Response[str]:
        asking = administrator()
        _check_unrepeatable(app)
        secret, key = desk.create(asking, parse_as(KeyOrder, json_body(app)))
        return json_answer(201, {"secret": secret, **booked_view(key)})

    @app.get("/v1/keys")
    def page() -> Response[str]:
        administrator()
        query = query_of(app, "tenant", "cursor")
        found = desk.page(query.get("tenant"), query.get("cursor"))
        views = [booked_view(key) for key in found.keys]
        return json_answer(200, {"data": views, "next_cursor": found.cursor})

    @app.patch("/v1/keys/<key_id>")
    def change(key_id: str) -> Response[str]:
        asking = administrator()
        return json_answer(200, booked_view(desk.change(asking, key_id, parse_as(KeyTerms, json_body(app)))))

    @app.post("/v1/keys/<key_id>/rotate")
    def rotate(key_id: str) -> Response[str]:
        asking = administrator()
        _check_unrepeatable(app)
        given = parse_as(Rotation, json_body(app)) if app.current_event.body else Rotation()
        secret, key = desk.rotate(asking, key_id, given)
        return json_answer(200, {"secret": secret, **booked_view(key)})

    @app.delete("/v1/keys/<key_id>")
    def revoke(key_id: str) -> Response[str]:
        return json_answer(200, booked_view(desk.revoke(administrator(), key_id)))


def _add_tenants(app: APIGatewayHttpResolver, door: KeyDoor) -> None:
    @app.get("/v1/tenants/<tenant>")
    def get(tenant: str) -> Response[str]:
        caller_of(app, door.gate, Scope.ADMIN)
        return answer(door.desk.tenant(tenant))

    @app.patch("/v1/tenants/<tenant>")
    def change(tenant: str) -> Response[str]:
        asking = caller_of(app, door.gate, Scope.ADMIN)
        return answer(door.desk.change_tenant(asking, tenant, parse_as(TenantTerms, json_body(app))))

    def answer(tenant: Tenant) -> Response[str]:
        return json_answer(200, tenant_view(tenant, door.standings.of_tenant(tenant)))


def _check_unrepeatable(app: APIGatewayHttpResolver) -> None:
    """Who sends an Idempotency-Key counts on a second answer like the first, but a secret is told once: only
    its hash is kept. Left unread, the header would make a second key of a repeat."""
    if header(app, "idempotency-key") is not None:
        problem = FieldProblem("Idempotency-Key", "cannot be honoured here: no secret is told a second time")
        raise InvalidRequestError("Send this without an Idempotency-Key.", [problem])


def key_view(key: ApiKey) -> dict[str, Any]:
    """A key as people see it: never its secret, nor the hash of it."""
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "prefix": key.prefix,
        "scopes": sorted(scope.value for scope in key.scopes),
        "models": None if key.models is None else list(key.models),
        "routes": None if key.routes is None else list(key.routes),
        "limits": limits_view(key.limits),
        "created_at": time_view(key.created_at),
        "expires_at": time_view(key.expires_at),
    }


def booked_view(booked: BookedKey) -> dict[str, Any]:
    """A key as its administrators see it."""
    former = booked.former
    told = {"prefix": former.prefix, "expires_at": time_view(former.expires_at)} if former else None
    return {**key_view(booked.key), "former": told}


def tenant_view(tenant: Tenant, standing: Standing) -> dict[str, Any]:
    """What is set for a tenant. A webhook's own secret is not shown again."""
    hook = tenant.webhook
    return {
        "tenant": tenant.id,
        "limits": limits_view(tenant.limits),
        "used": used_view(standing),
        "webhook": hook.model_dump(mode="json", exclude={"secret"}, exclude_defaults=True) if hook else None,
    }


def limits_view(limits: Limits) -> dict[str, Any]:
    """Every limit; null where there is none. Dollars are decimal text."""
    return limits.model_dump(mode="json")


def used_view(standing: Standing) -> dict[str, Any]:
    """What is used of every limit, in the limit's own form; null where there is none."""
    return {
        name: used if used is None else format(used, "f") if name.startswith("usd") else int(used)
        for name, used in standing.used.items()
    }
