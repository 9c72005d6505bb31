"""Reading a request: from JSON to the validated model, or to a refusal that names the fields."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from easel.domain.request import GenerationRequest
from easel.domain.submission import Submission
from easel.errors import FieldProblem, InvalidRequestError, MalformedRequestError

PROBLEMS_MAX, FIELD_CHARACTERS_MAX = 20, 100  # callers choose names and number of unknown fields
LIST_FAULTS = frozenset({"tuple_type", "too_long", "too_short"})
LIMIT_KEYS = ("max_length", "min_length", "le", "ge", "lt", "gt")
INNER: Mapping[str, str] = {"lora": "LoRA", "webhook": "webhook", "limits": "set of limits"}
Body = TypeVar("Body", bound=BaseModel)


def parse_request(body: str) -> GenerationRequest:
    """The body as a request. Raises MalformedRequestError or InvalidRequestError."""
    return parse_as(GenerationRequest, body)


def parse_submission(body: str) -> tuple[GenerationRequest, bool]:
    """The body as a request, and whether it only asks what would be done. Raises as `parse_request` does."""
    submission = parse_as(Submission, body)
    # All fields, so that none has to be looked up what it is when it is left out.
    fields = dict(submission)
    dry_run = fields.pop("dry_run")
    return GenerationRequest.model_construct(submission.model_fields_set - {"dry_run"}, **fields), dry_run


def parse_as(model: type[Body], body: str) -> Body:
    """The body as one of what callers send. Raises MalformedRequestError or InvalidRequestError."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        # The input may hold the prompt: it stays out of what is raised, answered and logged.
        faults = error.errors(include_url=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        raise MalformedRequestError(f"The body is not JSON: {faults[0]['ctx']['error']}.")
    raise _refusal(model, faults)


def read_as(model: type[Body], value: Any) -> Body:
    """JSON values as one of what callers send. Raises InvalidRequestError."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    raise _refusal(model, faults)


def _refusal(model: type[BaseModel], faults: Sequence[Any]) -> InvalidRequestError:
    problems = [_problem(model, fault) for fault in faults[:PROBLEMS_MAX]]
    fields = ", ".join(dict.fromkeys(problem.field for problem in problems))
    return InvalidRequestError(f"The request is not valid; see: {fields}.", problems)


def _problem(model: type[BaseModel], fault: Any) -> FieldProblem:
    field = ".".join(str(part) for part in fault["loc"])[:FIELD_CHARACTERS_MAX] or "body"
    context = fault.get("ctx", {})
    if fault["type"] == "extra_forbidden":
        inner = fault["loc"][0] if len(fault["loc"]) > 1 else ""
        owner = _model_of(model, inner) if inner in INNER else model
        what = f"is not a field of a {INNER.get(inner, 'request')}"
        return FieldProblem(field, what, allowed=tuple(owner.model_fields))
    limits = [str(context[key]) for key in LIMIT_KEYS if key in context]
    return FieldProblem(field, words_of(fault), limit=limits[0] if limits else None)


def _model_of(model: type[BaseModel], field: str) -> type[BaseModel]:
    """What a field is, without that it may be left out and how it is read."""
    kind: Any = model.model_fields[field].annotation
    while not isinstance(kind, type):
        kind = get_args(kind)[0]
    return kind


def words_of(fault: Any) -> str:
    """What a fault of pydantic's says, in JSON's words: callers know lists, and no tuples."""
    words: str = fault["msg"].removeprefix("Value error, ")
    return words.replace("tuple", "list").replace("Tuple", "List") if fault["type"] in LIST_FAULTS else words


def request_of(fields: Mapping[str, Any]) -> GenerationRequest:
    """JSON values as a request, by the same rules as a body. Raises InvalidRequestError."""
    return parse_request(json.dumps(dict(fields)))
