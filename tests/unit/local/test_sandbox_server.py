"""The sandbox's server: pictures, control, bounds, concurrency, start and end."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.sandbox import engine
from local.sandbox.server import SandboxServer
from local.sandbox.settings import SettingError, Settings, read_latency
from tests.unit.local.sandbox_caller import (
    PATIENCE_SECONDS,
    QUICK,
    Caller,
    change,
    fetch,
    input_image,
    ledger,
    size_of,
    start_command,
    wait_until,
)

MAX = "/vendors/alibaba/v1/qwen-image-max/generation"
EDIT = "/vendors/alibaba/v1/qwen-image-edit-max/generation"
AIMLAPI = "/v1/images/generations"


def buy(sandbox: SandboxServer, prompt: str = "x") -> str:
    """The link of a bought picture."""
    body = {"model": "alibaba/qwen-image", "prompt": prompt, "image_size": "square"}
    return str(Caller(sandbox, "aimlapi").post(AIMLAPI, body).json["images"][0]["url"])


def test_a_picture_is_the_same_at_each_fetch(sandbox: SandboxServer) -> None:
    link = buy(sandbox)
    first, head, second = fetch(link), fetch(link, "HEAD"), fetch(link)
    assert first.body == second.body
    assert int(head.headers["Content-Length"]) == len(first.body)
    assert head.body == b""


def test_links_are_made_from_the_host_that_the_caller_used(sandbox: SandboxServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]), timeout=10)
    body = json.dumps({"model": "alibaba/qwen-image", "prompt": "x"})
    headers = {"Host": "sandbox.example:81", "Authorization": "Bearer k", "Content-Type": "application/json"}
    connection.request("POST", "/aimlapi" + AIMLAPI, body, headers)
    link = json.loads(connection.getresponse().read())["images"][0]["url"]
    connection.close()
    assert link.startswith("http://sandbox.example:81/files/aimlapi/")


def test_links_cannot_be_guessed_or_stretched(sandbox: SandboxServer) -> None:
    link = buy(sandbox)
    assert fetch(link.replace("_00", "_01")).status == 404
    assert fetch(link.replace("/aimlapi/", "/mulerouter/")).status == 404
    assert fetch(link.replace(".jpeg", ".png")).status == 404
    assert fetch(f"{sandbox.url}/files/aimlapi/guess/result_00.jpeg").status == 404


def test_a_picture_is_not_there_before_its_task_is_done(sandbox: SandboxServer) -> None:
    change(sandbox, latency=60)
    Caller(sandbox, "mulerouter").post(MAX, {"prompt": "x"})
    (task,) = sandbox.engine.tasks()
    assert fetch(task.link(sandbox.url, 0)).status == 404
    assert ledger(sandbox)["tasks"][0]["billed"]["images"] == 0


def test_settings_can_be_read_changed_and_reset(sandbox: SandboxServer) -> None:
    assert change(sandbox, latency=[1, 2], aimlapi_shape="v3").json["latency"] == [1, 2]
    assert fetch(f"{sandbox.url}/_sandbox/settings").json["aimlapi_shape"] == "v3"
    change(sandbox, latency=0.05)
    buy_link = Caller(sandbox, "mulerouter").post(MAX, {"prompt": "x"})
    assert buy_link.status == 202
    after = fetch(f"{sandbox.url}/_sandbox/reset", "POST")
    assert after.json["latency"] == [0.05, 0.05]
    assert after.json["aimlapi_shape"] == "v2"
    assert ledger(sandbox) == {"totals": {}, "tasks": [], "prompts": []}


@pytest.mark.parametrize(
    "settings",
    [
        {"latency": -1},
        {"latency": [2, 1]},
        {"latency": "soon"},
        {"latency": []},
        {"aimlapi_shape": "v4"},
        {"short_images": 1},
        {"link_seconds": None},
        {"unknown": 1},
    ],
    ids=str,
)
def test_settings_that_do_not_exist_are_refused(sandbox: SandboxServer, settings: dict[str, object]) -> None:
    reply = change(sandbox, **settings)
    assert reply.status == 400
    assert reply.json["error"]


def test_the_ledger_can_be_asked_for_one_endpoint(sandbox: SandboxServer) -> None:
    buy(sandbox)
    Caller(sandbox, "mulerouter").post(MAX, {"prompt": "x"})
    rows = fetch(f"{sandbox.url}/_sandbox/ledger?endpoint=mulerouter").json
    assert [row["endpoint"] for row in rows["tasks"]] == ["mulerouter"]
    assert list(rows["totals"]) == ["mulerouter"]


def test_old_tasks_are_forgotten_but_still_counted(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "KEPT_TASKS", 3)
    change(sandbox, latency=0)
    links = [buy(sandbox, f"picture {number}") for number in range(5)]
    assert [fetch(link).status for link in links] == [404, 404, 200, 200, 200]
    book = ledger(sandbox)
    assert len(book["tasks"]) == 3
    total = {"submits": 5, "tasks": 5, "images": 5, "amount": str(5 * 91000), "unit": "credits"}
    assert book["totals"]["aimlapi"] == total


def test_bodies_and_input_images_are_bounded_by_bytes(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = input_image(600, 600)
    monkeypatch.setattr(engine, "KEPT_BYTES", 3 * len(image))
    for number in range(8):
        Caller(sandbox, "mulerouter").post(EDIT, {"prompt": f"edit {number}", "images": [image]})
    rows = ledger(sandbox)["tasks"]
    assert [row["body"] is None for row in rows][-1] is False
    assert sum(row["body"] is not None for row in rows) <= 3
    insets = sum(len(inset) for task in sandbox.engine.tasks() for inset in task.order.picture.inputs)
    assert insets <= 3 * len(image)


def test_64_requests_are_held_at_once(sandbox: SandboxServer) -> None:
    change(sandbox, latency=1)
    statuses: list[int] = []
    body = {"model": "alibaba/qwen-image", "prompt": "x"}
    threads = [
        threading.Thread(
            target=lambda: statuses.append(Caller(sandbox, "aimlapi").post(AIMLAPI, body).status)
        )
        for _ in range(64)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert statuses == [201] * 64
    assert time.monotonic() - began < 10  # one after the other they would take 64 s


def test_a_connection_serves_many_requests_and_survives_refusals(sandbox: SandboxServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]), timeout=10)
    statuses = []
    for method, path in (("POST", "/nowhere"), ("PATCH", "/mulerouter" + MAX), ("GET", "/_sandbox/settings")):
        connection.request(method, path, body=b"{}")
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert statuses == [404, 401, 200]


def test_a_body_without_length_or_too_long_ends_the_connection(sandbox: SandboxServer) -> None:
    for header, status in (("Transfer-Encoding: chunked", b"411"), ("Content-Length: 999999999", b"413")):
        with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=10) as raw:
            raw.sendall(f"POST /mulerouter{MAX} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
            assert raw.recv(100).split()[1] == status


def test_latency_is_log_uniform_and_repeats_for_the_same_picture(sandbox: SandboxServer) -> None:
    change(sandbox, latency=[2, 5])
    caller = Caller(sandbox, "mulerouter")
    for seed in (1, 1, *range(2, 40)):
        caller.post(MAX, {"prompt": "x", "seed": seed})
    seconds = [row["seconds"] for row in ledger(sandbox)["tasks"]]
    assert seconds[0] == seconds[1]
    assert all(2 <= value <= 5 for value in seconds)
    assert max(seconds) - min(seconds) > 1.5


@pytest.mark.parametrize(
    ("text", "seconds"), [("0.2", (0.2, 0.2)), ("2-5", (2, 5)), (3, (3, 3)), ([1, 2], (1, 2))]
)
def test_latency_is_read_from_text_and_json(text: object, seconds: tuple[float, float]) -> None:
    assert read_latency(text) == seconds


def test_latency_that_is_no_time_is_refused() -> None:
    with pytest.raises(SettingError):
        read_latency("5-2")


def test_the_command_says_where_it_listens_and_ends_on_sigterm() -> None:
    process = start_command("--port", "0", "--verbose", EASEL_SANDBOX_LATENCY="0.05")
    assert process.stdout is not None
    word, url = process.stdout.readline().split()
    assert word == "sandbox"
    body = json.dumps(
        {"model": "alibaba/qwen-image", "prompt": "planted-prompt", "image_size": "square"}
    ).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer planted-key"}
    bought = fetch(f"{url}/aimlapi{AIMLAPI}?planted-query", "POST", body, headers)
    link = bought.json["images"][0]["url"]
    assert size_of(fetch(link).body) == (512, 512)
    process.send_signal(signal.SIGTERM)
    output, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert output == ""
    assert log.splitlines() == [f"POST /aimlapi{AIMLAPI} 201", "GET /files/... 200"]


def test_a_port_in_use_and_a_wrong_latency_are_said_in_one_line(sandbox: SandboxServer) -> None:
    for arguments in (("--port", sandbox.url.rpartition(":")[2]), ("--latency", "soon")):
        process = start_command(*arguments)
        _, log = process.communicate(timeout=10)
        assert process.returncode == 1
        assert len(log.splitlines()) == 1
        assert log.startswith("sandbox: ")


def test_a_closing_server_ends_the_waits_without_an_answer() -> None:
    with ThreadPoolExecutor(1) as caller:
        with SandboxServer(settings=Settings(latency=(60, 60))) as sandbox:
            call = caller.submit(buy, sandbox)
            wait_until(sandbox.engine.tasks)
        with pytest.raises(http.client.RemoteDisconnected):
            call.result(PATIENCE_SECONDS)


def test_a_closing_server_takes_no_job() -> None:
    with SandboxServer(settings=QUICK) as closing:
        closing.engine.close()
        with pytest.raises(http.client.RemoteDisconnected):
            buy(closing)
        assert ledger(closing)["tasks"] == []
