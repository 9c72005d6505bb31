"""The MCP endpoint's tools: what they take, what they give, and what they refuse in words to act on."""

import base64
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Scope
from easel.domain.tenants import Limits, Tenant
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene
from tests.unit.doors.calls import OTHER_KEY
from tests.unit.doors.mcp_calls import Mcp, refused
from tests.unit.steps.vendor_words import LINK, mule_completed, mule_error

PHOTO = "data:image/png;base64," + base64.b64encode(picture(width=512, height=512)).decode()
EDIT: dict[str, Any] = {"model": "qwen-image-edit-max", "prompt": "make it night", "wait_seconds": 0}


def tools(mcp: Mcp) -> dict[str, dict[str, Any]]:
    """The tools by name."""
    return {tool["name"]: tool for tool in mcp.ask("tools/list")["result"]["tools"]}


def carried(mcp: Mcp, generation_id: str) -> None:
    """Take a generation to its end."""
    mcp.scene.submitter.submit(generation_id)
    if not mcp.scene.store.records[generation_id].terminal:
        mcp.scene.persister.persist(generation_id)
    mcp.scene.settler.settle(generation_id)


def done() -> tuple[Mcp, str]:
    """A generation that succeeded, and its id."""
    mcp = Mcp(Scene(mule_completed(), links={LINK: picture()}))
    made: str = mcp.generate(seed=7)["structuredContent"]["id"]
    carried(mcp, made)
    return mcp, made


def test_each_tool_says_what_it_takes_and_gives() -> None:
    listed = tools(Mcp())
    assert list(listed) == [
        "generate_image",
        "edit_image",
        "get_generation",
        "list_generations",
        "list_models",
    ]
    for tool in listed.values():
        assert len(tool["description"]) > 40
        assert tool["title"]
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
        for name, argument in tool["inputSchema"]["properties"].items():
            assert argument["description"], name
        assert "$ref" not in json.dumps(tool)
        assert tool["annotations"]["destructiveHint"] is False
    reading = {name for name, tool in listed.items() if tool["annotations"]["readOnlyHint"]}
    assert reading == {"get_generation", "list_generations", "list_models"}


def test_arguments_are_described_in_the_words_of_the_requests_own_fields() -> None:
    listed = tools(Mcp())
    taken = listed["edit_image"]["inputSchema"]
    for name in ("prompt", "size", "n", "seed", "images", "route", "strict"):
        assert taken["properties"][name]["description"] == GenerationRequest.model_fields[name].description
    assert taken["properties"]["n"]["maximum"] == 6
    assert taken["required"] == ["prompt", "images"]
    assert taken["properties"]["model"]["default"] == "qwen-image-edit-max"
    assert listed["generate_image"]["inputSchema"]["required"] == ["prompt"]
    assert taken["properties"]["wait_seconds"]["default"] == 20
    assert "images" not in listed["generate_image"]["inputSchema"]["properties"]


def test_models_are_those_that_the_deployment_and_the_key_have_routes_for() -> None:
    mcp = Mcp()
    mcp.scene.keys.keys = {"mulerouter": "key", "pixeldojo": "key"}
    mcp.keys.known = {"models": ("qwen-image-max", "qwen-image-edit-max", "qwen-image-edit")}
    listed = tools(mcp)
    assert listed["generate_image"]["inputSchema"]["properties"]["model"]["enum"] == ["qwen-image-max"]
    assert listed["edit_image"]["inputSchema"]["properties"]["model"]["enum"] == ["qwen-image-edit-max"]
    mcp.keys.known = {"routes": ("pixeldojo/qwen-image-max",)}
    (model,) = mcp.call("list_models")["structuredContent"]["data"][:1]
    assert [route["name"] for route in model["routes"]] == ["pixeldojo/qwen-image-max"]


