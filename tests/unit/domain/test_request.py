"""The request: every field's limits, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from easel.domain.request import GenerationRequest

LINK = "https://example.com/input.png"
PROMPT = "PLANTED-PROMPT"


def read(**fields: Any) -> GenerationRequest:
    """The request as it comes: JSON with a model and a prompt unless the test says otherwise."""
    return GenerationRequest.model_validate_json(json.dumps({"model": "m", "prompt": "p"} | fields))


def refused_fields(**fields: Any) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        read(**fields)
    return {str(error["loc"][0]) if error["loc"] else "body" for error in caught.value.errors()}


AT_THE_LIMIT: list[tuple[str, Any]] = [
    ("prompt", "x"),
    ("prompt", "x" * 4000),
    ("prompt", "\U0001f308" * 4000),  # code points, neither bytes nor UTF-16 units
    ("negative_prompt", ""),
    ("negative_prompt", "x" * 4000),
    ("model", "m" * 64),
    ("size", "1664*928"),
    ("size", "16:9"),
    ("n", 1),
    ("n", 6),
    ("seed", 0),
    ("seed", 2**53 - 1),
    ("prompt_extend", False),
    ("safety_filter", True),
    ("watermark", False),
    ("images", []),
    ("images", [LINK] * 3),
    ("images", ["data:image/png;base64,AAAA"]),
    ("images", ["https://example.com/" + "x" * 4076]),
    ("images", ["data:image/png;base64," + "A" * 100_000]),
    ("lora", {"weights": "owner/name"}),
    ("lora", {"weights": "o/" + "w" * 2046, "scale": 0, "steps": 28, "guidance": 2, "go_fast": True}),
    ("lora", {"weights": "owner/name", "scale": 2, "steps": 50, "guidance": 4.0}),
    ("output_format", "png"),
    ("output_format", "jpeg"),
    ("guidance_scale", 1),
    ("guidance_scale", 20.0),
    ("route", ["a/b"] * 20),
    ("strict", True),
    ("on_unknown", "resubmit"),
    ("deadline_seconds", 10),
    ("deadline_seconds", 3600),
    ("metadata", {}),
    ("metadata", {f"k{number}": "" for number in range(16)}),
    ("metadata", {"k" * 64: "v" * 512}),
]


@pytest.mark.parametrize(("field", "value"), AT_THE_LIMIT)
def test_value_at_its_limit_is_taken_as_it_is(field: str, value: Any) -> None:
    taken = read(**{field: value}).model_dump(mode="json", exclude_none=True)[field]
    assert taken == value


BEYOND: list[tuple[str, Any]] = [
    ("prompt", ""),
    ("prompt", " \n\t "),
    ("prompt", "\u2003\u3000"),
    ("prompt", "x" * 4001),
    ("negative_prompt", "x" * 4001),
    ("model", "m" * 65),
    ("size", "big"),
    ("size", ""),
    ("size", "1664*928" + " " * 20),
    ("n", 0),
    ("n", 7),
    ("n", -1),
    ("seed", -1),
    ("seed", 2**53),
    ("images", [LINK] * 4),
    ("images", ["http://example.com/a.png"]),
    ("images", ["file:///etc/passwd"]),
    ("images", [""]),
    ("images", ["https://example.com/" + "x" * 4077]),
    ("lora", {}),
    ("lora", {"weights": ""}),
    ("lora", {"weights": " "}),
    ("lora", {"weights": "http://example.com/w"}),
    ("lora", {"weights": "https://"}),
    ("lora", {"weights": "owner/name\nx"}),
    ("prompt", "damaged \ufffd"),
    ("negative_prompt", "\ufffd"),
    ("images", ["https://"]),
    ("images", ["https://a b\r\nc"]),
    ("lora", {"weights": "o/" + "w" * 2047}),
    ("lora", {"weights": "owner/name", "scale": 2.01}),
    ("lora", {"weights": "owner/name", "scale": -0.01}),
    ("lora", {"weights": "owner/name", "steps": 27}),
    ("lora", {"weights": "owner/name", "steps": 51}),
    ("lora", {"weights": "owner/name", "guidance": 1.9}),
    ("lora", {"weights": "owner/name", "guidance": 4.1}),
    ("lora", {"weights": "owner/name", "colour": "red"}),
    ("output_format", "webp"),
    ("guidance_scale", 0.99),
    ("guidance_scale", 20.01),
    ("route", []),
    ("route", ["a/b"] * 21),
    ("route", ["r" * 65]),
    ("on_unknown", "retry"),
    ("deadline_seconds", 9),
    ("deadline_seconds", 3601),
    ("metadata", {f"k{number}": "" for number in range(17)}),
    ("metadata", {"": "v"}),
    ("metadata", {"k" * 65: "v"}),
    ("metadata", {"k": "v" * 513}),
]


@pytest.mark.parametrize(("field", "value"), BEYOND)
def test_value_beyond_its_limit_is_refused_by_its_field(field: str, value: Any) -> None:
    assert refused_fields(**{field: value}) == {field}


NOT_A_TEXT: tuple[Any, ...] = (1, True, ["x"], {})
NOT_WHOLE: tuple[Any, ...] = (True, "20", 20.5, [20])
NOT_A_SWITCH: tuple[Any, ...] = (0, 1, "true", "no", [])
NAN, INFINITE = float("nan"), float("inf")
WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("model", "prompt", "negative_prompt", "size"), NOT_A_TEXT),
    **dict.fromkeys(("n", "seed", "deadline_seconds"), NOT_WHOLE),
    **dict.fromkeys(("prompt_extend", "safety_filter", "watermark", "strict"), NOT_A_SWITCH),
    "guidance_scale": (True, "3.5", [3], NAN, INFINITE),
    "images": (LINK, [1], [None], {"0": LINK}),
    "lora": (
        "owner/name",
        [],
        True,
        *({"weights": "owner/name", "scale": wrong} for wrong in (True, "1", NAN)),
        *({"weights": "owner/name", "steps": wrong} for wrong in (True, 30.5, "30")),
        *({"weights": "owner/name", "go_fast": wrong} for wrong in (0, "yes")),
    ),
    "output_format": (1, "PNG", True),
    "route": (1, [1], {"a/b": 1}, True),
    "metadata": ("x", ["x"], {"k": 1}, {"k": None}, {"k": ["x"]}),
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in WRONG_TYPES.items() for value in values]
)
def test_value_of_another_type_is_refused_and_never_converted(field: str, value: Any) -> None:
    assert refused_fields(**{field: value}) == {field}


@pytest.mark.parametrize("field", ["n", "seed", "deadline_seconds"])
def test_whole_number_that_is_written_with_a_point_is_what_json_schema_says_it_is(field: str) -> None:
    given = 20 if field != "n" else 4
    body = json.dumps({"model": "m", "prompt": "p", field: float(given)})
    taken = getattr(GenerationRequest.model_validate_json(body), field)
    assert (taken, type(taken)) == (given, int)


@pytest.mark.parametrize("field", ["model", "prompt"])
def test_request_without_a_required_field_is_refused(field: str) -> None:
    body = {"model": "m", "prompt": "p"}
    del body[field]
    with pytest.raises(ValidationError) as caught:
        GenerationRequest.model_validate_json(json.dumps(body))
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


@given(name=st.text(min_size=1).filter(lambda name: name not in GenerationRequest.model_fields))
def test_unknown_field_is_refused_by_its_name(name: str) -> None:
    body = {"model": "m", "prompt": "p", name: None}
    with pytest.raises(ValidationError) as caught:
        GenerationRequest.model_validate(body)
    assert [error["loc"] for error in caught.value.errors()] == [(name,)]


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udfff tail"', '"\\ud800\\ud800"'])
@pytest.mark.parametrize("field", ["prompt", "negative_prompt", "model"])
def test_lone_surrogates_are_refused_because_no_store_takes_them(field: str, text: str) -> None:
    rest = {"model": '"m"', "prompt": '"p"'} | {field: text}
    body = "{" + ", ".join(f'"{name}": {value}' for name, value in rest.items()) + "}"
    with pytest.raises(ValidationError):
        GenerationRequest.model_validate_json(body)
    with pytest.raises(ValidationError):
        GenerationRequest.model_validate(json.loads(body))


@pytest.mark.parametrize("body", ["null", "[]", '"text"', "7", "true", "[" * 10_000, '{"a":' * 10_000])
def test_body_that_is_no_object_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        GenerationRequest.model_validate_json(body)


def test_one_route_and_a_list_of_one_route_mean_the_same() -> None:
    assert read(route="mulerouter/qwen-image-max") == read(route=["mulerouter/qwen-image-max"])


def test_request_never_changes_after_it_was_read() -> None:
    request = read()
    with pytest.raises(ValidationError):
        request.prompt = "another"  # type: ignore[misc]


def test_errors_and_repr_of_images_do_not_show_what_was_sent() -> None:
    with pytest.raises(ValidationError) as caught:
        read(prompt=PROMPT * 1000, n=0)
    assert PROMPT not in str(caught.value)
    assert "secret-link" not in repr(read(images=["https://example.com/secret-link"]))


def test_every_field_is_described_for_callers() -> None:
    schema = GenerationRequest.model_json_schema()
    for fields in (schema["properties"], schema["$defs"]["Lora"]["properties"]):
        assert fields
        for name, field in fields.items():
            assert field.get("description"), name


def test_deadline_is_ten_minutes_where_the_caller_says_nothing() -> None:
    assert read().deadline_seconds == 600
