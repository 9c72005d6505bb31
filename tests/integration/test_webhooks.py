"""Webhooks on the local stack: a receiver on this machine hears of ends and verifies them as receivers do."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook as Verifier

from local.stack import LocalStack
from tests.fakes.http_server import Exchange, LocalServer
from tests.integration.account_caller import until
from tests.integration.easel_caller import EaselCaller

pytestmark = pytest.mark.stack

ASKED = {"model": "qwen-image-max", "prompt": "a lighthouse at dusk", "route": "mulerouter/qwen-image-max"}


class Receiver(LocalServer):
    """Answers each path with its statuses in order, the last one for ever, and remembers what it heard."""

    def __init__(self) -> None:
        self.statuses: dict[str, list[int]] = {}
        super().__init__(self.answer)

    def answer(self, exchange: Exchange) -> None:
        statuses = self.statuses.get(exchange.path, [204])
        exchange.reply(statuses.pop(0) if len(statuses) > 1 else statuses[0])

    def heard(self, path: str) -> list[Exchange]:
        """What came to a path so far."""
        return [one for one in self.asked if one.path == path]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.stop()


def verified(exchange: Exchange, keys: dict[str, str]) -> Any:
    """The message, by both of its signatures."""
    told = Verifier(keys["secret"]).verify(exchange.body, dict(exchange.headers))
    names = [one.partition(",") for one in exchange.headers["webhook-signature"].split(" ")]
    (public,) = (signature for name, _, signature in names if name == "v1a")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(keys["public_key"].removeprefix("whpk_")))
    content = f"{exchange.headers['webhook-id']}.{exchange.headers['webhook-timestamp']}.".encode()
    key.verify(base64.b64decode(public), content + exchange.body)
    return told


def keys_of(caller: EaselCaller) -> dict[str, str]:
    answer = caller.call("GET", "/v1/webhook-secret")
    assert answer.status == 200, answer.body
    keys: dict[str, str] = answer.body
    return keys


def log_of(caller: EaselCaller, generation_id: str) -> list[dict[str, Any]]:
    answer = caller.call("GET", f"/v1/generations/{generation_id}/deliveries")
    assert answer.status == 200, answer.body
    log: list[dict[str, Any]] = answer.body["data"]
    return log


def delivered(caller: EaselCaller, generation_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The delivery log once so many deliveries are over."""

    def look() -> list[dict[str, Any]] | None:
        log = log_of(caller, generation_id)
        return log if len(log) == count and all(one["status"] != "pending" for one in log) else None

    return until(look, f"the deliveries of {generation_id} are not over")


def test_receiver_that_fails_at_first_is_told_again_and_knows_the_message_by_its_id(
    caller: EaselCaller, receiver: Receiver, stack: LocalStack
) -> None:
    receiver.statuses["/flaky?token=1"] = [500, 302, 200]
    made = caller.create({**ASKED, "webhook": f"{receiver.url}/flaky?token=1"})
    ended = caller.ended(made["id"])
    (delivery,) = delivered(caller, made["id"])
    assert delivery["status"] == "delivered"
    assert [one["http_status"] for one in delivery["attempts"]] == [500, 302, 200]
    assert delivery["url"] == f"{receiver.url}/flaky"
    heard = receiver.heard("/flaky?token=1")
    assert {one.headers["webhook-id"] for one in heard} == {delivery["id"]}
    keys = keys_of(caller)
    assert keys["secret"] == (stack.settings.data / "webhook-secret").read_text().strip()
    for one in heard:
        told = verified(one, keys)
        assert (told["type"], told["timestamp"]) == ("generation.succeeded", ended["ended_at"])
        assert (told["data"]["id"], told["data"]["status"]) == (made["id"], "succeeded")
    link = told["data"]["images"][0]["url"]
    picture = urllib3.request("GET", link, timeout=10.0, retries=False)
    assert (picture.status, len(picture.data)) == (200, ended["images"][0]["bytes"])


def test_receiver_that_wants_no_more_is_told_once_and_again_by_a_call(
    caller: EaselCaller, receiver: Receiver
) -> None:
    receiver.statuses["/gone"] = [410, 204]
    secret = "whsec_" + base64.b64encode(b"of this webhook alone, 32 bytes.").decode()
    made = caller.create({**ASKED, "webhook": {"url": f"{receiver.url}/gone", "secret": secret}})
    answer = caller.call("POST", f"/v1/generations/{made['id']}/cancel")
    assert answer.body["status"] == "canceled", answer.body
    (first,) = delivered(caller, made["id"])
    assert (first["status"], len(first["attempts"])) == ("disabled", 1)
    again = caller.call("POST", f"/v1/generations/{made['id']}/deliveries")
    assert again.status == 202, again.body
    second, _ = delivered(caller, made["id"], 2)
    assert (second["id"], second["status"]) == (again.body["id"], "delivered")
    heard = receiver.heard("/gone")
    assert [one.headers["webhook-id"] for one in heard] == [first["id"], first["id"]]
    for one in heard:
        assert verified(one, {**keys_of(caller), "secret": secret})["type"] == "generation.canceled"


def test_tenant_is_told_at_its_own_webhook_with_its_own_keys_and_sees_its_own_alone(
    stack: LocalStack, caller: EaselCaller, receiver: Receiver
) -> None:
    webhook = {"url": f"{receiver.url}/tenant", "events": ["generation.canceled"]}
    assert caller.call("PATCH", "/v1/tenants/hooked", {"webhook": webhook}).status == 200
    hooked = EaselCaller(stack.url, caller.call("POST", "/v1/keys", {"tenant": "hooked"}).body["secret"])
    made = hooked.create(ASKED)
    assert hooked.call("POST", f"/v1/generations/{made['id']}/cancel").status == 200
    (delivery,) = delivered(hooked, made["id"])
    assert delivery["status"] == "delivered"
    (heard,) = receiver.heard("/tenant")
    keys = keys_of(hooked)
    assert verified(heard, keys)["data"]["id"] == made["id"]
    assert not set(keys.values()) & set(keys_of(caller).values())
    for method in ("GET", "POST"):
        assert caller.call(method, f"/v1/generations/{made['id']}/deliveries").status == 404


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "10.1", "metadata.google.internal"])
def test_address_that_is_not_public_is_refused_before_anything_is_bought(
    host: str, caller: EaselCaller
) -> None:
    answer = caller.call("POST", "/v1/generations", {**ASKED, "webhook": f"https://{host}/latest/meta-data"})
    assert answer.status == 422, answer.body
    assert answer.body["errors"][0]["field"].startswith("webhook")
