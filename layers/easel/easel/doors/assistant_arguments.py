"""What assistants' tools take: a request's fields, and a few of the tools' own; models and JSON Schema."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, StrictInt

from easel.domain.generation import Status
from easel.domain.request import GenerationRequest, RequestModel
from easel.errors import FieldProblem, InvalidRequestError
from easel.steps.read import LIST_DEFAULT, LIST_MAX, WAIT_SECONDS_MAX

WAIT_SECONDS_DEFAULT = 20  # many pictures take no longer, and no client gives up that early

# What an assistant may set of a request. The rest is for programs (metadata, webhook, deadline_seconds), or
# not for an assistant to decide (safety_filter; on_unknown, which may buy twice).
OFFERED = (
    "model", "prompt", "negative_prompt", "size", "n", "seed", "prompt_extend", "watermark", "lora",
    "output_format", "guidance_scale", "route", "strict",
)  # fmt: skip

# Of JSON Schemas.
LEFT_OUT = ("$defs", "title", "pattern")
NULL = {"type": "null"}
SCALAR = (str, int, float)

WaitSeconds = Annotated[StrictInt, Field(ge=0, le=WAIT_SECONDS_MAX)]
WAITS = f"how long to wait for the end, 0 to {WAIT_SECONDS_MAX} seconds; it goes on by itself afterwards"


DRAW_MODEL, EDIT_MODEL = "qwen-image-max", "qwen-image-edit-max"  # where an assistant names none


class AskArguments(RequestModel):
    """What the tools that ask for images take beside the request's fields."""

    wait_seconds: WaitSeconds = Field(default=WAIT_SECONDS_DEFAULT, description=WAITS)
    idempotency_key: Annotated[str, Field(pattern=r"^[\x21\x23-\x7e]{1,255}$")] | None = Field(
        default=None,
        description="a fresh word of your own, such as a UUID, for each image you want. A repeated call with "
        "the same key and arguments gives the same generation for 24 hours and buys nothing again",
    )


class GetArguments(RequestModel):
    """What get_generation takes."""

    id: str = Field(description="of the generation, `gen_...`", max_length=64)
    wait_seconds: WaitSeconds = Field(default=WAIT_SECONDS_DEFAULT, description=WAITS)


class ListArguments(RequestModel):
    """What list_generations takes."""

    status: Status | None = Field(default=None, description="only those that have it")
    model: Annotated[str, Field(max_length=64)] | None = Field(default=None, description="only those of it")
    limit: Annotated[StrictInt, Field(ge=1, le=LIST_MAX)] = Field(
        default=LIST_DEFAULT, description=f"how many, 1 to {LIST_MAX}"
    )
    cursor: Annotated[str, Field(max_length=2048)] | None = Field(
        default=None, description="`next_cursor` of the page before"
    )


class ModelsArguments(RequestModel):
    """What list_models takes."""

    model: Annotated[str, Field(max_length=64)] | None = Field(default=None, description="only this one")


def split(arguments: Mapping[str, Any], fields: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments that are a request's fields, and the tool's own. Raises InvalidRequestError naming each
    that is neither, and what there is."""
    own = tuple(AskArguments.model_fields)
    problems = [
        FieldProblem(name[:100], "is not an argument of this tool", allowed=(*fields, *own))
        for name in arguments
        if name not in fields and name not in own
    ]
    if problems:
        raise InvalidRequestError("There are arguments that this tool does not have.", problems[:20])
    asked: dict[str, Any] = {"model": EDIT_MODEL if "images" in fields else DRAW_MODEL}
    asked |= {name: value for name, value in arguments.items() if name in fields}
    return asked, {name: value for name, value in arguments.items() if name in own}


def ask_schema(fields: tuple[str, ...], models: tuple[str, ...]) -> dict[str, Any]:
    """The JSON Schema of a tool that asks for images, in the words of the request's own fields.

    `models` are those that may be named.
    """
    request, own = plain_schema(GenerationRequest), plain_schema(AskArguments)
    properties = {name: request["properties"][name] for name in fields} | own["properties"]
    default = EDIT_MODEL if "images" in fields else DRAW_MODEL
    properties["model"] = {"type": "string", "description": "see list_models", "default": default}
    if models:
        properties["model"]["enum"] = list(models)
    required = [name for name in fields if name in request["required"] and name != "model"]
    if "images" in fields:
        properties["images"]["minItems"] = 1
        required.append("images")
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def plain_schema(model: type[BaseModel]) -> dict[str, Any]:
    """A model's JSON Schema without references, nulls and patterns, which not every assistant understands.
    The descriptions say what there is to know."""
    schema = model.model_json_schema()
    del schema["description"]  # is for readers of the code
    plain: dict[str, Any] = _plain(schema, schema.get("$defs", {}))
    return plain


def _plain(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_plain(inner, definitions) for inner in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _plain(definitions[node["$ref"].rpartition("/")[2]] | rest, definitions)
    if "anyOf" in node:
        kinds = [kind for kind in node["anyOf"] if kind != NULL]
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        if len(kinds) == 1:
            return _plain(kinds[0] | rest, definitions)
        node = rest | {"anyOf": kinds}
    return {
        key: _properties(value, definitions) if key == "properties" else _plain(value, definitions)
        for key, value in node.items()
        if key not in LEFT_OUT and not (key == "default" and not isinstance(value, SCALAR))
    }


def _properties(properties: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Properties may have any name, `title` too."""
    return {name: _plain(schema, definitions) for name, schema in properties.items()}
