"""The front door that speaks as AI/ML API does."""

import base64
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.ask import Ask
from easel.domain.failure import FailureClass
from easel.domain.generation import Generation
from easel.domain.sizes import Geometry, Size
from easel.domain.tenancy import Scope
from easel.domain.tenants import Limits, Tenant
from easel.doors import answers
from easel.errors import AnswerLostError, NotSentError
from easel.routing import Policy
from easel.vendors.aimlapi import AimlApi
from easel.vendors.base import Failed, Finished, InlineImage, LinkedImage
from easel.wire import HttpResponse
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene, said
from tests.unit.doors.calls import KEY, Answer, Api
from tests.unit.doors.carried import carried, carrier_of
from tests.unit.doors.vendor_door import last_id, wire
from tests.unit.steps.vendor_words import aiml_inline

DOOR = "/aimlapi"
PATH = "/v1/images/generations"
PROMPT = "PLANTED-PROMPT of a lighthouse"
MODEL = "alibaba/qwen-image"
BODY = {"model": MODEL, "prompt": PROMPT}
WORDS = {"message", "path", "requestId", "statusCode", "timestamp"}


def delivering(count: int = 1) -> Api:
    return carried(aiml_inline(*[picture("jpeg")] * count))


def call(api: Api, **fields: Any) -> Answer:
    return api.call("POST", DOOR + PATH, body=BODY | fields)


def made(api: Api) -> Generation:
    """The generation that was made last."""
    return api.scene.store.records[last_id(api)]


def assert_refused(answer: Answer, status: int, *words: str) -> None:
    assert answer.status == status, answer.body
    assert set(answer.body) == WORDS
    assert (answer.body["statusCode"], answer.body["requestId"]) == (status, "request-1")
    assert answer.body["path"].startswith("/v1/")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.body["timestamp"])
    assert all(word in answer.body["message"] for word in words), answer.body
    assert PROMPT not in answer.text


def test_call_answers_201_with_the_pictures_in_fals_shape() -> None:
    api = delivering(2)
    answer = call(api, num_images=2, seed=7)
    assert answer.status == 201, answer.body
    assert set(answer.body) == {"images", "timings", "seed", "has_nsfw_concepts", "prompt"}
    assert len(answer.body["images"]) == 2
    first = answer.body["images"][0]
    assert set(first) == {"url", "width", "height", "content_type"}
    assert first["url"].startswith(f"https://images.example/images/{last_id(api)}/")
    assert (first["width"], first["height"], first["content_type"]) == (64, 48, "image/jpeg")
    assert answer.body["has_nsfw_concepts"] == [False, False]
    assert (answer.body["seed"], answer.body["prompt"]) == (7, PROMPT)
    assert answer.body["timings"]["inference"] >= 0


def test_path_with_a_slash_at_its_end_is_the_same() -> None:
    assert delivering().call("POST", f"{DOOR}{PATH}/", body=BODY).status == 201


def test_every_documented_field_reaches_the_generation() -> None:
    api = delivering()
    answer = call(
        api, output_format="png", num_images=1.0, seed=4128479875, enable_safety_checker=False,
        guidance_scale=4, sync_mode=False, negative_prompt="blurry", provider="FAL",
        image_size={"width": 1344, "height": 768},
    )  # fmt: skip
    assert answer.status == 201, answer.body
    request = made(api).request
    assert (request.model, request.prompt, request.negative_prompt) == ("qwen-image", PROMPT, "blurry")
    assert (request.output_format, request.n, request.seed) == ("png", 1, 4128479875)
    assert (request.safety_filter, request.guidance_scale) == (False, 4)
    assert request.size == "1344*768"


@pytest.mark.parametrize(
    ("preset", "sent"),
    [
        ("square_hd", (1024, 1024)),
        ("square", (512, 512)),
        ("portrait_4_3", (768, 1024)),
        ("portrait_16_9", (576, 1024)),
        ("landscape_4_3", (1024, 768)),
        ("landscape_16_9", (1024, 576)),
        (None, (1024, 768)),
    ],
)
def test_preset_is_asked_of_the_vendor_in_its_pixels(preset: str | None, sent: tuple[int, int]) -> None:
    api = delivering()
    assert call(api, **({"image_size": preset} if preset else {})).status == 201
    ((_, _, _, body),) = api.scene.script.asked
    assert body["image_size"] == {"width": sent[0], "height": sent[1]}


