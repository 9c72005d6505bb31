"""Errors of the native API: problem documents that name the field, and say nothing that is secret."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from easel.domain.request import GenerationRequest
from easel.domain.submission import Submission
from easel.errors import (
    AlreadyExistsError,
    BudgetReachedError,
    ConflictError,
    ForbiddenError,
    IdempotencyMismatchError,
    InternalError,
    InvalidRequestError,
    LimitReachedError,
    MalformedRequestError,
    MethodNotAllowedError,
    NotFoundError,
    RequestError,
    StillWorkingError,
    UnauthorizedError,
    UnsupportedMediaError,
)
from tests.unit.doors.calls import JSON, KEY, Answer, Api, event

STATUSES = {
    MalformedRequestError: (400, "malformed_request"),
    UnauthorizedError: (401, "unauthorized"),
    ForbiddenError: (403, "forbidden"),
    NotFoundError: (404, "not_found"),
    MethodNotAllowedError: (405, "method_not_allowed"),
    ConflictError: (409, "conflict"),
    StillWorkingError: (409, "still_working"),
    UnsupportedMediaError: (415, "unsupported_media_type"),
    InvalidRequestError: (422, "invalid_request"),
    IdempotencyMismatchError: (422, "idempotency_mismatch"),
    BudgetReachedError: (402, "budget_reached"),
    LimitReachedError: (429, "limit_reached"),
    InternalError: (500, "internal"),
}


def post(raw: str | bytes, content_type: str = JSON) -> tuple[Api, Answer]:
    api = Api()
    return api, api.call("POST", "/v1/generations", raw=raw, content_type=content_type)


def assert_problem(api: Api, answer: Answer, status: int, code: str) -> None:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.body
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:easel:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert api.scene.store.records == {}
    assert api.scene.workflow.ids == []
    assert api.scene.images.objects == {}


@pytest.mark.parametrize("kind", STATUSES)
def test_every_refusal_has_its_status_and_stable_code(kind: type[RequestError]) -> None:
    api = Api()

    def refuse(*_: Any, **__: Any) -> None:
        raise kind("what went wrong")

    api.keys.find = refuse  # type: ignore[method-assign]
    answer = api.call("GET", "/v1/models")
    assert_problem(api, answer, *STATUSES[kind])
    assert answer.body["detail"] == "what went wrong"
    assert "errors" not in answer.body


def test_no_kind_of_refusal_is_without_a_test() -> None:
    assert set(RequestError.__subclasses__()) == set(STATUSES)


@pytest.mark.parametrize(
    "raw",
    [
        "{", "}", "", " ", "{'model': 'm'}", '{"model": "m",}', '{"model": "m"} x', "\ufeff{}", "nul",
        '{"prompt": "\\ud800"}', '{"prompt": "a\nb"}', "[" * 10_000, '{"a":' * 10_000, "9" * 10_000,
    ],
    ids=lambda raw: ascii(raw[:20]),
)  # fmt: skip
def test_body_that_is_no_json_is_400(raw: str) -> None:
    api, answer = post(raw)
    assert_problem(api, answer, 400, "malformed_request")
    assert len(answer.text) < 1000


@pytest.mark.parametrize("raw", [b"\xff\xfe{}", b"\x80", '{"model": "\u00e9"}'.encode("latin-1")])
def test_body_that_is_no_utf_8_is_400(raw: bytes) -> None:
    api, answer = post(raw)
    assert_problem(api, answer, 400, "malformed_request")


def test_body_that_says_base64_and_is_not_is_400() -> None:
    api = Api()
    sent = event("POST", "/v1/generations", headers={"authorization": f"Bearer {KEY}", "content-type": JSON})
    given = api.app.resolve(sent | {"isBase64Encoded": True, "body": "!"}, LambdaContext())
    assert given["statusCode"] == 400


def test_base64_body_is_read_as_the_text_that_it_is() -> None:
    body = json.dumps({"model": "qwen-image-max", "prompt": "\u4e2d\u6587"}, ensure_ascii=False).encode()
    _, answer = post(body)
    assert answer.status == 202
    assert answer.body["request"]["prompt"] == "\u4e2d\u6587"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
        "json",
    ],
)
def test_body_of_another_type_is_415(content_type: str) -> None:
    api, answer = post('{"model": "qwen-image-max", "prompt": "p"}', content_type=content_type)
    assert_problem(api, answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json"],
)
def test_json_in_any_of_its_names_is_taken(content_type: str) -> None:
    _, answer = post('{"model": "qwen-image-max", "prompt": "p"}', content_type=content_type)
    assert answer.status == 202


@pytest.mark.parametrize("raw", ["[]", "null", "7", '"text"', "true"])
def test_json_that_is_no_object_is_422(raw: str) -> None:
    api, answer = post(raw)
    assert_problem(api, answer, 422, "invalid_request")
    assert [error["field"] for error in answer.body["errors"]] == ["body"]


@pytest.mark.parametrize(
    ("fields", "field", "limit"),
    [
        ({"n": 7}, "n", "6"),
        ({"n": True}, "n", None),
        ({"seed": -1}, "seed", "0"),
        ({"prompt": "x" * 4001}, "prompt", "4000"),
        ({"prompt": " "}, "prompt", None),
        ({"lora": {"weights": "owner/name", "steps": 51}}, "lora.steps", "50"),
        ({"images": ["http://a"]}, "images.0", None),
        ({"images": ["https://a"] * 4}, "images", "3"),
        ({"deadline_seconds": 5}, "deadline_seconds", "10"),
        ({"size": "huge"}, "size", None),
        ({"route": []}, "route", "1"),
        ({"n": 2}, "n", "1 to 1"),
        ({"seed": 2**31}, "seed", "0 to 2147483647"),
    ],
)
def test_wrong_field_is_named_with_its_limit(fields: dict[str, Any], field: str, limit: str | None) -> None:
    api = Api()
    answer = api.create(**fields)
    assert_problem(api, answer, 422, "invalid_request")
    (error,) = answer.body["errors"]
    assert error["field"] == field
    assert error["message"]
    assert error.get("limit") == limit
    assert field in answer.body["detail"]


def test_unknown_field_is_named_with_the_fields_there_are() -> None:
    api = Api()
    answer = api.create(promt="p")
    assert_problem(api, answer, 422, "invalid_request")
    (error,) = answer.body["errors"]
    assert error["field"] == "promt"
    assert error["allowed"] == list(Submission.model_fields)


def test_unknown_field_of_a_lora_is_named_with_the_fields_of_a_lora() -> None:
    answer = Api().create(lora={"weights": "owner/name", "colour": "red"})
    (error,) = answer.body["errors"]
    assert error["field"] == "lora.colour"
    assert error["allowed"] == ["weights", "scale", "steps", "guidance", "go_fast"]


def test_size_that_no_route_offers_is_told_with_those_that_are_offered() -> None:
    api = Api()
    answer = api.create(size="21:9")
    assert_problem(api, answer, 422, "invalid_request")
    assert "1664*928" in answer.body["errors"][0]["allowed"]


def test_several_wrong_fields_are_all_named() -> None:
    api = Api()
    answer = api.create(n=0, seed="x", strict="yes")
    assert {error["field"] for error in answer.body["errors"]} == {"n", "seed", "strict"}


def test_body_of_very_many_wrong_fields_gets_an_answer_of_bounded_size() -> None:
    api = Api()
    answer = api.create(**{f"unknown-{number}" * 20: number for number in range(20_000)})
    assert_problem(api, answer, 422, "invalid_request")
    assert len(answer.text) < 100_000, "Lambda answers at most 6 MB"


def test_field_of_a_very_long_name_is_not_repeated_at_length() -> None:
    api = Api()
    answer = api.create(**{"x" * 1_000_000: 1})
    assert_problem(api, answer, 422, "invalid_request")
    assert len(answer.text) < 10_000


SECRETS = ("PLANTED-PROMPT", "PLANTED-NEGATIVE", "PLANTED-IMAGE", KEY)
PLANTED = {"negative_prompt": "PLANTED-NEGATIVE", "images": ["https://example.com/PLANTED-IMAGE"]}


@pytest.mark.parametrize(
    "fields",
    [
        PLANTED | {"n": 0},
        PLANTED | {"prompt": "PLANTED-PROMPT" * 1000},
        PLANTED | {"images": ["http://example.com/PLANTED-IMAGE"]},
        PLANTED
        | {"images": ["data:image/png;base64,PLANTED-IMAGE"], "model": "qwen-image-edit-max", "route": None},
        PLANTED | {"size": "21:9"},
        PLANTED | {"prompt": ["PLANTED-PROMPT"]},
    ],
)
def test_refusal_shows_neither_prompt_nor_image_nor_key_in_answer_or_log(fields: dict[str, Any]) -> None:
    api = Api()
    answer = api.create(**fields)
    assert answer.status == 422
    shown = answer.text + json.dumps(answer.headers) + api.log.getvalue()
    assert not [secret for secret in SECRETS if secret in shown]


def test_malformed_body_is_not_quoted() -> None:
    api, answer = post('{"prompt": "PLANTED-PROMPT", PLANTED-PROMPT')
    assert answer.status == 400
    assert "PLANTED" not in answer.text + api.log.getvalue()


@pytest.mark.parametrize("error", [RuntimeError("broken"), AlreadyExistsError("broken"), KeyError("broken")])
def test_fault_of_ours_is_a_500_problem_with_the_requests_id_and_is_logged_without_secrets(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Api()

    def fail(*_: Any) -> None:
        raise error

    api.scene.store.create = fail  # type: ignore[assignment, method-assign]
    answer = api.create(negative_prompt="PLANTED-NEGATIVE")
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.body["code"], answer.body["request_id"]) == ("internal", "request-1")
    assert "broken" not in answer.text
    logged = api.log.getvalue()
    assert type(error).__name__ in logged
    captured = capsys.readouterr()
    shown = answer.text + logged + captured.out + captured.err
    assert not [secret for secret in SECRETS if secret in shown]


def test_record_that_cannot_be_read_does_not_bring_its_prompt_into_the_log() -> None:
    api = Api()
    made = api.create().body["id"]

    def unreadable(_: str) -> None:
        prompt = SECRETS[0]
        GenerationRequest.model_validate({"model": "m", "prompt": prompt, "n": prompt})

    api.scene.store.get = unreadable  # type: ignore[assignment, method-assign]
    assert api.call("GET", f"/v1/generations/{made}").status == 500
    assert "ValidationError" in api.log.getvalue()
    assert "PLANTED" not in api.log.getvalue()


def test_answered_calls_log_nothing_secret(capsys: pytest.CaptureFixture[str]) -> None:
    api = Api()
    made = api.create(**(PLANTED | {"images": []})).body["id"]
    api.call("GET", f"/v1/generations/{made}")
    api.call("GET", "/v1/generations")
    captured = capsys.readouterr()
    assert "PLANTED" not in api.log.getvalue() + captured.out + captured.err
