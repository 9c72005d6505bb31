"""Reading a request: from JSON to the validated model, or to a refusal that names the fields."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from easel.domain.request import GenerationRequest, Lora
from easel.errors import FieldProblem, InvalidRequestError, MalformedRequestError

PROBLEMS_MAX, FIELD_CHARACTERS_MAX = 20, 100  # callers choose names and number of unknown fields
LIMIT_KEYS = ("max_length", "min_length", "le", "ge", "lt", "gt")


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


def request_of(fields: Mapping[str, Any]) -> GenerationRequest:
    """JSON values as a request, by the same rules as a body. Raises InvalidRequestError."""
    return parse_request(json.dumps(dict(fields)))