def test_own_route_comes_first_whatever_the_policy_and_then_every_other_of_the_model() -> None:
    scene = Scene()
    scene.creator = replace(scene.creator, policy=Policy.CHEAPEST)
    api = Api(scene)
    call(api)
    assert made(api).routes[0] == "aimlapi/qwen-image"
    assert {route.split("/")[0] for route in made(api).routes[1:]} == {
        "dashscope-intl", "dashscope-cn", "pixeldojo",
    }  # fmt: skip


def test_door_serves_also_where_the_deployment_has_no_key_of_the_vendor() -> None:
    api = carried(NotSentError("no"))
    del api.scene.keys.keys["aimlapi"]
    call(api)
    assert "aimlapi/qwen-image" not in made(api).routes


def test_sync_mode_puts_the_picture_itself_into_the_answer() -> None:
    api = delivering()
    answer = call(api, sync_mode=True)
    head, _, encoded = answer.body["images"][0]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(encoded) == picture("jpeg")


def test_picture_too_large_for_an_answer_is_refused_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "INLINE_BYTES_MAX", 100)
    api = delivering()
    assert_refused(call(api, sync_mode=True), 400, "sync_mode", "100", last_id(api))
    assert api.call("GET", f"/v1/generations/{last_id(api)}").body["status"] == "succeeded"


BAD_FIELDS = [
    ({"model": "alibaba/qwen-image-edit"}, "model"),
    ({"model": "qwen-image"}, "model"),
    ({"model": None}, "model"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": "  "}, "prompt"),
    ({"prompt": "x" * 4001}, "prompt"),
    ({"prompt": None}, "prompt"),
    ({"num_images": 0}, "num_images"),
    ({"num_images": 5}, "num_images"),
    ({"num_images": 1.5}, "num_images"),
    ({"num_images": "2"}, "num_images"),
    ({"num_images": True}, "num_images"),
    ({"seed": 0}, "seed"),
    ({"seed": -1}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"output_format": "webp"}, "output_format"),
    ({"guidance_scale": 0.5}, "guidance_scale"),
    ({"guidance_scale": 21}, "guidance_scale"),
    ({"enable_safety_checker": "yes"}, "enable_safety_checker"),
    ({"sync_mode": 1}, "sync_mode"),
    ({"image_size": "panorama"}, "image_size"),
    ({"image_size": {"width": 1024}}, "image_size"),
    ({"image_size": {"width": 1000, "height": 1024}}, "image_size"),
    ({"image_size": {"width": 1568, "height": 1024}}, "image_size"),
    ({"provider": "openai"}, "provider"),
    ({"negative_prompt": 7}, "negative_prompt"),
    ({"size": "1024x1024"}, "size"),
]


@pytest.mark.parametrize(("fields", "name"), BAD_FIELDS, ids=str)
def test_wrong_field_is_the_vendors_400_naming_it_and_nothing_is_made(
    fields: dict[str, Any], name: str
) -> None:
    api = Api()
    assert_refused(call(api, **fields), 400, "Body validation error!", name)
    assert api.scene.store.records == {}


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", "[" * 10_000])
def test_body_that_is_no_json_object_is_the_vendors_400(raw: str) -> None:
    assert_refused(Api().call("POST", DOOR + PATH, raw=raw), 400, "Body validation error!")


def test_refusals_have_the_vendors_statuses_403_being_for_money_too() -> None:
    api = Api()
    for key in (None, "wrong"):
        answer = api.call("POST", DOOR + PATH, body=BODY, key=key)
        assert_refused(answer, 401, "This request requires a valid API key.")
    assert_refused(api.call("GET", f"{DOOR}/v1/models"), 404, "Not Found")
    assert api.call("GET", f"{DOOR}/v1/models").body["path"] == "/v1/models"
    api.keys.known = {"scopes": frozenset({Scope.READ})}
    assert_refused(call(api), 403, "scope")
    api.keys.known = {}
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(usd_per_day=Decimal("0.001")))
    assert_refused(call(api), 403, "You've run out of credits.")
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(per_minute=1))
    call(api, seed=0)
    answer = call(api)
    assert_refused(answer, 429, "Too Many Requests")
    assert int(answer.headers["retry-after"]) > 0
    assert api.scene.store.records == {}