def test_tools_are_listed_where_nothing_can_be_made() -> None:
    mcp = Mcp()
    mcp.scene.keys.keys = {}
    for tool in tools(mcp).values():
        Draft202012Validator.check_schema(tool["inputSchema"])
    assert mcp.call("list_models")["structuredContent"] == {"data": []}
    assert "route" in refused(mcp.generate())


def test_generate_starts_a_generation_and_tells_how_to_look_it_up() -> None:
    mcp = Mcp()
    result = mcp.generate(size="16:9")
    made = result["structuredContent"]
    assert mcp.scene.workflow.ids == [made["id"]]
    assert (made["status"], made["model"], made["route"]) == (
        "queued", "qwen-image-max", "mulerouter/qwen-image-max",
    )  # fmt: skip
    said, text = (block["text"] for block in result["content"])
    assert made["id"] in said
    assert "get_generation" in said
    assert json.loads(text) == made
    assert result.get("isError", False) is False
    assert mcp.scene.clock.slept == []


@pytest.mark.parametrize(
    ("arguments", "seconds"), [({"wait_seconds": 3}, 3), ({"wait_seconds": 25}, 25), ({}, 20)]
)
def test_generate_and_get_wait_for_the_end_as_long_as_they_are_asked_to(
    arguments: dict[str, Any], seconds: int
) -> None:
    mcp = Mcp()
    asked: dict[str, Any] = {"model": "qwen-image-max", "prompt": "an owl"}
    made = mcp.call("generate_image", **asked, **arguments)["structuredContent"]
    assert sum(mcp.scene.clock.slept) == pytest.approx(seconds)
    mcp.call("get_generation", id=made["id"], **arguments)
    assert sum(mcp.scene.clock.slept) == pytest.approx(2 * seconds)


def test_kept_image_is_told_with_a_link_in_every_form() -> None:
    mcp, made = done()
    result = mcp.call("get_generation", id=made)
    assert mcp.scene.clock.slept == []
    told = result["structuredContent"]
    (image,) = told["images"]
    assert (told["status"], image["width"], image["height"]) == ("succeeded", 64, 48)
    said, text, link = result["content"]
    assert "an hour" in said["text"]
    assert json.loads(text["text"]) == told
    assert (link["type"], link["uri"], link["mimeType"]) == ("resource_link", image["url"], "image/png")
    assert link["name"] == f"{made}-0"
    assert "an hour" in link["description"]
    assert told["receipt"]["billed"] == {"amount": "0.075", "currency": "USD"}
    assert "PLANTED-LINK" not in json.dumps(result)


@pytest.mark.parametrize(
    ("revision", "links"), [(None, 0), ("2025-03-26", 0), ("2025-06-18", 1), ("2025-11-25", 1)]
)
def test_client_of_an_older_revision_gets_no_block_that_it_does_not_know(
    revision: str | None, links: int
) -> None:
    mcp, made = done()
    result = mcp.call("get_generation", id=made, how={"revision": revision})
    assert [block["type"] for block in result["content"]] == ["text", "text"] + ["resource_link"] * links


@pytest.mark.parametrize("name", ["generate_image", "get_generation", "list_generations", "list_models"])
def test_results_are_as_the_tools_output_schema_says(name: str) -> None:
    mcp, made = done()
    given: dict[str, dict[str, Any]] = {
        "generate_image": {"model": "qwen-image-max", "prompt": "an owl", "watermark": True},
        "get_generation": {"id": made},
    }
    told = mcp.call(name, **given.get(name, {}))["structuredContent"]
    Draft202012Validator(tools(mcp)[name]["outputSchema"]).validate(told)


def test_failure_is_told_with_its_reason() -> None:
    mcp = Mcp(Scene(mule_error(422, "bad prompt")))
    made = mcp.generate()["structuredContent"]["id"]
    carried(mcp, made)
    result = mcp.call("get_generation", id=made)
    told = result["structuredContent"]
    assert told["status"] == "failed"
    assert told["error"]["message"] in result["content"][0]["text"]
    assert "images" not in told


