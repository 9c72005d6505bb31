"""A generation as callers see it: in answers, in events, and as the state machine's output."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from easel.domain.completion import estimated_completion
from easel.domain.generation import Attempt, Generation, Status
from easel.domain.request import GenerationRequest
from easel.errors import FieldProblem, RequestError
from easel.plain import time_view
from easel.receipt import receipt


def generation_view(
    generation: Generation,
    uri: Callable[[str], str],
    sign: Callable[[str], str] | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The generation as JSON values. `uri` names an object, `sign` makes a link to it; `now` is the time by
    which its completion is estimated.

    Without `sign` no link opens anything, not the caller's own either: events and workflow outputs are kept.
    """
    attempt = generation.attempt
    return {
        "id": generation.id,
        "status": generation.status.value,
        "model": generation.request.model,
        "route": generation.route or generation.routes[0],
        "routes": list(generation.routes),
        "created_at": time_view(generation.created_at),
        "updated_at": time_view(generation.updated_at),
        "deadline_at": time_view(generation.deadline_at),
        "estimated_completion_at": time_view(estimated_completion(generation, now or generation.updated_at)),
        "ended_at": time_view(generation.ended_at),
        "request": request_view(generation.request) if sign else kept_request_view(generation.request),
        "parameters": generation.parameters.model_dump(mode="json") if generation.parameters else None,
        "images": [_image(generation, number, uri, sign) for number in range(len(generation.images))],
        "shortfall": shortfall(generation),
        "seed": generation.seed,
        "actual_prompt": generation.actual_prompt,
        "vendor": _vendor(attempt) if attempt else None,
        "receipt": receipt(generation),
        "error": generation.error.model_dump(mode="json") if generation.error else None,
        "metadata": dict(generation.request.metadata),
        "correlation_id": generation.origin.correlation_id,
        "batch": generation.origin.batch,
        "links": {
            "self": f"/v1/generations/{generation.id}",
            "events": f"/v1/generations/{generation.id}/events",
        },
    }


def request_view(request: GenerationRequest) -> dict[str, Any]:
    """The request as it came, without what was left out, and without a webhook's secret."""
    view: dict[str, Any] = request.model_dump(
        mode="json", exclude_defaults=True, exclude={"webhook": {"secret"}}
    )
    return view


def kept_request_view(request: GenerationRequest) -> dict[str, Any]:
    """The same with links that open nothing: what does stands in a query, of a webhook also in its path."""
    view = request_view(request)
    if "images" in view:
        view["images"] = [_bare(image) for image in view["images"]]
    if "lora" in view:
        view["lora"] |= {"weights": _bare(view["lora"]["weights"])}
    if "webhook" in view:
        view["webhook"] |= {"url": re.sub(r"(://[^/?#]*).*", r"\1", view["webhook"]["url"])}
    return view


def _bare(link: str) -> str:
    return re.split("[?#]", link, maxsplit=1)[0] if link.startswith(("https:", "http:")) else link


def shortfall(generation: Generation) -> int:
    """How many images fewer than asked for were delivered; 0 until the generation succeeded."""
    asked = generation.request.n or 1
    return asked - len(generation.images) if generation.status is Status.SUCCEEDED else 0


def _image(
    generation: Generation, number: int, uri: Callable[[str], str], sign: Callable[[str], str] | None
) -> dict[str, Any]:
    image = generation.images[number]
    link = {"url": sign(image.key)} if sign else {}
    return link | {"s3_uri": uri(image.key)} | image.model_dump(mode="json", exclude={"key"})


def _vendor(attempt: Attempt) -> dict[str, Any]:
    return {
        "name": attempt.route.split("/")[0],
        "task_id": attempt.task_id,
        "request_id": attempt.request_id,
        "status": attempt.vendor_status,
    }


def problem_view(error: RequestError) -> dict[str, Any]:
    """A refusal as the body of a problem document (RFC 9457)."""
    body: dict[str, Any] = {
        "type": f"urn:easel:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    if error.reached is not None:
        body["limit"] = {
            "name": error.reached.name,
            "owner": error.reached.owner,
            "allowed": error.reached.allowed,
            "retry_after_seconds": error.reached.retry_after_seconds,
        }
    if error.problems:
        body["errors"] = [field_view(problem) for problem in error.problems]
    return body


def field_view(problem: FieldProblem) -> dict[str, Any]:
    """One field that is wrong."""
    field: dict[str, Any] = {"field": problem.field, "message": problem.message}
    if problem.limit is not None:
        field["limit"] = problem.limit
    if problem.allowed is not None:
        field["allowed"] = list(problem.allowed)
    return field
