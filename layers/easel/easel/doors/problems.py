"""Errors as problem documents (RFC 9457): a stable `code`, and the fields that are wrong."""

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response
from pydantic import ValidationError

from easel.domain.request import GenerationRequest, Lora
from easel.errors import FieldProblem, InvalidRequestError, MalformedRequestError, RequestError

CONTENT_TYPE = "application/problem+json"
PROBLEMS_MAX, FIELD_CHARACTERS_MAX = 20, 100  # callers choose names and number of unknown fields
LIMIT_KEYS = ("max_length", "min_length", "le", "ge", "lt", "gt")


def problem_response(error: RequestError) -> Response[str]:
    """The answer for a request that cannot be served."""
    body: dict[str, Any] = {
        "type": f"urn:easel:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    if error.problems:
        body["errors"] = [_field(problem) for problem in error.problems]
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return Response(error.status, CONTENT_TYPE, json.dumps(body), headers=headers)


def internal_response(request_id: str) -> Response[str]:
    """The answer where the fault is ours; the id leads to the log line."""
    body = {
        "type": "urn:easel:problem:internal",
        "title": "Easel failed",
        "status": 500,
        "detail": "The fault is ours. The same request with the same Idempotency-Key may be sent again.",
        "code": "internal",
        "request_id": request_id,
    }
    return Response(500, CONTENT_TYPE, json.dumps(body))


def parse_request(body: str) -> GenerationRequest:
    """The body as a request. Raises MalformedRequestError or InvalidRequestError."""
    try:
        return GenerationRequest.model_validate_json(body)
    except ValidationError as error:
        # The input may hold the prompt: it stays out of what is raised, answered and logged.
        faults = error.errors(include_url=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        raise MalformedRequestError(f"The body is not JSON: {faults[0]['ctx']['error']}.")
    problems = [_problem(fault) for fault in faults[:PROBLEMS_MAX]]
    fields = ", ".join(dict.fromkeys(problem.field for problem in problems))
    raise InvalidRequestError(f"The request is not valid; see: {fields}.", problems)


def _problem(fault: Any) -> FieldProblem:
    field = ".".join(str(part) for part in fault["loc"])[:FIELD_CHARACTERS_MAX] or "body"
    context = fault.get("ctx", {})
    if fault["type"] == "extra_forbidden":
        what, owner = ("LoRA", Lora) if len(fault["loc"]) > 1 else ("request", GenerationRequest)
        return FieldProblem(field, f"is not a field of a {what}", allowed=tuple(owner.model_fields))
    limits = [str(context[key]) for key in LIMIT_KEYS if key in context]
    message = fault["msg"].removeprefix("Value error, ")
    return FieldProblem(field, message, limit=limits[0] if limits else None)


def _field(problem: FieldProblem) -> dict[str, Any]:
    field: dict[str, Any] = {"field": problem.field, "message": problem.message}
    if problem.limit is not None:
        field["limit"] = problem.limit
    if problem.allowed is not None:
        field["allowed"] = list(problem.allowed)
    return field