def test_what_a_route_does_not_honour_is_told() -> None:
    mcp = Mcp(Scene(mule_completed(), links={LINK: picture()}))
    made = mcp.generate(watermark=True, size="16:9")["structuredContent"]["id"]
    carried(mcp, made)
    told = mcp.call("get_generation", id=made)["structuredContent"]["parameters"]
    assert list(told["dropped"]) == ["watermark"]
    assert told["mapped"]["size"]["from"] == "16:9"


def test_edit_takes_images_as_data() -> None:
    mcp = Mcp()
    made = mcp.call("edit_image", **EDIT, images=[PHOTO])["structuredContent"]
    assert made["status"] == "queued"
    (kept,) = mcp.scene.store.records[made["id"]].request.images
    assert kept.startswith("s3://")


@pytest.mark.parametrize("images", [{}, {"images": []}])
def test_edit_without_an_image_is_refused(images: dict[str, Any]) -> None:
    mcp = Mcp()
    assert "images: an edit needs an input image" in refused(mcp.call("edit_image", **EDIT, **images))
    assert mcp.scene.store.records == {}


def test_model_that_does_not_edit_is_refused_with_the_reason() -> None:
    text = refused(Mcp().call("edit_image", **(EDIT | {"model": "qwen-image-max"}), images=[PHOTO]))
    assert "this route takes no input images" in text


BAD = [
    ({"prompt": ""}, "prompt", "at least 1"),
    ({"prompt": None}, "prompt", "string"),
    ({"model": "dall-e"}, "model", "allowed: qwen-image-max"),
    ({"size": "huge"}, "size", "16:9"),
    ({"size": "640*640"}, "size", "allowed: 16:9"),
    ({"n": 7}, "n", "limit: 6"),
    ({"seed": "x"}, "seed", "integer"),
    ({"route": "nobody/nothing"}, "route", "allowed: mulerouter/qwen-image-max"),
    ({"wait_seconds": 26}, "wait_seconds", "limit: 25"),
    ({"wait_seconds": -1}, "wait_seconds", "limit: 0"),
    ({"idempotency_key": "a b"}, "idempotency_key", "pattern"),
    ({"images": [PHOTO]}, "images", "is not an argument of this tool; allowed: model, prompt"),
    ({"webhook": "https://evil.example/"}, "webhook", "is not an argument"),
    ({"safety_filter": False}, "safety_filter", "is not an argument"),
    ({"watermark": True, "strict": True}, "watermark", "no such parameter"),
]


@pytest.mark.parametrize(("arguments", "field", "words"), BAD)
def test_bad_argument_is_named_with_what_is_allowed(
    arguments: dict[str, Any], field: str, words: str
) -> None:
    mcp = Mcp()
    code, *lines = refused(mcp.generate(**arguments)).splitlines()
    assert code.startswith("invalid_request: ")
    assert any(line.startswith(f"{field}: ") and words in line for line in lines), lines
    assert mcp.scene.store.records == {}


def test_missing_arguments_are_named() -> None:
    body = Mcp().ask("tools/call", {"name": "generate_image"})
    assert "prompt: Field required" in refused(body["result"])


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("get_generation", {}, "id"),
        ("get_generation", {"id": 7}, "id"),
        ("get_generation", {"id": "x", "wait_seconds": 26}, "wait_seconds"),
        ("list_generations", {"status": "done"}, "status"),
        ("list_generations", {"limit": 101}, "limit"),
        ("list_generations", {"cursor": "nonsense"}, "cursor"),
        ("list_generations", {"tenant": "other"}, "tenant"),
        ("list_models", {"model": "dall-e"}, "model"),
    ],
)
def test_bad_question_is_refused_by_its_name(tool: str, arguments: dict[str, Any], field: str) -> None:
    assert f"\n{field}: " in refused(Mcp().call(tool, **arguments))


