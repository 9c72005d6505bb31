"""The native API: who may call, what each call answers."""

from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.generation import GenerationError, Status
from easel.domain.ids import new_generation_id
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.unit.doors.calls import KEY, OTHER_KEY, Api
from tests.unit.steps.vendor_words import LINK, mule_completed

GUARDED = [
    ("POST", "/v1/generations"),
    ("GET", "/v1/generations"),
    ("GET", "/v1/generations/gen_01ARYZ6S410000000000000000"),
    ("POST", "/v1/generations/gen_01ARYZ6S410000000000000000/cancel"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/qwen-image-max"),
]
WRONG_KEYS = ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {KEY}", KEY, f"Bearer{KEY}", f"Bearer {KEY}x"]


def done() -> tuple[Api, str]:
    """A generation that succeeded, and its id."""
    scene = Scene(mule_completed(), links={LINK: picture()})
    api = Api(scene)
    made: str = api.create(metadata={"order": "7"}).body["id"]
    scene.submitter.submit(made)
    scene.persister.persist(made)
    scene.settler.settle(made)
    return api, made


@pytest.mark.parametrize("authorization", WRONG_KEYS)
@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_call_without_a_known_key_is_401_and_does_nothing(method: str, path: str, authorization: str) -> None:
    api = Api()
    answer = api.call(method, path, body={"model": "m", "prompt": "p"}, key=None, authorization=authorization)
    assert answer.status == 401
    assert answer.body["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert api.scene.store.records == {}


def test_call_without_any_authorization_is_401() -> None:
    assert Api().call("GET", "/v1/models", key=None).status == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scheme_of_the_key_is_read_in_any_case(scheme: str) -> None:
    assert Api().call("GET", "/v1/models", authorization=f"{scheme} {KEY}").status == 200


def test_key_is_checked_before_the_body_is_looked_at() -> None:
    assert Api().call("POST", "/v1/generations", raw="{", key="wrong").status == 401


def test_create_answers_202_with_the_generation_and_its_place() -> None:
    api = Api()
    answer = api.create(seed=7, size="16:9", metadata={"k": "v"})
    assert answer.status == 202
    made = answer.body
    assert answer.headers["location"] == made["links"]["self"] == f"/v1/generations/{made['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/json"
    assert (made["status"], made["model"], made["route"]) == (
        "queued", "qwen-image-max", "mulerouter/qwen-image-max",
    )  # fmt: skip
    assert made["request"]["seed"] == 7
    assert made["metadata"] == {"k": "v"}
    assert made["receipt"]["quoted"] == {"amount": "0.075", "currency": "USD"}
    assert made["receipt"]["billed"] is made["receipt"]["possibly_billed"] is None
    assert made["images"] == []
    assert made["error"] is None
    assert made["created_at"] == "2026-11-20T12:00:00.000Z"
    assert made["deadline_at"] == "2026-11-20T12:10:00.000Z"
    assert api.scene.workflow.ids == [made["id"]]


def test_get_shows_a_kept_image_with_its_facts_and_a_fresh_link() -> None:
    api, made = done()
    answer = api.call("GET", f"/v1/generations/{made}")
    assert answer.status == 200
    assert "retry-after" not in answer.headers
    (image,) = answer.body["images"]
    assert image["url"].startswith("https://")
    assert image["s3_uri"] == f"s3://images/images/{made}/0.png"
    assert {"content_type", "width", "height", "bytes", "sha256"} <= set(image)
    assert answer.body["status"] == "succeeded"
    assert answer.body["vendor"] == {
        "name": "mulerouter", "task_id": "t-1", "request_id": None, "status": None,
    }  # fmt: skip
    assert answer.body["receipt"]["billed"] == {"amount": "0.075", "currency": "USD"}
    assert [one["state"] for one in answer.body["receipt"]["attempts"]] == ["succeeded"]
    assert "PLANTED-LINK" not in answer.text


def test_get_without_a_wait_answers_at_once() -> None:
    api = Api()
    made = api.create().body["id"]
    assert api.call("GET", f"/v1/generations/{made}").body["status"] == "queued"
    assert api.scene.clock.slept == []


@pytest.mark.parametrize("wait", ["0", "1", "25"])
def test_get_waits_as_long_as_it_is_asked_to(wait: str) -> None:
    api = Api()
    made = api.create().body["id"]
    assert api.call("GET", f"/v1/generations/{made}", query={"wait": wait}).status == 200
    assert sum(api.scene.clock.slept) == pytest.approx(float(wait))


@pytest.mark.parametrize("wait", ["26", "-1", "1.5", "x", "", "1e1", "\u00b2", "9" * 30])
def test_wait_out_of_range_is_422_and_names_it(wait: str) -> None:
    api = Api()
    made = api.create().body["id"]
    answer = api.call("GET", f"/v1/generations/{made}", query={"wait": wait})
    assert answer.status == 422
    assert answer.body["errors"][0]["field"] == "wait"


@pytest.mark.parametrize(
    ("prefer", "waited"),
    [
        ("wait=3", 3), ("respond-async, wait=3", 3), ('wait="3"', 3), ("Wait = 3", 3), ("wait=60", 25),
        ("wait=0", 0), ("respond-async", 0), ("wait=x", 0), ("await=9", 0), ("wait=-1", 0), ("", 0),
    ],
)  # fmt: skip
def test_prefer_wait_holds_the_answer_and_is_told_as_applied(prefer: str, waited: int) -> None:
    api = Api()
    body = {"model": "qwen-image-max", "prompt": "p"}
    answer = api.call("POST", "/v1/generations", body=body, prefer=prefer)
    assert answer.status == 202
    assert sum(api.scene.clock.slept) == waited
    assert answer.headers.get("preference-applied") == (f"wait={waited}" if waited else None)


def test_create_that_was_waited_for_answers_200_once_the_generation_has_ended() -> None:
    api = Api()
    sleep = api.scene.clock.sleep

    def ends(seconds: float) -> None:
        sleep(seconds)
        (one,) = api.scene.store.records.values()
        error = GenerationError(code="moderation", message="m", vendor_message="no")
        api.scene.store.save(one.settled(api.scene.clock.now(), Status.FAILED, error))

    api.scene.clock.sleep = ends  # type: ignore[method-assign]
    body = {"model": "qwen-image-max", "prompt": "p"}
    answer = api.call("POST", "/v1/generations", body=body, prefer="wait=10")
    assert answer.status == 200
    assert answer.body["status"] == "failed"
    assert answer.body["error"] == {
        "code": "moderation", "message": "m", "vendor_code": None, "vendor_message": "no", "retryable": False,
    }  # fmt: skip


KEYS = [
    "k",
    '"k"',
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
    "x" * 255,
    '"' + "x" * 255 + '"',
    '"a b"',
    "a:b/c!",
]


@pytest.mark.parametrize("key", KEYS)
def test_idempotency_key_is_taken_bare_and_quoted(key: str) -> None:
    api = Api()
    body = {"model": "qwen-image-max", "prompt": "p"}
    first = api.call("POST", "/v1/generations", body=body, idempotency_key=key)
    again = api.call("POST", "/v1/generations", body=body, idempotency_key=key)
    assert first.status == again.status == 202
    assert first.body["id"] == again.body["id"]
    other = api.call("POST", "/v1/generations", body=body | {"prompt": "other"}, idempotency_key=key)
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")
    assert len(api.scene.store.records) == 1


def test_bare_and_quoted_form_are_the_same_key() -> None:
    api = Api()
    body = {"model": "qwen-image-max", "prompt": "p"}
    bare = api.call("POST", "/v1/generations", body=body, idempotency_key="k")
    quoted = api.call("POST", "/v1/generations", body=body, idempotency_key='"k"')
    assert bare.body["id"] == quoted.body["id"]


@pytest.mark.parametrize("key", ["", " ", '""', "x" * 256, '"unclosed', "a\tb", "\u00e9", 'a"b', "a b"])
def test_idempotency_key_of_another_form_is_400_and_nothing_is_written(key: str) -> None:
    api = Api()
    body = {"model": "qwen-image-max", "prompt": "p"}
    answer = api.call("POST", "/v1/generations", body=body, idempotency_key=key)
    assert (answer.status, answer.body["code"]) == (400, "malformed_request")
    assert "Idempotency-Key" in answer.body["detail"]
    assert api.scene.store.records == {}


def test_somebody_elses_id_and_an_unknown_id_are_the_same_404() -> None:
    api = Api()
    made = api.create().body["id"]
    unknown = new_generation_id(api.scene.clock.now())
    foreign = api.call("GET", f"/v1/generations/{made}", key=OTHER_KEY)
    missing = api.call("GET", f"/v1/generations/{unknown}", key=OTHER_KEY)
    assert foreign.status == missing.status == 404
    assert foreign.text.replace(made, "") == missing.text.replace(unknown, "")


@pytest.mark.parametrize("text", ["x", "gen_", "..", "%2e%2e", "gen_01ARYZ6S410000000000000000x", "gen 1"])
def test_text_that_is_no_id_is_404(text: str) -> None:
    answer = Api().call("GET", f"/v1/generations/{text}")
    assert (answer.status, answer.body["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/v1"), ("GET", "/v2/generations"), ("GET", "/v1/generations/a/b"),
        ("GET", "/v1/generations/"), ("PATCH", "/nothing"),
    ],
)  # fmt: skip
def test_everything_else_is_a_404_problem(method: str, path: str) -> None:
    answer = Api().call(method, path)
    assert (answer.status, answer.body["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/generations", "GET, POST"),
        ("PUT", "/v1/generations/gen_01ARYZ6S410000000000000000", "GET"),
        ("OPTIONS", "/v1/generations/gen_01ARYZ6S410000000000000000/deliveries", "GET, POST"),
        ("GET", "/v1/batches/bat_01ARYZ6S410000000000000000/cancel", "POST"),
        ("POST", "/healthz", "GET"),
        ("TRACE", "/openapi.json", "GET"),
    ],
)
@pytest.mark.parametrize("key", [KEY, None])
def test_call_with_another_method_is_405_and_says_which_there_are(
    method: str, path: str, allowed: str, key: str | None
) -> None:
    answer = Api().call(method, path, key=key)
    assert (answer.status, answer.body["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/generations", "state"),
        ("/v1/generations/gen_01ARYZ6S410000000000000000", "waits"),
        ("/v1/usage", "until"),
    ],
)
def test_query_parameter_that_is_not_known_is_422_and_named(path: str, name: str) -> None:
    answer = Api().call("GET", path, query={name: "1"})
    assert answer.status == 422
    assert [error["field"] for error in answer.body["errors"]] == [name]


