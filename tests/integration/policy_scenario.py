"""Short scenes that together make every call that the functions' roles are granted."""

import json
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from easel.domain.ids import new_delivery_id
from easel.domain.webhooks import Delivery, DeliveryStatus
from tests.integration.account_caller import listed
from tests.integration.easel_caller import EaselCaller
from tests.integration.policy_stage import AT_ONCE, EDIT, POLLED, Stage, asked, fetch, new_name

INLINE = "[sandbox: inline]"
SIDE_BY_SIDE = 6
STUCK = {**POLLED, "prompt": "a well [sandbox: stuck]"}
FILES = ("results.jsonl", "errors.jsonl", "manifest.json", "gallery.html")


class Scenes(Stage):
    """The scenes. Each makes a tenant of its own, for functions remember tenants for a while."""

    def all(self) -> Mapping[str, Callable[[], None]]:
        """By name."""
        scenes = (
            self.administer, self.generate, self.fail, self.hold, self.cancel, self.edit, self.assist,
            self.take_in, self.refuse, self.carry, self.run_batch, self.run_manifest, self.lose_chunk,
            self.break_off, self.mend_batch, self.mend, self.sweep,
        )  # fmt: skip
        return {scene.__name__: scene for scene in scenes}

    def play(self) -> None:
        """All of them, side by side: they wait most of the time."""
        self.prepare()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
            for ended in [threads.submit(scene) for scene in self.all().values()]:
                ended.result()

    def administer(self) -> None:
        """Keys, tenants, usage and what else is read."""
        tenant, caller = self.limited(), self.administrator
        made = asked(caller, "POST", "/v1/keys", {"tenant": tenant})
        key = f"/v1/keys/{made['id']}"
        asked(caller, "PATCH", key, {"name": "till"})
        for path in (f"/v1/keys?tenant={tenant}", f"/v1/tenants/{tenant}"):
            asked(caller, "GET", path)
        own = EaselCaller(self.stack.url, asked(caller, "POST", f"{key}/rotate", {})["secret"])
        for path in ("/v1/key", "/v1/usage", "/v1/webhook-secret", "/v1/generations", "/v1/batches"):
            asked(own, "GET", path)
        asked(caller, "POST", f"{key}/rotate", {"overlap_hours": 0})
        asked(caller, "DELETE", key)

    def generate(self) -> None:
        """A picture behind a link and two within answers; a webhook hears, and hears again."""
        team = self.team()
        asks = ({**POLLED, "prompt": "a fox"}, {**POLLED, "prompt": INLINE}, {**AT_ONCE, "prompt": INLINE})
        made = [team.create(one, **{"Idempotency-Key": new_name()})["id"] for one in asks]
        ended = [team.ended(one) for one in made]
        assert [one["status"] for one in ended] == ["succeeded"] * 3, ended
        fetch(ended[0]["images"][0]["url"])
        self.told(team, made[0], 1)
        self.fetch_told(made[0])
        asked(team, "POST", f"/v1/generations/{made[0]}/deliveries")
        self.told(team, made[0], 2)

    def fail(self) -> None:
        """What its vendor refuses; and what the budget refuses."""
        team = self.team(usd_per_day="0.08")
        made = team.create({**POLLED, "prompt": "a fox [sandbox: fail-moderation]"})["id"]
        assert team.call("POST", "/v1/generations", {**POLLED, "prompt": "no more"}).status == 402
        assert team.ended(made)["status"] == "failed"
        self.told(team, made, 1)

    def hold(self) -> None:
        """A caller that waits for its picture."""
        team = self.team()
        body = {**AT_ONCE, "prompt": "a fox"}
        asked(team, "POST", "/openai/v1/images/generations", body)

    def cancel(self) -> None:
        """What is canceled while it is at work."""
        team = self.team()
        made = team.create(STUCK)["id"]
        asked(team, "POST", f"/v1/generations/{made}/cancel")
        self.told(team, made, 1)

    def edit(self) -> None:
        """An edit of each image that a caller over HTTP may name."""
        for images in self.images():
            body = {"model": EDIT, "prompt": "make it night", "images": images}
            made = self.administrator.create(body)["id"]
            assert self.administrator.ended(made)["status"] == "succeeded"

    def assist(self) -> None:
        """The same through the assistants' door, with a picture, a list and a refusal."""
        team = self.team(usd_per_day="0.1")
        key, owl = new_name(), {**POLLED, "prompt": "an owl"}
        made = [self.tool(team, "generate_image", {**owl, "idempotency_key": key}) for _ in range(2)]
        told = self.tool(team, "get_generation", {"id": made[0]["id"], "wait_seconds": 25})
        fetch(told["images"][0]["url"])
        self.tool(team, "list_generations", {})
        for images in self.images():
            self.tool(self.administrator, "edit_image", {"model": EDIT, "prompt": "dusk", "images": images})
        batch = self.own[2].split("/")[-2]
        told = self.tool(self.administrator, "get_generation", {"id": batch})
        fetch(told["images"][0]["url"])
        assert "budget_reached" in json.dumps(self.tool(team, "generate_image", owl, wrong=True))

    def take_in(self) -> None:
        """A file and a request of each kind that come in without HTTP."""
        tenant = self.limited(usd_per_day="0.1")
        for images in (*self.images(), [self.dropped]):
            event = {"model": EDIT, "prompt": f"make it night {uuid.uuid4()}", "images": images}
            assert self.take(event)
        assert self.take({**POLLED, "prompt": "a fox", "tenant": tenant})
        assert self.take({**POLLED, "prompt": "a fox", "tenant": tenant}) is None

    def refuse(self) -> None:
        """What cannot be taken in, and is kept."""
        assert self.take({"model": "nobody"}) is None

    def carry(self) -> None:
        """Requests of callers' own workflows."""
        tenant = self.limited(usd_per_day="0.1")
        owl = {**POLLED, "prompt": "an owl", "tenant": tenant}
        assert self.account.execute({"request": owl})["status"] == "SUCCEEDED"
        assert self.account.execute({"request": owl})["status"] == "FAILED"
        for images in (*self.images(), [self.dropped]):
            body = {"model": EDIT, "prompt": "make it night", "images": images}
            ended = self.account.execute({"request": body})
            assert ended["status"] == "SUCCEEDED", ended

    def run_batch(self) -> None:
        """Rows over HTTP, all of whose files are read; and rows that the budget stops."""
        rows = [
            {"model": EDIT, "prompt": "dusk", "images": images, "webhook": f"{self.receiver.url}/row"}
            for images in self.images()
        ]
        batch = self.batch_of(self.buyer(), {"rows": rows, "max_cost_usd": "5"})
        assert batch["rows"]["succeeded"] == len(rows), batch
        for name in FILES:
            fetch(batch["files"][name])
        (key, *_) = listed(self.s3, self.bucket, f"batches/{batch['id']}/images/")
        row = key.split("/")[-2]
        self.told(self.administrator, row, 1)
        self.fetch_told(row)
        fetch(self.administrator.ended(row)["images"][0]["url"])
        team = self.team(usd_per_day="0.05")
        batch = self.batch_of(team, {"rows": [{**AT_ONCE, "prompt": f"a fox {n}"} for n in range(2)]})
        assert batch["status"] == "stopped", batch
        asked(team, "POST", f"/v1/batches/{batch['id']}/resume", {})
        self.ended_batch(team, batch["id"])
        asked(team, "GET", "/v1/batches")

    def run_manifest(self) -> None:
        """Files of the inbox as manifests, named over HTTP and dropped."""
        row = {"model": EDIT, "prompt": "make it night", "images": [self.dropped]}
        name = new_name()
        self.inbox.drop(f"named/{name}.jsonl", json.dumps(row))
        manifest = {"manifest": f"s3://{self.inbox.bucket}/named/{name}.jsonl"}
        assert self.batch_of(self.administrator, manifest)["rows"]["succeeded"] == 1
        key = f"dropped/{name}.json"
        etag = self.inbox.drop(key, json.dumps({**AT_ONCE, "prompt": "a fox"}))
        place = {"bucket": {"name": self.inbox.bucket}, "object": {"key": key, "etag": etag}}
        event = {"id": name, "source": "aws.s3", "detail-type": "Object Created", "detail": place}
        made = [self.account.take_in(event) for _ in range(2)]
        self.ended_batch(self.administrator, str(made[1]))

    def lose_chunk(self) -> None:
        """A batch is collected while a chunk of it has not been reported on."""
        made = self.begun_batch()
        assert self.collect(made)["status"] in ("stopped", "completed")

    def break_off(self) -> None:
        """Collecting breaks off when more than one part of its results is written."""
        batch = self.broken_batch(carrier=0)
        self.collect(batch.id, wrong=True)
        self.put_reports(batch, b"")
        self.collect(batch.id)

    def mend_batch(self) -> None:
        """Batches whose executions ended: one goes on, one is ended as it stands, at the second attempt."""
        self.abandoned("BatchStateMachineArn", made := self.begun_batch())
        self.look_after(made)
        batch = self.broken_batch(carrier=10)
        self.look_after(batch.id, wrong=True)
        self.put_reports(batch, b"")
        self.look_after(batch.id)

    def mend(self) -> None:
        """A generation whose execution ended goes on; and is ended as it stands; its webhook is seen to."""
        team = self.team()
        made = team.create(STUCK)["id"]
        self.abandoned("GenerateStateMachineArn", made)
        self.look_after(made)
        self.abandoned("GenerateStateMachineArn", f"{made}-1")
        self.worn_out(made)
        self.look_after(made)
        assert team.ended(made)["status"] == "failed"
        self.told(team, made, 1)
        (delivery,) = self.deliveries.of_generation(made)
        now = self.clock.now()
        left: dict[str, Any] = {
            "id": new_delivery_id(now),
            "status": DeliveryStatus.PENDING,
            "next_attempt_at": now,
        }
        self.spent("DeliverStateMachineArn", left["id"])
        self.deliveries.create(
            Delivery.model_validate({**dict(delivery), **left, "attempts": (), "version": 0})
        )
        self.look_after(left["id"])

    def sweep(self) -> None:
        """A look at all that is open."""
        self.invoke("ReconcileFunction", {})
