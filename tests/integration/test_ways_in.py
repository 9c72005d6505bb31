"""Every way in but HTTP: files in the inbox, events on the bus, executions. The calls are the AWS CLI's."""

import base64
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from local.stack import LocalStack
from tests.integration.account_caller import AccountCaller, Answers, Inbox, sha256
from tests.integration.easel_caller import sandbox_tasks

pytestmark = pytest.mark.stack

Bought = Callable[[str], list[dict[str, Any]]]
EVENTS = Path(__file__).parents[2] / "events"
ROWS = {
    "batch.jsonl": {
        "fox": "a red fox in snow",
        "poster": "a poster with the words “Open on Sunday” in blue",
        "harbour": "a harbour at dawn, 水墨画",
        "bridge": "a stone bridge in fog",
    },
    "batch.csv": {
        "teapot": "a teapot, seen from above",
        "sign": 'a shop sign that says "Bread & Butter"',
        "kite": "a kite over dunes",
    },
    "request.json": {"moth": "a moth on a lamp"},
}
EDIT = "the terrace by night, lanterns lit"
EDIT_TOLD = {"correlation_id": "order-4710", "seed": "11"}
REFUSED = "forbidden-content"  # by the sandbox vendors, as moderation does


def sample(name: str) -> dict[str, Any]:
    """A sample event."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def png(shade: int) -> bytes:
    """A small picture."""
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), (shade, 90, 60)).save(picture, "PNG")
    return picture.getvalue()


BUS_REQUEST = sample("bus-generation-requested")["detail"]
WORKFLOW_REQUEST = sample("workflow-request")["request"]
PROMPTS = {
    **{name: list(rows.values()) for name, rows in ROWS.items()},
    "edit": [EDIT],
    "event": [BUS_REQUEST["prompt"]],
    "execution": [WORKFLOW_REQUEST["prompt"]],
}


@pytest.fixture(scope="module")
def answers(stack: LocalStack) -> Answers:
    """What Easel tells from now on."""
    return Answers(stack, "ways-in")


@pytest.fixture(scope="module", autouse=True)
def earlier(stack: LocalStack) -> int:
    """How much vendors had taken before: other tests ask for the samples' prompts, too."""
    return len(sandbox_tasks(stack.sandbox_url))


@pytest.fixture(scope="module")
def bought(stack: LocalStack, earlier: int) -> Bought:
    """What vendors took for a prompt."""
    return lambda prompt: [
        task for task in sandbox_tasks(stack.sandbox_url)[earlier:] if task["prompt"] == prompt
    ]


@pytest.fixture(scope="module")
def execution(account: AccountCaller, inbox: Inbox, answers: Answers) -> dict[str, Any]:
    """One of each way in, all at once; the execution, ended."""
    inbox.drop("requests/batch.jsonl", (EVENTS / "batch.jsonl").read_bytes())
    inbox.drop("requests/shop/batch.csv", (EVENTS / "batch.csv").read_bytes())
    one = {"custom_id": "moth", "model": "qwen-image-max", "prompt": ROWS["request.json"]["moth"]}
    inbox.drop("requests/request.json", json.dumps(one))
    inbox.drop("edits/terrace.png", png(180), prompt=EDIT, **EDIT_TOLD)
    account.publish(BUS_REQUEST)
    return account.execute(sample("workflow-request"))


@pytest.mark.parametrize("way", PROMPTS)
def test_each_way_in_leads_to_kept_images_and_an_answer_on_the_bus(
    way: str, execution: Any, account: AccountCaller, answers: Answers, bought: Bought
) -> None:
    for prompt in PROMPTS[way]:
        generation = answers.generation(prompt)
        (task,) = bought(prompt)
        assert generation["status"] == "succeeded"
        assert [image["sha256"] for image in generation["images"]] == list(task["served"].values())
        for image in generation["images"]:
            assert sha256(account.kept(image["s3_uri"])) == image["sha256"]
            assert "url" not in image


@pytest.mark.parametrize(
    ("name", "key"),
    [("batch.jsonl", "batch.jsonl"), ("batch.csv", "shop/batch.csv"), ("request.json", "request.json")],
)
def test_a_dropped_file_becomes_a_batch_whose_results_name_its_rows(
    name: str, key: str, execution: Any, account: AccountCaller, answers: Answers, inbox: Inbox
) -> None:
    source = f"s3://{inbox.bucket}/requests/{key}"
    batch = answers.wait_for("Image Batch Completed", lambda one: one["source"] == source)
    assert (batch["rows"]["succeeded"], batch["rows"]["total"]) == (len(ROWS[name]), len(ROWS[name]))
    results = [json.loads(line) for line in account.batch_file(batch["id"], "results.jsonl").splitlines()]
    told = {line["custom_id"]: line["response"]["body"]["request"]["prompt"] for line in results}
    assert told == ROWS[name]
    assert account.batch_file(batch["id"], "errors.jsonl") == b""