def test_health_needs_no_key() -> None:
    api = Api()
    answer = api.call("GET", "/healthz", key=None)
    assert (answer.status, answer.body) == (200, {"status": "ok"})
    assert api.keys.asked == []


def listed(api: Api, **query: str) -> list[str]:
    answer = api.call("GET", "/v1/generations", query=query)
    assert answer.status == 200
    return [one["id"] for one in answer.body["data"]]


def test_list_is_the_tenants_own_newest_first_with_filters() -> None:
    api = Api()
    ids = []
    for model, route in [
        ("qwen-image-max", "mulerouter/qwen-image-max"),
        ("qwen-image", "aimlapi/qwen-image"),
    ]:
        ids.append(api.create(model=model, route=route).body["id"])
        api.scene.clock.sleep(1)
    api.call("POST", "/v1/generations", body={"model": "qwen-image-max", "prompt": "p"}, key=OTHER_KEY)
    assert listed(api) == ids[::-1]
    assert listed(api, model="qwen-image") == [ids[1]]
    assert listed(api, status="queued") == ids[::-1]
    assert listed(api, status="failed") == []
    assert listed(api, model="nothing") == []


def test_list_is_paged_to_its_end_by_cursors() -> None:
    api = Api()
    ids = []
    for _ in range(5):
        ids.append(api.create().body["id"])
        api.scene.clock.sleep(1)
    seen: list[str] = []
    query = {"limit": "2"}
    for _ in range(10):
        page = api.call("GET", "/v1/generations", query=query).body
        seen += [one["id"] for one in page["data"]]
        assert len(page["data"]) <= 2
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"status": "done"}, "status"),
        ({"cursor": "forged"}, "cursor"),
        ({"cursor": ""}, "cursor"),
    ],
)
def test_wrong_list_parameter_is_422_and_named(query: dict[str, str], field: str) -> None:
    answer = Api().call("GET", "/v1/generations", query=query)
    assert answer.status == 422
    assert [error["field"] for error in answer.body["errors"]] == [field]