def refusing(status: int, message: str) -> HttpResponse:
    return said(status, {"message": message, "requestId": "r", "statusCode": status})


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (said(201, {"images": [{"url": "https://cdn.aimlapi.com/a"}], "has_nsfw_concepts": [True]}), 400),
        (refusing(400, "Body validation error!"), 400),
        (refusing(403, "You've run out of credits."), 403),
        (refusing(401, "no"), 500),
        (AnswerLostError("no"), 502),
    ],
    ids=["moderation", "validation", "billing", "auth", "answer lost"],
)
def test_generation_without_a_picture_is_told_with_the_vendors_status(
    answer: HttpResponse | Exception, status: int
) -> None:
    api = carried(answer)
    for endpoint in ("dashscope-intl", "dashscope-cn", "pixeldojo"):
        del api.scene.keys.keys[endpoint]
    told = call(api)
    assert_refused(told, status)
    assert told.headers["x-should-retry"] == "false", "the official SDK would buy another"


def test_call_that_takes_too_long_is_504_and_the_same_call_again_gets_the_picture() -> None:
    api = delivering()
    carrier_of(api).stopped = True
    answer = call(api)
    assert_refused(answer, 504, "Generation timeout")
    assert "x-should-retry" not in answer.headers
    assert int(answer.headers["retry-after"]) >= 2
    generation = last_id(api)
    carrier_of(api).carry(generation)
    again = call(api)
    assert again.status == 201
    assert generation in again.text
    assert len(api.scene.store.records) == len(api.scene.script.asked) == 1


def test_retry_count_of_the_official_sdk_leads_back_to_an_answer_that_was_lost() -> None:
    api = delivering()
    first = call(api)
    again = api.call("POST", DOOR + PATH, body=BODY, x_stainless_retry_count="1")
    assert again.status == 201
    assert again.body["images"] == first.body["images"]
    assert len(api.scene.store.records) == 1


ADAPTER = AimlApi()
ASK = Ask(model=MODEL, prompt=PROMPT, seed=7, geometry=Geometry("4:3", Size(1024, 768)), output_format="png")


def test_easels_own_adapter_is_a_client_of_the_door() -> None:
    api = delivering()
    done = ADAPTER.read_submit(wire(api, DOOR, ADAPTER.build_submit(ASK)))
    assert isinstance(done, Finished)
    assert isinstance(done.images[0], LinkedImage)
    assert done.seed == 7
    answer = call(delivering(), sync_mode=True)
    inline = ADAPTER.read_submit(HttpResponse(answer.status, answer.headers, answer.text.encode()))
    assert isinstance(inline, Finished)
    assert isinstance(inline.images[0], InlineImage)


@pytest.mark.parametrize(
    ("key", "budget", "stopped", "expected"),
    [
        ("wrong", None, False, FailureClass.AUTH),
        (KEY, Decimal("0.001"), False, FailureClass.BILLING),
        (KEY, None, True, FailureClass.TRANSIENT),
    ],
)
def test_easels_own_adapter_understands_the_doors_refusals(
    key: str, budget: Decimal | None, stopped: bool, expected: FailureClass
) -> None:
    api = delivering()
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(usd_per_day=budget))
    carrier_of(api).stopped = stopped
    refused = ADAPTER.read_submit(wire(api, DOOR, ADAPTER.build_submit(ASK), key))
    assert isinstance(refused, Failed)
    assert refused.failure.failure_class is expected