def test_repeated_call_with_its_key_buys_nothing_again() -> None:
    mcp = Mcp()
    first, again = (mcp.generate(idempotency_key="owl-1")["structuredContent"]["id"] for _ in range(2))
    assert first == again
    assert mcp.generate(idempotency_key="owl-2")["structuredContent"]["id"] != first
    assert refused(mcp.generate(idempotency_key="owl-1", seed=1)).startswith("idempotency_mismatch: ")
    assert len(mcp.scene.store.records) == 2


@pytest.mark.parametrize(
    ("scope", "tool", "arguments"),
    [
        (Scope.READ, "generate_image", {"model": "qwen-image-max", "prompt": "p"}),
        (Scope.READ, "edit_image", {**EDIT, "images": [PHOTO]}),
        (Scope.GENERATE, "get_generation", {"id": "x"}),
        (Scope.GENERATE, "list_generations", {}),
        (Scope.GENERATE, "list_models", {}),
    ],
)
def test_key_without_the_tools_scope_is_refused(scope: Scope, tool: str, arguments: dict[str, Any]) -> None:
    mcp = Mcp()
    mcp.keys.known = {"scopes": frozenset({scope})}
    assert refused(mcp.call(tool, **arguments)).startswith("forbidden: ")
    assert mcp.scene.store.records == {}


def test_reached_limit_is_told_with_whose_it_is_and_when_to_come_again() -> None:
    mcp = Mcp()
    mcp.scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(per_minute=1))
    mcp.generate()
    code, *lines = refused(mcp.generate()).splitlines()
    assert code.startswith("limit_reached: ")
    assert lines == [f"requests_per_minute of tenant {TENANT}: 1 allowed", "try again in 60 seconds"]
    assert mcp.call("list_models")["structuredContent"]["data"]


def test_another_tenants_generation_is_not_there() -> None:
    mcp, made = done()
    theirs = {"key": OTHER_KEY}
    told = refused(mcp.call("get_generation", id=made, how=theirs))
    never = refused(mcp.call("get_generation", id="gen_01ARYZ6S410000000000000000", how=theirs))
    assert told.replace(made, "") == never.replace("gen_01ARYZ6S410000000000000000", "")
    assert mcp.call("list_generations", how=theirs)["structuredContent"] == {"data": []}


def test_list_has_what_one_is_known_by_and_goes_on_with_its_cursor() -> None:
    mcp = Mcp()
    ids = [
        mcp.generate(prompt=f"{number} owls " + "x" * 200)["structuredContent"]["id"] for number in range(3)
    ]
    first = mcp.call("list_generations", limit=2)["structuredContent"]
    rest = mcp.call("list_generations", limit=2, cursor=first["next_cursor"])["structuredContent"]
    listed = [*first["data"], *rest["data"]]
    assert sorted(one["id"] for one in listed) == sorted(ids)
    assert "next_cursor" not in rest
    assert all(len(one["prompt"]) == 100 for one in listed)
    assert mcp.call("list_generations", status="failed")["structuredContent"] == {"data": []}


def test_models_tell_what_their_routes_can() -> None:
    told = mcp_models(model="qwen-image-edit-max")
    (model,) = told
    route = next(route for route in model["routes"] if route["name"] == "mulerouter/qwen-image-edit-max")
    assert (route["images_min"], route["images_max"], route["n_max"]) == (1, 3, 6)
    assert route["price"] == {"amount": "0.075", "currency": "USD"}
    assert {"seed", "negative_prompt", "size"} <= set(route["parameters"])
    assert "watermark" not in route["parameters"]
    assert len(mcp_models()) > 8


def mcp_models(**arguments: Any) -> list[dict[str, Any]]:
    """What list_models gives."""
    data: list[dict[str, Any]] = Mcp().call("list_models", **arguments)["structuredContent"]["data"]
    return data