def test_models_are_the_catalogue_and_say_which_routes_are_ready() -> None:
    api = Api()
    del api.scene.keys.keys["pixeldojo"]
    answer = api.call("GET", "/v1/models")
    assert [one["id"] for one in answer.body["data"]] == list(CATALOGUE.models)
    assert answer.body["next_cursor"] is None
    ready = {route["name"]: route["ready"] for one in answer.body["data"] for route in one["routes"]}
    assert set(ready) == set(CATALOGUE.routes)
    assert ready == {name: not name.startswith("pixeldojo/") for name in CATALOGUE.routes}


def schema_of(api: Api, model: str, route: str) -> dict[str, Any]:
    answer = api.call("GET", f"/v1/models/{model}")
    assert answer.status == 200
    (found,) = [one for one in answer.body["routes"] if one["name"] == route]
    parameters: dict[str, Any] = found["parameters"]
    return parameters


def test_parameters_of_a_route_are_a_json_schema_of_what_it_honours() -> None:
    schema = schema_of(Api(), "qwen-image-max", "mulerouter/qwen-image-max")
    fields = schema["properties"]
    assert schema["required"] == ["prompt"]
    assert fields["prompt"]["maxLength"] == 800
    assert fields["negative_prompt"]["maxLength"] == 500
    assert fields["n"] == {"type": "integer", "minimum": 1, "maximum": 1}
    assert fields["seed"] == {"type": "integer", "minimum": 0, "maximum": 2147483647}
    assert {"16:9", "1664*928"} <= set(fields["size"]["enum"])
    assert "prompt_extend" in fields
    assert not {"watermark", "images", "lora", "output_format", "guidance_scale"} & set(fields)


def test_schema_of_an_edit_a_lora_and_a_free_size_say_what_they_need() -> None:
    api = Api()
    edit = schema_of(api, "qwen-image-edit-max", "mulerouter/qwen-image-edit-max")
    assert (edit["properties"]["images"]["minItems"], edit["properties"]["images"]["maxItems"]) == (1, 3)
    assert "images" in edit["required"]
    lora = schema_of(api, "qwen-image-lora", "pixeldojo/qwen-image-lora")
    assert "lora" in lora["required"]
    free = schema_of(api, "qwen-image", "aimlapi/qwen-image")["properties"]
    assert "enum" not in free["size"]
    assert "maximum" not in free["seed"]
    assert free["output_format"] == {"enum": ["png", "jpeg"]}
    assert free["guidance_scale"]["maximum"] == 20


def test_unknown_model_is_404_and_not_repeated_at_length() -> None:
    answer = Api().call("GET", "/v1/models/" + "x" * 5000)
    assert answer.status == 404
    assert len(answer.text) < 500
