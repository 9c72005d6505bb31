"""The description: whole, true to the router and the template, and as strict as the API itself."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easel.catalogue import CATALOGUE
from easel.domain.rows import BODY_FORMS
from easel.domain.sizes import SizeRule
from easel.domain.tenancy import ALL_SCOPES
from easel.errors import RequestError
from easel.openapi.calls import CALLS, OPEN, methods_at
from easel.openapi.route_rules import size_pattern
from easel.openapi.words import EXAMPLES
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.template import RESOURCES
from tests.unit.doors.calls import Api
from tests.unit.doors.described import DESCRIPTION, assert_valid, body_schema, is_valid, resolved
from tests.unit.doors.native_routes import native_calls

REFERENCES = {"$ref", "operationId"}
OPERATIONS = {
    operation["operationId"]: operation
    for where in ("paths", "webhooks")
    for methods in DESCRIPTION[where].values()
    for operation in methods.values()
}


def walk(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in it."""
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


# ── Whole ─────────────────────────────────────────────────────────────────────────────────────────────


def test_description_is_served_without_a_key_and_may_be_kept() -> None:
    api = Api()
    answer = api.call("GET", "/openapi.json", key=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body == DESCRIPTION
    assert answer.body["openapi"] == "3.1.0"
    assert answer.headers["cache-control"].startswith("public, max-age=")
    assert api.call("GET", "/openapi.json", key=None).headers["etag"] == answer.headers["etag"]
    assert api.keys.asked == []


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_reader_who_has_it_already_is_told_so(path: str, form: str) -> None:
    api = Api()
    etag = api.call("GET", path, key=None).headers["etag"]
    again = api.call("GET", path, key=None, if_none_match=form.format(etag))
    assert (again.status, again.text, again.headers["etag"]) == (304, "", etag)
    assert api.call("GET", path, key=None, if_none_match='"other"').status == 200


def test_every_reference_leads_somewhere() -> None:
    references = {one["$ref"] for one in walk(DESCRIPTION) if isinstance(one.get("$ref"), str)}
    assert len(references) > 50
    for reference in references:
        place: Any = DESCRIPTION
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
    tags = {tag["name"] for tag in DESCRIPTION["tags"]}
    for operation in OPERATIONS.values():
        assert set(operation["tags"]) <= tags


def test_every_component_is_used() -> None:
    text = json.dumps(DESCRIPTION)
    for kind in ("schemas", "responses", "parameters"):
        for name in DESCRIPTION["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text, name


@pytest.mark.parametrize("name", DESCRIPTION["components"]["schemas"])
def test_every_schema_is_one(name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DESCRIPTION["components"]}
    jsonschema_rs.meta.validate(DESCRIPTION["components"]["schemas"][name])
    jsonschema_rs.Draft202012Validator(schema)


def test_every_operation_is_named_once_and_told_in_words() -> None:
    assert len(OPERATIONS) == len(CALLS) + len(DESCRIPTION["webhooks"])
    for operation in OPERATIONS.values():
        assert operation["summary"]
        assert operation["description"]
        assert operation["responses"]


def test_every_link_leads_to_a_parameter_of_another_operation() -> None:
    links = [
        link
        for operation in OPERATIONS.values()
        for answer in operation["responses"].values()
        for link in resolved(answer).get("links", {}).values()
    ]
    assert {link["operationId"] for link in links} >= {
        "getGeneration", "listEvents", "cancelGeneration", "getBatch", "cancelBatch", "resumeBatch",
    }  # fmt: skip
    for link in links:
        taken = {one["name"] for one in OPERATIONS[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= taken


def test_every_problem_has_an_example_that_is_one() -> None:
    seen = set()
    for name, answer in DESCRIPTION["components"]["responses"].items():
        for media in answer["content"].values():
            for example in media.get("examples", {}).values():
                assert_valid(media["schema"], example["value"])
                seen.add(example["value"]["code"])
        assert answer["description"], name
    described = {kind.code for call in CALLS for kind in call.refusals}
    assert seen == described
    unused = {kind.code for kind in RequestError.__subclasses__()} - described
    assert unused == {"method_not_allowed", "still_working"}, "of no native call"


def test_every_call_but_the_open_ones_needs_a_key() -> None:
    for call in CALLS:
        operation = OPERATIONS[call.id]
        needed = operation.get("security", DESCRIPTION["security"])
        assert bool(needed) is (call not in OPEN)
        assert ("401" in operation["responses"]) is (call not in OPEN)
        assert "500" in operation["responses"]


# ── True to the router and the template ───────────────────────────────────────────────────────────────


def described() -> set[tuple[str, str]]:
    return {(call.method, re.sub(r"{[^}]+}", "{}", call.path)) for call in CALLS}


def test_every_route_is_described_and_every_call_is_routed() -> None:
    assert native_calls() == described()


def test_every_call_is_an_event_of_the_template_and_no_other_is() -> None:
    events = RESOURCES["ApiFunction"]["Properties"]["Events"].values()
    routes = {(event["Properties"]["Method"], event["Properties"]["Path"]) for event in events}
    assert {route for route in routes if route != ("ANY", "$default")} == {
        (call.method, call.path) for call in CALLS
    }


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_methods_of_a_path_are_those_of_its_calls(call: Any) -> None:
    path = call.path.replace("{", "").replace("}", "")
    assert set(methods_at(path)) == {one.method for one in CALLS if one.path == call.path}
    assert methods_at(f"{path}/more/and/more") == ()


# ── As strict as the API ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("operation", "name"),
    [(operation, name) for operation, examples in EXAMPLES.items() for name in examples],
)
def test_every_example_is_valid_and_taken(operation: str, name: str) -> None:
    body = EXAMPLES[operation][name]
    assert_valid(body_schema(operation), body)
    api = Api()
    api.keys.known = {"scopes": ALL_SCOPES}
    api.scene.inbox.drop("manifests/owls.jsonl", b"{}\n")
    call = next(call for call in CALLS if call.id == operation)
    path = call.path.replace("{id}", "bat_" + "0" * 26).replace("{tenant}", "acme")
    if "manifest" in body:
        body = body | {"manifest": "s3://inbox/manifests/owls.jsonl"}
    assert api.call(call.method, path, body=body).status in (200, 201, 202, 404)


@pytest.mark.parametrize("media", BODY_FORMS)
def test_every_file_that_may_be_a_body_has_examples_whose_rows_are_all_good(media: str) -> None:
    content = DESCRIPTION["paths"]["/v1/batches"]["post"]["requestBody"]["content"]
    assert list(content) == ["application/json", *BODY_FORMS]
    for example in content[media]["examples"].values():
        query = {"dry_run": "true"}
        plan = Api().call("POST", "/v1/batches", raw=example["value"], query=query, content_type=media).body
        assert plan["rows"] == {"total": 2, "valid": 2, "refused": 0}


LINK = "https://images.example/a.png"
LORA: dict[str, Any] = {"weights": "owner/name"}
SIZES = [
    "1:1",
    "16:9",
    "21:9",
    "1664*928",
    "1664x928",
    "1024*1024",
    "512*2048",
    "511*512",
    "544x544",
    "545*545",
]
MODELS = [*CATALOGUE.models, "qwen-image-huge"]
ROUTES = [*CATALOGUE.routes, "nobody/nothing"]
TEXTS = st.sampled_from(
    ["an owl", " ", "\u2003", "x\ufffd", "x" * 600, "x" * 900, "x" * 4001, "\x1f", "\ufeff"]
)
SWITCHED = st.sampled_from([None, True, False])
OPTIONAL = {
    "size": st.sampled_from([None, *SIZES, "huge"]),
    "n": st.sampled_from([None, 1, 2, 4, 6, 7, 0, 2.0, 2.5]),
    "seed": st.sampled_from([None, 0, 1, 2147483647, 2147483648, 2**53 - 1, 2**53, -1]),
    "images": st.lists(st.sampled_from([LINK, LINK.replace("https", "http")]), max_size=4),
    "lora": st.sampled_from([None, LORA, {"weights": "owner"}, LORA | {"steps": 51}]),
    "negative_prompt": TEXTS,
    "output_format": st.sampled_from([None, "png", "jpeg", "webp"]),
    "guidance_scale": st.sampled_from([None, 1, 20.0, 0.5, 21]),
    "route": st.one_of(
        st.none(), st.sampled_from(ROUTES), st.lists(st.sampled_from(ROUTES), min_size=0, max_size=3)
    ),
    "strict": st.booleans(),
    **dict.fromkeys(("prompt_extend", "safety_filter", "watermark"), SWITCHED),
}  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Requests around what one route takes, some of which go beyond it."""
    route = draw(st.sampled_from(list(CATALOGUE.routes.values())))
    model = draw(st.sampled_from(list(route.models)))
    together = st.lists(
        st.sampled_from([one.name for one in CATALOGUE.serving(model)]), min_size=1, max_size=3
    )
    body: dict[str, Any] = {"model": model, "prompt": "an owl"}
    body |= {"images": [LINK]} if route.capabilities.images[0] else {}
    body |= {"lora": LORA} if route.capabilities.lora else {}
    body |= draw(st.sampled_from([{}, {"route": route.name}])) | (
        {"route": draw(together)} if draw(st.booleans()) else {}
    )
    changes = {"model": st.sampled_from(MODELS), "prompt": TEXTS, **OPTIONAL}
    for name in draw(st.lists(st.sampled_from(sorted(changes)), unique=True, max_size=5)):
        body[name] = draw(changes[name])
    return body


@settings(max_examples=1500, deadline=None)
@given(body=requests())
def test_schema_of_a_request_takes_what_the_api_takes_and_nothing_else(body: dict[str, Any]) -> None:
    answer = Api(SCENE).call("POST", "/v1/generations", body=body | {"dry_run": True})
    assert answer.status in (200, 422)
    assert is_valid(body_schema("createGeneration"), body) is (answer.status == 200), answer.text


SCENE = Scene()


def test_rules_take_each_route_by_itself_and_routes_of_one_model_together() -> None:
    api = Api()
    for route in CATALOGUE.routes.values():
        body: dict[str, Any] = {"model": next(iter(route.models)), "prompt": "an owl", "route": route.name}
        if route.capabilities.images[0]:
            body["images"] = [LINK]
        if route.capabilities.lora:
            body["lora"] = LORA
        assert_valid(body_schema("createGeneration"), body)
        together = [one.name for one in CATALOGUE.serving(body["model"])]
        assert_valid(body_schema("createGeneration"), body | {"route": together})
        assert api.call("POST", "/v1/generations", body=body | {"route": together}).status == 202


@pytest.mark.parametrize(
    ("low", "high", "step"),
    [(512, 2048, 1), (512, 1536, 32), (1, 9, 1), (95, 10_005, 1), (10, 10, 1), (7, 700, 7)],
)
def test_pattern_of_free_sizes_takes_exactly_their_sides(low: int, high: int, step: int) -> None:
    pattern = re.compile(size_pattern(SizeRule({}, free_side=(low, high), multiple=step)))
    for side in range(10_100):
        allowed = low <= side <= high and side % step == 0
        assert bool(pattern.fullmatch(f"{side}*{low if low % step == 0 else high}")) is allowed


def test_data_url_and_upload_are_valid_images() -> None:
    item = DESCRIPTION["components"]["schemas"]["Submission"]["properties"]["images"]["items"]
    data = base64.b64encode(picture()).decode()
    assert is_valid(item, f"data:image/png;base64,{data}")
    assert is_valid(item, "upload:upl_01ARYZ6S410000000000000000")
    assert is_valid(item, f"{LINK}?x=1")
    assert not is_valid(item, "upload:upl_1")
    assert is_valid(item, "s3://images/images/gen_01ARYZ6S410000000000000000/0.png")
    assert not is_valid(item, "s3://images/a.png")
    assert not is_valid(item, "https://user@images.example/a.png")
