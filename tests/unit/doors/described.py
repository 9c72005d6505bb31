"""Holds answers against the description: every answer of every test that calls the native API."""

import json
from functools import cache
from typing import Any

import jsonschema_rs

from easel.catalogue import CATALOGUE
from easel.openapi.call import Call
from easel.openapi.calls import CALLS, PATHS
from easel.openapi.description import PROBLEM_TYPE, description

DESCRIPTION = description(CATALOGUE)


@cache
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """Of a schema as JSON text, which may refer to the description's components."""
    whole = json.loads(schema) | {"components": DESCRIPTION["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def assert_valid(schema: Any, value: Any) -> None:
    """The value is what the schema says."""
    faults = [
        f"{error.instance_path}: {error.message}"
        for error in validator(json.dumps(schema)).iter_errors(value)
    ]
    assert not faults, faults


def is_valid(schema: Any, value: Any) -> bool:
    """Whether the value is what the schema says."""
    return validator(json.dumps(schema)).is_valid(value)


def resolved(told: Any) -> Any:
    """A component, where it is referred to."""
    while "$ref" in told:
        _, _, kind, name = told["$ref"].split("/")
        told = DESCRIPTION["components"][kind][name]
    return told


def call_of(method: str, path: str) -> Call | None:
    """The described call that this is, if any."""
    for call in CALLS:
        if call.method == method and PATHS[call.path].fullmatch(path):
            return call
    return None


def body_schema(operation_id: str) -> Any:
    """What a call's body must be."""
    call = next(call for call in CALLS if call.id == operation_id)
    operation = DESCRIPTION["paths"][call.path][call.method.lower()]
    return operation["requestBody"]["content"]["application/json"]["schema"]


def assert_described(method: str, path: str, status: int, headers: dict[str, str], text: str) -> None:
    """The answer is one that the description tells of: its status, type, headers and body.

    A test may make a call fail in ways that it never does by itself: then it answers a problem at least.
    """
    call = call_of(method, path)
    if call is None:
        return
    answers = DESCRIPTION["paths"][call.path][method.lower()]["responses"]
    if status >= 400 and str(status) not in answers:
        assert headers["content-type"] == PROBLEM_TYPE
        assert_valid({"$ref": "#/components/schemas/Problem"}, json.loads(text))
        return
    answer = resolved(answers[str(status)])
    for name, told in answer.get("headers", {}).items():
        value = headers.get(name.lower())
        assert value is not None or not told.get("required"), f"{name} is missing"
        if value is not None:
            number = told["schema"]["type"] == "integer"
            assert_valid(told["schema"], int(value) if number else value)
    content = answer.get("content", {})
    if content:
        media = headers["content-type"].partition(";")[0]
        assert media in content, f"{media} is not described"
        assert_valid(content[media]["schema"], text if media == "text/html" else json.loads(text))
