"""POST /v1/uploads: a place for an input image, and what a caller does with it."""

from typing import Any

import pytest

from easel.domain.tenancy import Scope
from easel.errors import AnswerLostError
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT
from tests.unit.doors.calls import OTHER_KEY, Answer, Api

PNG = {"content_type": "image/png", "bytes": 1000}
EDIT = {"model": "qwen-image-edit-max", "route": "mulerouter/qwen-image-edit-max"}


def offered(api: Api, body: Any = None, **more: Any) -> Answer:
    return api.call("POST", "/v1/uploads", body=body or PNG, **more)


def test_upload_is_answered_with_its_form_and_until_when_it_works() -> None:
    api = Api()
    answer = offered(api)
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    assert set(answer.body) == {"id", "url", "fields", "expires_at"}
    upload_id = answer.body["id"]
    assert upload_id.startswith("upl_")
    assert len(upload_id) == len("upl_") + 26
    assert answer.body["fields"]["key"] == f"uploads/{TENANT}/{upload_id}"
    assert answer.body["fields"]["Content-Type"] == "image/png"
    assert answer.body["expires_at"] == "2026-11-20T12:15:00.000Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**PNG, "bytes": 0}, "bytes"),
        ({**PNG, "bytes": 10485761}, "bytes"),
        ({**PNG, "bytes": "1000"}, "bytes"),
        ({**PNG, "bytes": 1000.5}, "bytes"),
        ({**PNG, "bytes": True}, "bytes"),
        ({"content_type": "image/png"}, "bytes"),
        ({"bytes": 1000}, "content_type"),
        ({**PNG, "content_type": "image/svg+xml"}, "content_type"),
        ({**PNG, "content_type": "IMAGE/PNG"}, "content_type"),
        ({**PNG, "key": "uploads/other/x"}, "key"),
        ({**PNG, "tenant": "other"}, "tenant"),
        ([PNG], "body"),
    ],
)
def test_bad_request_names_the_field_and_signs_nothing(body: Any, field: str) -> None:
    api = Api()
    answer = offered(api, body)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [problem["field"] for problem in answer.body["errors"]] == [field]
    assert api.scene.uploads.asked == []


def test_unknown_field_is_told_which_there_are() -> None:
    (problem,) = offered(Api(), {**PNG, "size": 3}).body["errors"]
    assert problem["allowed"] == ["content_type", "bytes"]


@pytest.mark.parametrize(("raw", "status"), [("{", 400), ("", 400)])
def test_body_that_is_no_json_is_malformed(raw: str, status: int) -> None:
    assert Api().call("POST", "/v1/uploads", raw=raw).status == status


def test_key_is_needed_and_must_be_one_for_generating() -> None:
    api = Api()
    assert offered(api, key=None).status == 401
    api.keys.known["scopes"] = frozenset(Scope) - {Scope.GENERATE}
    assert offered(api).status == 403
    assert api.scene.uploads.asked == []


def test_uploads_do_not_count_as_requests_for_generations() -> None:
    api = Api()
    offered(api)
    assert api.scene.quotas.counts == {}


def test_upload_is_the_tenants_own_in_the_api_too() -> None:
    api = Api()
    answer = offered(api)
    api.scene.uploads.put(answer.body["fields"], picture("png", 400, 400))
    name = f"upload:{answer.body['id']}"
    body = {"prompt": "make it night", **EDIT, "images": [name]}
    stolen = api.call("POST", "/v1/generations", body=body, key=OTHER_KEY)
    unknown = api.call(
        "POST", "/v1/generations", body={**body, "images": ["upload:upl_" + "0" * 26]}, key=OTHER_KEY
    )
    assert (stolen.status, stolen.body["errors"]) == (422, unknown.body["errors"])
    assert [problem["field"] for problem in stolen.body["errors"]] == ["images.0"]
    mine = api.call("POST", "/v1/generations", body=body)
    assert mine.status == 202
    assert mine.body["request"]["images"][0].startswith("s3://images/inputs/")


def test_wait_counts_the_time_in_which_links_are_looked_at() -> None:
    api = Api()
    clock, began = api.scene.clock, api.scene.clock.now()

    def slow(url: str, most_bytes: int, timeout_seconds: float) -> Any:
        clock.sleep(timeout_seconds)
        raise AnswerLostError("too late")

    api.scene.links.head_bytes = slow  # type: ignore[method-assign]
    body = {"prompt": "make it night", **EDIT, "images": ["https://example.com/a.png"] * 3}
    answer = api.call("POST", "/v1/generations", body=body, prefer="wait=25")
    assert (answer.status, answer.headers["preference-applied"]) == (202, "wait=25")
    assert (clock.now() - began).total_seconds() == 25


@pytest.mark.parametrize(
    "name", ["upload:", "upload:upl_../../other/x", "upload:gen_" + "0" * 26, "upload:upl_" + "0" * 27]
)
def test_name_that_no_upload_can_have_is_refused_before_it_is_looked_for(name: str) -> None:
    answer = Api().create(**EDIT, images=[name])
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "images.0")