def test_an_edit_sends_the_dropped_image_and_what_its_metadata_says(
    execution: Any, answers: Answers, bought: Bought
) -> None:
    generation = answers.generation(EDIT)
    (task,) = bought(EDIT)
    assert base64.b64encode(png(180)).decode() in json.dumps(task["body"])
    assert generation["model"] == "qwen-image-edit-max"
    assert (generation["request"]["seed"], generation["correlation_id"]) == (11, "order-4710")


def test_the_callers_correlation_id_comes_back(execution: Any, answers: Answers) -> None:
    assert answers.generation(BUS_REQUEST["prompt"])["correlation_id"] == "order-4711"
    assert answers.generation(WORKFLOW_REQUEST["prompt"])["correlation_id"] == "order-4712"


def test_an_executions_output_is_the_generation_without_bytes_and_links(
    execution: dict[str, Any], answers: Answers
) -> None:
    assert execution["status"] == "SUCCEEDED"
    generation = json.loads(execution["output"])
    assert generation == answers.generation(WORKFLOW_REQUEST["prompt"])
    assert "http" not in json.dumps(generation["images"])
    assert generation["receipt"]["billed"] is not None


def test_an_execution_with_a_wrong_request_fails_with_a_problem_as_its_cause(account: AccountCaller) -> None:
    ended = account.execute({"request": {"model": "qwen-image-max", "prompt": "an owl", "n": "two"}})
    assert (ended["status"], ended["error"]) == ("FAILED", "Easel.InvalidRequest")
    problem = json.loads(ended["cause"])
    assert (problem["status"], problem["errors"][0]["field"]) == (422, "n")


@pytest.mark.parametrize("given", [{"request": "an owl"}, {"request": None}, {"prompt": "an owl"}, {}])
def test_an_execution_without_a_request_that_is_an_object_fails_at_once_too(
    given: dict[str, Any], account: AccountCaller
) -> None:
    ended = account.execute(given)
    assert (ended["status"], ended["error"]) == ("FAILED", "Easel.InvalidRequest")
    assert json.loads(ended["cause"])["errors"][0]["field"] == "request"
    assert (ended["stopDate"] - ended["startDate"]).total_seconds() < 10


def test_an_execution_whose_generation_fails_has_the_generation_as_its_cause(
    account: AccountCaller, answers: Answers
) -> None:
    prompt = f"{REFUSED} {uuid.uuid4()}"
    body = {"model": "qwen-image-plus", "prompt": prompt, "route": "dashscope-intl/qwen-image-plus"}
    ended = account.execute({"request": body})
    assert (ended["status"], ended["error"]) == ("FAILED", "Easel.Failed")
    generation = json.loads(ended["cause"])
    assert generation["error"]["code"] == "moderation"
    assert generation == answers.generation(prompt, "Failed")


def drop_text_as_edit(inbox: Inbox) -> None:
    inbox.drop("edits/notes.txt", "not a picture", prompt="make it night")


REFUSED_FILES: dict[str, tuple[Callable[[Inbox], Any], str]] = {
    "edits/without-prompt.png": (lambda inbox: inbox.drop("edits/without-prompt.png", png(10)), "prompt"),
    "edits/notes.txt": (drop_text_as_edit, "images.0"),
    "edits/typo.png": (
        lambda inbox: inbox.drop("edits/typo.png", png(20), prompt="dusk", n="two"),
        "n",
    ),
    "requests/notes.txt": (lambda inbox: inbox.drop("requests/notes.txt", "an owl"), "manifest"),
    "requests/bounds.jsonl": (
        lambda inbox: inbox.drop("requests/bounds.jsonl", "{}", max_cost_usd="lots"),
        "max_cost_usd",
    ),
}


def object_of(letter: dict[str, Any]) -> dict[str, Any]:
    """Which file an event in a dead letter is of; others' events may have any form."""
    detail = letter["event"].get("detail")
    return detail.get("object", {}) if isinstance(detail, dict) else {}


@pytest.mark.parametrize("key", REFUSED_FILES)
def test_a_file_that_cannot_be_taken_is_told_and_kept_with_its_reason(
    key: str, account: AccountCaller, answers: Answers, inbox: Inbox
) -> None:
    drop, field = REFUSED_FILES[key]
    drop(inbox)
    letter = account.dead_letter(lambda one: object_of(one).get("key") == key)
    assert letter["reason"]["errors"][0]["field"] == field
    told = answers.wait_for("Image Generation Rejected", lambda one: one["event_id"] == letter["event"]["id"])
    assert told["error"] == letter["reason"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "nobody"}, "model"),
        ({"size": "1000*1000"}, "size"),
        ({"tenant": 7}, "tenant"),
        ({"promt": "typo"}, "promt"),
    ],
)
def test_an_event_that_cannot_be_taken_is_told_with_its_correlation_id_and_kept(
    changes: dict[str, Any],
    field: str,
    account: AccountCaller,
    answers: Answers,
    bought: Bought,
) -> None:
    correlation, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    account.publish({**BUS_REQUEST, "prompt": prompt, "correlation_id": correlation, **changes})
    told = answers.wait_for("Image Generation Rejected", lambda one: one["correlation_id"] == correlation)
    assert told["error"]["errors"][0]["field"] == field
    letter = account.dead_letter(lambda one: one["event"]["id"] == told["event_id"])
    assert letter["reason"] == told["error"]
    assert letter["event"]["detail"]["prompt"] == prompt
    assert bought(prompt) == []


