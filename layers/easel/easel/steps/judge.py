"""Judge a row of a batch before anything is bought: what it asks for and may cost, or what is wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from easel.domain.reading import request_of
from easel.domain.request import DEADLINE_SECONDS_MAX, GenerationRequest
from easel.domain.rows import BadRow, Row
from easel.domain.tenancy import Caller, checked_tenant
from easel.errors import FieldProblem, InvalidRequestError, RequestError
from easel.routing import Choice
from easel.steps.create import most_usd

Choose = Callable[[Caller, GenerationRequest], Sequence[Choice]]


@dataclass(frozen=True, slots=True)
class Judged:
    """A row that was read and held against the routes. One with `problems` is refused, and costs nothing.

    `fields` are its request's, and none where it cannot be read; `routes` are the names of those it may take.
    """

    number: int
    custom_id: str | None
    tenant: str
    fields: Mapping[str, Any] = field(repr=False)
    problems: tuple[FieldProblem, ...] = ()
    usd: Decimal = Decimal(0)
    routes: tuple[str, ...] = ()


def judged(said: Row | BadRow, caller: Caller, choose: Choose, inbox: str, *, trusted: bool) -> Judged:
    """What Prepare takes the row for, and what a dry run tells of it.

    Rows of a trusted batch alone may name other tenants than the caller's, and input images of the inbox,
    whose URIs begin with `inbox`.
    """
    if isinstance(said, BadRow):
        return Judged(said.number, said.custom_id, caller.tenant, {}, (said.problem,))
    fields = dict(said.fields)
    tenant = fields.pop("tenant", caller.tenant)
    fields.setdefault("deadline_seconds", DEADLINE_SECONDS_MAX)  # rows wait for their turns
    try:
        if checked_tenant(tenant) != caller.tenant and not trusted:
            raise InvalidRequestError("", [FieldProblem("tenant", "cannot be named here")])
        request = request_of(fields)
        if not trusted and any(image.startswith(inbox) for image in request.images):
            raise InvalidRequestError("", [FieldProblem("images", "cannot lie in the inbox here")])
        routes = [choice.route for choice in choose(caller.on_behalf_of(tenant), request)]
    except RequestError as error:
        problems = error.problems or (FieldProblem("row", error.detail),)
        return Judged(said.number, said.custom_id, caller.tenant, fields, problems)
    names = tuple(route.name for route in routes)
    return Judged(said.number, said.custom_id, tenant, fields, (), most_usd(request, routes), names)


def told_twice(number: int | None) -> FieldProblem:
    """What is wrong with a row whose custom id a row before it has: both would be the same generation."""
    return FieldProblem("custom_id", f"is the custom_id of row {number} too")
