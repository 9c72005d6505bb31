"""The OpenAPI 3.1 description of the native API, made from the models that validate and the calls' table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from easel.catalogue import Catalogue
from easel.domain.key_orders import KeyOrder, KeyTerms
from easel.domain.request import WebhookEvent
from easel.domain.submission import Submission
from easel.errors import RequestError
from easel.openapi.account_answers import GatewayMessage, Problem
from easel.openapi.answers import WebhookCall
from easel.openapi.call import JSON, Call, Parameter, Told
from easel.openapi.calls import CALLS, IDEMPOTENCY_KEY, OPEN
from easel.openapi.refusals import REFUSALS
from easel.openapi.route_rules import route_rules
from easel.openapi.schemas import SCHEMAS, component_schemas, refer
from easel.openapi.words import ABOUT, EXAMPLES, FILE_EXAMPLES, HEADERS, TAGS, TITLE

Schema = dict[str, Any]
VERSION = "1"  # of the paths below /v1; what is added to it changes no client
PROBLEM_TYPE = "application/problem+json"
KEY: Schema = {"apiKey": []}
# Not among the operations' parameters: a key is one request's, and a program that makes requests of the
# description alone would send one key with many bodies, which is refused.
IDEMPOTENCY = "IdempotencyKey"
RULES: Mapping[type[BaseModel], str] = {
    Submission: "RouteRules",
    KeyOrder: "KeyRules",
    KeyTerms: "KeyRules",
}
WEBHOOK_HEADERS = {
    "webhook-id": "The message's id, the same at each try.",
    "webhook-timestamp": "When this try was made, in seconds since 1970.",
    "webhook-signature": "`v1,` and `v1a,` signatures, separated by a space.",
}


def description(catalogue: Catalogue) -> dict[str, Any]:
    """The whole document. To make it takes a tenth of a second: once is enough."""
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "info": {
            "title": TITLE,
            "version": VERSION,
            "summary": ABOUT.partition(". ")[0],
            "description": ABOUT,
        },
        "servers": [{"url": "/"}],
        "security": [KEY],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": _paths(),
        "webhooks": {event.value: {"post": _webhook(event)} for event in WebhookEvent},
        "components": {
            "schemas": dict(component_schemas(list(_models())))
            | {"RouteRules": route_rules(catalogue), "KeyRules": _key_rules(catalogue)},
            "responses": _responses(),
            "parameters": {IDEMPOTENCY: _parameter(IDEMPOTENCY_KEY)},
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key of a tenant."}
            },
        },
    }


def _models() -> Iterator[type[BaseModel]]:
    yield from (Problem, GatewayMessage, WebhookCall)
    for call in CALLS:
        if call.body:
            yield call.body
        for told in call.told.values():
            yield from _of(told)


def _of(told: Told) -> tuple[type[BaseModel], ...]:
    return told.model if isinstance(told.model, tuple) else (told.model,) if told.model else ()


def _paths() -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return paths


def _operation(call: Call) -> Schema:
    operation: Schema = {
        "operationId": call.id,
        "tags": [call.tag],
        "summary": call.words.summary,
        "description": call.words.text,
    }
    if call in OPEN:
        operation["security"] = []
    elif call.scope is not None:
        operation["x-scope"] = call.scope.value
    if call.parameters:
        operation["parameters"] = [_parameter(one) for one in call.parameters]
    if call.idempotent:
        operation["x-idempotency-key"] = {"$ref": f"#/components/parameters/{IDEMPOTENCY}"}
    if call.body:
        content = {JSON: {"schema": _body_schema(call.body), "examples": _examples(EXAMPLES[call.id])}}
        # A file has no schema: of what is wrong in it, only its rows are refused.
        content |= {media: {"examples": _examples(FILE_EXAMPLES[media])} for media in call.body_files}
        operation["requestBody"] = {"required": call.body_needed, "content": content}
    answers: Schema = {str(status): _told(told) for status, told in call.told.items()}
    for name, refusals in _by_status(call.refusals):
        answers[str(refusals[0].status)] = {"$ref": f"#/components/responses/{name}"}
    if call.body:
        answers["413"] = {"$ref": "#/components/responses/TooLarge"}
    return operation | {"responses": dict(sorted(answers.items()))}


def _body_schema(model: type[BaseModel]) -> Schema:
    """What is posted to make a generation must also be something that a route takes; a key's models and
    routes must be ones that there are."""
    rules = RULES.get(model)
    return {"allOf": [refer(model), {"$ref": SCHEMAS + rules}]} if rules else dict(refer(model))


def _key_rules(catalogue: Catalogue) -> Schema:
    known = {"models": catalogue.models, "routes": tuple(catalogue.routes)}
    return {
        "description": "The models and routes that there are.",
        "properties": {name: {"items": {"enum": list(names)}} for name, names in known.items()},
    }


def _parameter(one: Parameter) -> Schema:
    told: Schema = {"name": one.name, "in": one.where, "description": one.about, "schema": one.schema}
    if one.where == "path":
        told["required"] = True
    return told | ({} if one.example is None else {"example": one.example})


def _told(told: Told) -> Schema:
    answer: Schema = {"description": told.about}
    models = _of(told)
    if models:
        schemas = [refer(model) for model in models]
        answer["content"] = {
            told.content_type: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
        }
    elif told.content_type:
        schema: Schema = {"type": "object"} if told.content_type == JSON else {"type": "string"}
        answer["content"] = {told.content_type: {"schema": schema}}
    if told.headers:
        answer["headers"] = {name: _header(name, sure=name in told.sure) for name in told.headers}
    if told.links:
        answer["links"] = {
            operation: {"operationId": operation, "parameters": {parameter: place}}
            for operation, parameter, place in told.links
        }
    return answer


def _header(name: str, *, sure: bool = False) -> Schema:
    about, schema = HEADERS[name]
    return {"description": about, "schema": schema} | ({"required": True} if sure else {})


def _by_status(refusals: Sequence[type[RequestError]]) -> Iterator[tuple[str, list[type[RequestError]]]]:
    """Refusals of one status, and the name of the response that is described for them together."""
    for status in dict.fromkeys(kind.status for kind in refusals):
        kinds = [kind for kind in dict.fromkeys(refusals) if kind.status == status]
        yield "Or".join(kind.__name__.removesuffix("Error") for kind in kinds), kinds


def _responses() -> Schema:
    """Every refusal that some call may answer, with the body of one."""
    found: Schema = {"TooLarge": _too_large()}
    for call in CALLS:
        for name, kinds in _by_status(call.refusals):
            refusals = [REFUSALS[kind] for kind in kinds]
            headers = {header: _header(header, sure=True) for one in refusals for header in one.headers}
            found[name] = {
                "description": " ".join(one.about for one in refusals),
                "content": {
                    PROBLEM_TYPE: {
                        "schema": refer(Problem),
                        "examples": _examples({kind.code: REFUSALS[kind].body for kind in kinds}),
                    }
                },
            } | ({"headers": headers} if headers else {})
    return dict(sorted(found.items()))


def _too_large() -> Schema:
    content = {"schema": refer(GatewayMessage), "example": {"message": "Request Too Long"}}
    return {"description": "The request is larger than 6 MB.", "content": {JSON: content}}


def _examples(values: Mapping[str, Any]) -> Schema:
    return {name: {"value": value} for name, value in values.items()}


def _webhook(event: WebhookEvent) -> Schema:
    return {
        "operationId": "on" + event.value.title().replace(".", ""),
        "tags": ["Webhooks"],
        "summary": f"A generation has ended as {event.value.partition('.')[2]}",
        "description": "POSTed to the request's `webhook`, or else to the tenant's. Answer with 2xx in time.",
        "security": [],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": about,
                "schema": {"type": "string"},
            }
            for name, about in WEBHOOK_HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": refer(WebhookCall)}}},
        "responses": {
            "2XX": {"description": "It was taken."},
            "410": {"description": "Never tell it again."},
        },
    }