def dropped_event(name: str, inbox: Inbox, key: str, etag: str) -> dict[str, Any]:
    """A sample of S3's event, for a file of ours."""
    event = sample(name)
    event["detail"]["bucket"]["name"] = inbox.bucket
    event["detail"]["object"] |= {"key": key, "etag": etag}
    return event


def test_the_same_event_of_a_file_twice_and_the_file_put_again_buy_nothing_twice(
    account: AccountCaller, answers: Answers, inbox: Inbox, bought: Bought
) -> None:
    prompt = f"put twice {uuid.uuid4()}"
    key, line = "requests/twice.jsonl", json.dumps({"model": "qwen-image-max", "prompt": prompt})
    etag = inbox.drop(key, line)
    event = dropped_event("s3-request-dropped", inbox, key, etag)
    ids = {account.take_in(event) for _ in range(2)}
    ended = answers.wait_for("Image Batch Completed", lambda one: one["id"] in ids)
    inbox.drop(key, line)
    assert {account.take_in(event)} == ids == {ended["id"]}
    assert len(bought(prompt)) == 1
    assert len(answers.heard("Image Batch Completed", lambda one: one["id"] in ids)) == 1


def test_the_same_event_of_an_edit_or_of_the_bus_twice_makes_one_generation(
    account: AccountCaller, answers: Answers, inbox: Inbox, bought: Bought
) -> None:
    edit, request = f"edited once {uuid.uuid4()}", f"asked once {uuid.uuid4()}"
    etag = inbox.drop("edits/once.png", png(30), prompt=edit)
    inbox.drop("edits/once.png", png(30), prompt=edit)
    dropped = dropped_event("s3-edit-dropped", inbox, "edits/once.png", etag)
    asked = sample("bus-generation-requested")
    asked |= {"id": str(uuid.uuid4()), "detail": {**asked["detail"], "prompt": request}}
    for event, prompt in ((dropped, edit), (asked, request)):
        ids = {account.take_in(event) for _ in range(3)}
        assert ids == {answers.generation(prompt)["id"]}
        assert len(bought(prompt)) == 1


def test_an_event_that_comes_after_its_file_was_replaced_buys_nothing_for_the_old_one(
    account: AccountCaller, answers: Answers, inbox: Inbox, bought: Bought
) -> None:
    first, second = f"first {uuid.uuid4()}", f"second {uuid.uuid4()}"
    inbox.drop("edits/replaced.png", png(40), prompt=first)
    answers.generation(first)
    inbox.drop("edits/replaced.png", png(50), prompt=second)
    answers.generation(second)
    late = dropped_event("s3-edit-dropped", inbox, "edits/replaced.png", etag="0" * 32)
    late["id"] = str(uuid.uuid4())
    assert account.take_in(late) is None
    assert account.dead_letter(lambda one: one["event"]["id"] == late["id"])["reason"]["status"] == 422
    assert [len(bought(prompt)) for prompt in (first, second)] == [1, 1]


def test_an_execution_of_the_same_name_is_not_started_again(account: AccountCaller, bought: Bought) -> None:
    prompt, name = f"started once {uuid.uuid4()}", f"order-{uuid.uuid4()}"
    request = {"request": {"model": "qwen-image-max", "prompt": prompt}}
    assert account.execute(request, name=name)["status"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        account.execute(request, name=name)
    assert len(bought(prompt)) == 1


def test_what_lies_beside_the_images_triggers_nothing_and_the_inbox_is_never_written(
    execution: Any, account: AccountCaller, answers: Answers, inbox: Inbox, bought: Bought
) -> None:
    beside, marker = f"beside {uuid.uuid4()}", f"marker {uuid.uuid4()}"
    before, files = account.batches(), inbox.keys()
    line = json.dumps({"model": "qwen-image-max", "prompt": beside}).encode()
    for key in ("requests/own.jsonl", "batches/own/results.jsonl", "batches/own/requests/own.jsonl"):
        account.put_beside_images(key, line)
    inbox.drop("requests/marker.json", json.dumps({"model": "qwen-image-max", "prompt": marker}))
    answers.generation(marker)
    batch = answers.wait_for("Image Batch Completed", lambda one: one["source"].endswith("/marker.json"))
    assert bought(beside) == []
    assert account.batches() - before == {"own", batch["id"]}
    assert inbox.keys() == files | {"requests/marker.json"}
