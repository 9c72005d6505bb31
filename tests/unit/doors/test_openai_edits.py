"""Edits through OpenAI's front door: forms with images."""

from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from urllib3.filepost import encode_multipart_formdata

from easel.domain.generation import Generation
from easel.domain.sizes import Size
from easel.doors.openai_body import nearest_ratio
from tests.fakes.pictures import picture
from tests.unit.doors.calls import KEY, Answer, Api, event
from tests.unit.doors.carried import carried, drawn
from tests.unit.doors.vendor_door import last_id
from tests.unit.steps.vendor_words import DASHSCOPE_LINK, dashscope_finished

EDIT = "/openai/v1/images/edits"
PROMPT = "PLANTED-PROMPT, make it night"
ROUTE = ("route", "dashscope-intl/qwen-image-edit-max")
PHOTO = picture(width=400, height=400)
PAINTING = picture("jpeg", width=400, height=500)


def delivering() -> Api:
    return carried(dashscope_finished(), links=drawn(DASHSCOPE_LINK))


def send(api: Api, *fields: tuple[str, Any], prompt: str = PROMPT) -> Answer:
    """A form as API Gateway gives it to a function."""
    body, content_type = encode_multipart_formdata([("prompt", prompt), ROUTE, *fields])
    return api.call("POST", EDIT, raw=body, content_type=content_type)


def file(data: bytes) -> tuple[str, bytes, str]:
    return "photo.png", data, "application/octet-stream"


def made(api: Api) -> Generation:
    return api.scene.store.records[last_id(api)]


def inputs(api: Api) -> list[bytes]:
    return [data for key, data in api.scene.images.objects.items() if key.startswith("inputs/")]


def assert_refused(answer: Answer, param: str | None, code: str = "invalid_value") -> str:
    assert answer.status == 400, answer.body
    error = answer.body["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert PROMPT not in answer.text
    message: str = error["message"]
    return message


def test_picture_is_edited() -> None:
    api = delivering()
    answer = send(api, ("image", file(PHOTO)))
    assert answer.status == 200, answer.body
    assert len(answer.body["data"]) == 1
    assert (made(api).request.model, made(api).request.prompt) == ("qwen-image-edit-max", PROMPT)
    assert inputs(api) == [PHOTO]


@pytest.mark.parametrize("names", [("image[]", "image[]"), ("image", "image"), ("image[0]", "image[1]")])
def test_several_pictures_are_taken_in_order(names: tuple[str, str]) -> None:
    api = delivering()
    assert send(api, (names[0], file(PHOTO)), (names[1], file(PAINTING))).status == 200
    assert inputs(api) == [PHOTO, PAINTING]


def test_fields_of_a_form_are_read_as_what_they_are() -> None:
    api = delivering()
    answer = send(
        api, ("image", file(PHOTO)), ("n", "1"), ("seed", "7"), ("strict", "true"), ("stream", "false"),
        ("size", "1024x1024"), ("deadline_seconds", "60"), ("negative_prompt", "7"),
        ("metadata[order]", "12"), ("metadata[is_new]", "true"), ("webhook[url]", "https://a.example/"),
        ("webhook[events][]", "generation.failed"), ("model", "gpt-image-1"),
    )  # fmt: skip
    assert answer.status == 200, answer.body
    request = made(api).request
    assert (request.n, request.seed, request.strict, request.size) == (1, 7, True, "1024x1024")
    assert (request.deadline_seconds, request.negative_prompt) == (60, "7")
    assert request.metadata == {"order": "12", "is_new": "true"}
    assert request.webhook is not None
    assert [event.value for event in request.webhook.events] == ["generation.failed"]


def test_list_of_routes_is_read() -> None:
    api = delivering()
    body, content_type = encode_multipart_formdata(
        [
            ("prompt", PROMPT),
            ("route[]", ROUTE[1]),
            ("route[]", "mulerouter/qwen-image-edit-max"),
            ("image", file(PHOTO)),
        ]
    )
    assert api.call("POST", EDIT, raw=body, content_type=content_type).status == 200
    assert made(api).routes == (ROUTE[1], "mulerouter/qwen-image-edit-max")


def test_pictures_that_are_links_or_uploads_come_after_the_files() -> None:
    api = delivering()
    assert send(api, ("image", file(PHOTO)), ("images[]", "https://a.example/b.png")).status == 200
    assert made(api).request.images[1] == "https://a.example/b.png"


@pytest.mark.parametrize("name", ["mask", "markup"])
def test_mask_is_refused_rather_than_left_out(name: str) -> None:
    message = assert_refused(send(delivering(), ("image", file(PHOTO)), (name, file(PHOTO))), name)
    assert "mask" in message


def test_edit_without_a_picture_is_refused() -> None:
    assert_refused(send(delivering()), "image")


def test_more_pictures_than_any_route_takes_are_refused() -> None:
    assert_refused(send(delivering(), *[("image[]", file(PHOTO))] * 4), "image")


@pytest.mark.parametrize("data", [b"", b"no image", picture(width=64, height=64), PHOTO[:-100]])
def test_file_that_is_no_picture_to_edit_is_refused_by_its_number(data: bytes) -> None:
    api = delivering()
    assert_refused(send(api, ("image[]", file(PHOTO)), ("image[]", file(data))), "image.1")
    assert not api.scene.store.records
    assert not inputs(api)


@pytest.mark.parametrize(
    ("name", "value"), [("n", "two"), ("n", "7"), ("strict", "yes"), ("stream", "true"), ("seed", "1.5")]
)
def test_wrong_value_is_refused_by_its_name(name: str, value: str) -> None:
    assert_refused(send(delivering(), ("image", file(PHOTO)), (name, value)), name)


@pytest.mark.parametrize(
    "name", ["a" + "[b]" * 1000, "metadata[a][b]", "prompt[a]", "a[b][c][d]", "metadata[]", "[", ""]
)
def test_name_of_no_field_is_refused(name: str) -> None:
    answer = send(delivering(), ("image", file(PHOTO)), ("metadata[a]", "1"), (name, "1"))
    assert answer.status == 400, answer.body
    assert len(answer.text) < 2000


def test_edit_in_json_is_refused() -> None:
    answer = delivering().call("POST", EDIT, body={"prompt": PROMPT})
    assert_refused(answer, None, "unsupported_media_type")


def test_form_of_text_alone_is_read_too() -> None:
    """API Gateway gives it as it is, or as base64."""
    answer = delivering().call("POST", EDIT, raw="--b--", content_type="multipart/form-data; boundary=b")
    assert_refused(answer, "prompt")


def test_body_that_is_no_base64_is_refused() -> None:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "multipart/form-data; boundary=b"}
    sent = event("POST", EDIT, headers=headers) | {"isBase64Encoded": True, "body": "!"}
    assert delivering().app.resolve(sent, LambdaContext())["statusCode"] == 400


@pytest.mark.parametrize(
    ("size", "nearest"),
    [((1536, 1024), "4:3"), ((1792, 1024), "16:9"), ((1000, 1000), "1:1"), ((500, 1500), None)],
)
def test_nearest_ratio_is_by_proportion(size: tuple[int, int], nearest: str | None) -> None:
    offered = ["16:9", "4:3", "1:1", "3:4", "9:16", "1664*928", "W*H with each side 512 to 2048"]
    assert nearest_ratio(Size(*size), offered) == nearest
    assert nearest_ratio(Size(*size), []) is None
