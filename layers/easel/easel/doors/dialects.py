"""What the vendors' front doors share: bodies in a vendor's form, its names of fields, its ids of tasks."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from pydantic import BaseModel, ConfigDict, ValidationError

from easel.domain.generation import Generation
from easel.domain.ids import generation_bits, generation_id_of
from easel.domain.reading import FIELD_CHARACTERS_MAX, PROBLEMS_MAX, words_of
from easel.doors.http_input import header
from easel.errors import FieldProblem, InvalidRequestError, MalformedRequestError, NotFoundError, RequestError
from easel.ports import ImageStore
from easel.steps.read import Reader

UUID_CHARACTERS = 36
LINK_SECONDS = 24 * 3600  # as long as the vendors' own result links live
MESSAGES = {"extra_forbidden": "is not a parameter of this call", "missing": "is required"}

Body = TypeVar("Body", bound=BaseModel)


def lasting_links(images: ImageStore) -> Callable[[str], str]:
    """Links that live as long as the vendors' own: clients of theirs may have no id to ask for another by. On
    AWS none outlives the session of the function's role, which lasts some hours."""
    return lambda key: images.signed_url(key, LINK_SECONDS)


class VendorBody(BaseModel):
    """Base of the bodies that a vendor's clients send: listed keys only, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def left_out() -> Any:
    """The default of a field that may be left out but not be null."""
    return None


def read_body(form: type[Body], text: str) -> Body:
    """The body in a vendor's form. Raises MalformedRequestError, or InvalidRequestError naming its fields."""
    try:
        return form.model_validate_json(text)
    except ValidationError as error:
        # The input may hold the prompt: it stays out of what is raised, answered and logged.
        faults = error.errors(include_url=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        raise MalformedRequestError("The body is not JSON.")
    raise InvalidRequestError("The body is not valid.", [_problem(fault) for fault in faults[:PROBLEMS_MAX]])


def _problem(fault: Any) -> FieldProblem:
    field = ".".join(str(part) for part in fault["loc"])[:FIELD_CHARACTERS_MAX] or "body"
    message = MESSAGES.get(fault["type"]) or words_of(fault)
    return FieldProblem(field, message)


@contextmanager
def named_as(names: Mapping[str, str]) -> Iterator[None]:
    """Refusals from within name the vendor's fields: `names` is ours to its, `lora.weights` being a name."""
    try:
        yield
    except InvalidRequestError as error:
        problems = [
            problem._replace(field=names.get(problem.field, problem.field)) for problem in error.problems
        ]
        raise InvalidRequestError(error.detail, problems) from error


def in_words(error: RequestError) -> str:
    """What is wrong, in a line: the fields where there are some."""
    return "; ".join(f"{one.field}: {one.message}" for one in error.problems) or error.detail


def uuid_of(generation_id: str) -> str:
    """A generation's id as a UUID with the same 128 bits."""
    return str(uuid.UUID(int=generation_bits(generation_id)))


def id_of_uuid(text: str) -> str | None:
    """The generation's id that a UUID stands for; None where the text is none."""
    try:
        return generation_id_of(uuid.UUID(text).int) if len(text) == UUID_CHARACTERS else None
    except ValueError:
        return None


def task_of(reader: Reader, tenant: str, generation_id: str | None, missing: NotFoundError) -> Generation:
    """The generation that a vendor's task stands for. Raises `missing`, alike for what is no id, does not
    exist, or is somebody else's."""
    try:
        return reader.get(tenant, generation_id or "")
    except NotFoundError as error:
        raise missing from error


def own_origin(app: APIGatewayHttpResolver) -> str:
    """Scheme and host that this API was called by; the caller's own words, for links in answers to it."""
    host = header(app, "host") or app.current_event.request_context.domain_name
    return f"{header(app, 'x-forwarded-proto') or 'https'}://{host}"
