"""Reading what callers send: refusals name the field, and the fields that there are."""

import json

import pytest

from easel.domain.reading import parse_as, parse_request
from easel.domain.request import Lora, Webhook
from easel.domain.uploads import UploadRequest
from easel.errors import FieldProblem, InvalidRequestError


def problem_of(body: dict[str, object]) -> FieldProblem:
    with pytest.raises(InvalidRequestError) as caught:
        parse_request(json.dumps({"model": "qwen-image-max", "prompt": "an owl", **body}))
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({"lora": {"weights": "a/b", "size": 1}}, "lora.size", Lora),
        ({"webhook": {"url": "https://example.com", "key": "k"}}, "webhook.key", Webhook),
    ],
)
def test_unknown_field_of_a_part_is_told_that_parts_fields(
    body: dict[str, object], field: str, allowed: type[Lora | Webhook]
) -> None:
    problem = problem_of(body)
    assert (problem.field, problem.allowed) == (field, tuple(allowed.model_fields))


def test_each_body_is_read_by_its_own_model() -> None:
    body = '{"content_type": "image/png", "bytes": 5}'
    assert parse_as(UploadRequest, body) == UploadRequest(content_type="image/png", bytes=5)
    with pytest.raises(InvalidRequestError):
        parse_request(body)
