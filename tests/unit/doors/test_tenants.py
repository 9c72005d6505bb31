"""Tenants: no call shows, names, moves or signs anything of another tenant's, and what is another's is told
as if it were not there."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.ids import batch_id_of, new_generation_id
from easel.domain.tenancy import Scope
from easel.domain.tenants import Limits, Tenant
from tests.fakes.batch_run import jsonl, prepare, row, rows, run
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene
from tests.unit.doors.calls import OTHER_KEY, Answer, Api
from tests.unit.doors.native_routes import Call, native_calls
from tests.unit.doors.test_scopes import NEEDED, OPEN
from tests.unit.steps.vendor_words import LINK, mule_completed

ASK = {"model": "qwen-image-max", "prompt": "PLANTED-PROMPT", "route": "mulerouter/qwen-image-max"}
WEBHOOK = "https://hooks.example/PLANTED-HOOK"
EDIT = {"model": "qwen-image-edit-max", "prompt": "p", "route": "mulerouter/qwen-image-edit-max"}


class Estate:
    """An API where the default tenant has one of everything; the other tenant has nothing."""

    def __init__(self) -> None:
        self.api = Api(Scene(mule_completed(), links={LINK: picture()}))
        scene = self.scene = self.api.scene
        scene.tenants.set["other"] = Tenant(id="other", webhook={"url": "https://other.example/hook"})
        created = self.mine("POST", "/v1/generations", body=ASK | {"webhook": WEBHOOK}, idempotency_key="k")
        self.ended: str = created.body["id"]
        scene.submitter.submit(self.ended)
        scene.persister.persist(self.ended)
        scene.settler.settle(self.ended)
        self.at_work: str = self.mine("POST", "/v1/generations", body=ASK).body["id"]
        self.upload = self.mine("POST", "/v1/uploads", body={"content_type": "image/png", "bytes": 9999}).body
        scene.uploads.put(self.upload["fields"], picture("png", 400, 400))
        self.batch: str = self.mine("POST", "/v1/batches", body={"rows": rows(2)}, idempotency_key="b").body[
            "id"
        ]
        self.stopped: str = self.mine("POST", "/v1/batches", body={"rows": rows(3)}).body["id"]
        self.mine("POST", f"/v1/batches/{self.stopped}/cancel")
        for name in (self.batch, self.stopped):
            batch = scene.batches.get(name)
            assert batch is not None
            if name == self.stopped:
                run(scene, batch)
            else:
                prepare(scene, batch)

    def mine(self, method: str, path: str, **more: Any) -> Answer:
        return self.api.call(method, path, **more)

    def theirs(self, method: str, path: str, **more: Any) -> Answer:
        """The same by the other tenant. Nothing of ours is in what it is told."""
        answer = self.api.call(method, path, key=OTHER_KEY, **more)
        for ours in ("PLANTED", self.upload["id"], "signature=test"):
            assert ours not in answer.text
        return answer

    def all(self) -> str:
        """Everything that there is, but for what the other tenant owns itself."""
        scene = self.scene
        owned = [one for one in scene.store.records.values() if one.tenant != "other"]
        batches = [one for one in scene.batches.records.values() if one.tenant != "other"]
        deliveries = list(scene.deliveries.records.values())
        told = [one.model_dump_json() for one in (*owned, *batches, *deliveries)]
        return json.dumps([told, scene.workflow.ids[:2], len(scene.bus.events), sorted(scene.images.objects)])


def hidden(estate: Estate, method: str, path: str, mine: str, unknown: str, **more: Any) -> None:
    """What is ours is told as what is not there, and stays as it is."""
    before = estate.all()
    answer = estate.theirs(method, path.format(mine), **more)
    missing = estate.theirs(method, path.format(unknown), **more)
    assert (answer.status, answer.body["code"]) == (404, "not_found")
    assert answer.text.replace(mine, "") == missing.text.replace(unknown, "")
    assert answer.headers == missing.headers
    assert estate.all() == before
    own = estate.mine(method, path.format(mine), **more)
    assert own.status in (200, 202), "so that the other's 404 says something"


def hidden_generation(method: str, path: str, which: str) -> Callable[[Estate], None]:
    def check(estate: Estate) -> None:
        unknown = new_generation_id(estate.scene.clock.now())
        hidden(estate, method, f"/v1/generations/{path}", getattr(estate, which), unknown)

    return check


def hidden_batch(method: str, path: str, which: str = "batch") -> Callable[[Estate], None]:
    def check(estate: Estate) -> None:
        hidden(estate, method, f"/v1/batches/{path}", getattr(estate, which), batch_id_of("nobody", "x"))

    return check


def same_key_makes_another_generation(estate: Estate) -> None:
    before = estate.all()
    made = estate.api.call("POST", "/v1/generations", body=ASK, key=OTHER_KEY, idempotency_key="k")
    assert made.status == 202
    assert made.body["id"] not in (estate.ended, estate.at_work)
    assert estate.scene.store.records[made.body["id"]].tenant == "other"
    differs = ASK | {"prompt": "another"}
    assert estate.theirs("POST", "/v1/generations", body=differs, idempotency_key="b").status == 202
    uploads = [f"upload:{name}" for name in (estate.upload["id"], "upl_01ARYZ6S410000000000000000")]
    answers = [estate.theirs("POST", "/v1/generations", body=EDIT | {"images": [name]}) for name in uploads]
    assert [answer.status for answer in answers] == [422, 422]
    assert answers[0].text == answers[1].text
    kept = f"s3://images/images/{estate.ended}/0.png"
    assert estate.theirs("POST", "/v1/generations", body=EDIT | {"images": [kept]}).status == 422
    assert estate.all() == before
    assert estate.mine("POST", "/v1/generations", body=EDIT | {"images": uploads[:1]}).status == 202


def list_has_nothing_of_ours(estate: Estate) -> None:
    for query in ({}, {"cursor": estate.at_work}, {"status": "succeeded"}, {"cursor": "gen_7" + "Z" * 25}):
        assert estate.theirs("GET", "/v1/generations", query=query).body == {"data": [], "next_cursor": None}
    assert len(estate.mine("GET", "/v1/generations").body["data"]) == 2


def list_has_no_batch_of_ours(estate: Estate) -> None:
    cursor = estate.mine("GET", "/v1/batches", query={"limit": "1"}).body["next_cursor"]
    for query in ({}, {"cursor": cursor}, {"cursor": cursor.replace("2", "9", 1)}):
        assert estate.theirs("GET", "/v1/batches", query=query).body == {"data": [], "next_cursor": None}
    assert len(estate.mine("GET", "/v1/batches").body["data"]) == 2


def upload_lies_in_ones_own_folder(estate: Estate) -> None:
    offered = estate.theirs("POST", "/v1/uploads", body={"content_type": "image/png", "bytes": 10})
    assert offered.body["fields"]["key"] == f"uploads/other/{offered.body['id']}"
    assert estate.upload["fields"]["key"] == f"uploads/{TENANT}/{estate.upload['id']}"


def same_key_makes_another_batch(estate: Estate) -> None:
    before = estate.all()
    made = estate.theirs("POST", "/v1/batches", body={"rows": rows(2)}, idempotency_key="b")
    assert made.status == 202
    assert made.body["id"] not in (estate.batch, estate.stopped)
    estate.scene.inbox.drop("requests/ours.jsonl", jsonl(row(1)))
    for name in ("requests/ours.jsonl", "requests/nothing.jsonl"):
        answer = estate.theirs("POST", "/v1/batches", body={"manifest": f"s3://inbox/{name}"})
        assert answer.status == 404
    named = estate.theirs("POST", "/v1/batches", body={"rows": [row(1, tenant=TENANT), row(2)]}).body["id"]
    batch = estate.scene.batches.get(named)
    assert batch is not None
    run(estate.scene, batch)
    made_of_it = [one for one in estate.scene.store.records.values() if one.origin.batch == named]
    assert [(one.tenant, one.origin.row) for one in made_of_it] == [("other", 2)]
    ours = json.loads(before)
    assert json.loads(estate.all())[0] == ours[0]


def usage_is_ones_own(estate: Estate) -> None:
    theirs = estate.theirs("GET", "/v1/usage").body
    assert (theirs["data"], theirs["totals"]["generations"]) == ([], 0)
    mine = estate.mine("GET", "/v1/usage").body
    assert [(one["tenant"], one["succeeded"]) for one in mine["data"]] == [(TENANT, 1)]
    assert Decimal(mine["totals"]["usd"]["billed"]["amount"]) == Decimal("0.075")


def key_is_ones_own(estate: Estate) -> None:
    estate.scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(concurrency=7))
    theirs = estate.theirs("GET", "/v1/key").body
    assert (theirs["tenant"], theirs["tenant_limits"]["concurrency"]) == ("other", None)
    assert estate.mine("GET", "/v1/key").body["tenant_limits"]["concurrency"] == 7


def secrets_are_ones_own(estate: Estate) -> None:
    mine, theirs = (call("GET", "/v1/webhook-secret").body for call in (estate.mine, estate.theirs))
    assert not set(mine.values()) & set(theirs.values())


CASES: Mapping[Call, Callable[[Estate], None]] = {
    ("POST", "/v1/generations"): same_key_makes_another_generation,
    ("GET", "/v1/generations"): list_has_nothing_of_ours,
    ("GET", "/v1/generations/{}"): hidden_generation("GET", "{}", "ended"),
    ("GET", "/v1/generations/{}/events"): hidden_generation("GET", "{}/events", "ended"),
    ("POST", "/v1/generations/{}/cancel"): hidden_generation("POST", "{}/cancel", "at_work"),
    ("GET", "/v1/generations/{}/deliveries"): hidden_generation("GET", "{}/deliveries", "ended"),
    ("POST", "/v1/generations/{}/deliveries"): hidden_generation("POST", "{}/deliveries", "ended"),
    ("POST", "/v1/uploads"): upload_lies_in_ones_own_folder,
    ("POST", "/v1/batches"): same_key_makes_another_batch,
    ("GET", "/v1/batches"): list_has_no_batch_of_ours,
    ("GET", "/v1/batches/{}"): hidden_batch("GET", "{}"),
    ("POST", "/v1/batches/{}/cancel"): hidden_batch("POST", "{}/cancel"),
    ("POST", "/v1/batches/{}/resume"): hidden_batch("POST", "{}/resume", "stopped"),
    ("GET", "/v1/usage"): usage_is_ones_own,
    ("GET", "/v1/webhook-secret"): secrets_are_ones_own,
    ("GET", "/v1/key"): key_is_ones_own,
}
EVERYBODYS: set[Call] = {("GET", "/v1/models"), ("GET", "/v1/models/{}")}
# The scope `admin` is for all tenants; no other key may call these.
ADMINISTRATORS = {call for call, scope in NEEDED.items() if scope is Scope.ADMIN}


def test_every_call_that_is_not_everybodys_has_a_case() -> None:
    assert set(CASES) == native_calls() - OPEN - EVERYBODYS - ADMINISTRATORS


@pytest.mark.parametrize("call", CASES, ids=" ".join)
def test_call_keeps_tenants_apart(call: Call) -> None:
    CASES[call](Estate())


@pytest.mark.parametrize("wait", ["0", "5"])
def test_wait_for_somebody_elses_generation_is_not_held(wait: str) -> None:
    estate = Estate()
    answer = estate.theirs("GET", f"/v1/generations/{estate.at_work}", query={"wait": wait})
    assert answer.status == 404
    assert estate.scene.clock.slept == []


def test_what_one_tenant_uses_takes_nothing_of_anothers_limits() -> None:
    api = Api()
    limits = Limits(concurrency=1, per_minute=2, usd_per_day="0.075")
    for tenant in (TENANT, "other"):
        api.scene.tenants.set[tenant] = Tenant(id=tenant, limits=limits)
    assert api.call("POST", "/v1/generations", body=ASK).status == 202
    refused = api.call("POST", "/v1/generations", body=ASK)
    assert (refused.status, refused.body["limit"]["owner"]) == (402, f"tenant {TENANT}")
    assert api.call("POST", "/v1/generations", body=ASK, key=OTHER_KEY).status == 202
