"""`make forget`: what is a tenant's by its mark alone, what is left alone, and what nobody can tell."""

import hashlib
import io
import json
from typing import Any

import boto3
import pytest

from easel.aws.batches import DynamoBatches
from easel.aws.images import S3Images
from easel.aws.key_book import DynamoKeyBook
from easel.aws.table import DynamoGenerations
from easel.domain.batch import Batch, Source
from easel.domain.generation import Image, Origin
from easel.domain.ids import new_generation_id
from easel.runtime import SystemClock
from local import forget
from local.account import Deployed
from local.failure import StackError
from tests.fakes.lives import MULE, NOW, delivered, ended, queued
from tests.fakes.pictures import picture
from tests.unit.local.aws_stack import NAME, AwsStack

IMAGES, INBOX = "easel-images", "easel-inbox"


class Stack(AwsStack):
    """Its buckets have versions."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(capsys, ImageBucketName=IMAGES, InboxBucketName=INBOX)
        self.s3: Any = boto3.client("s3")
        for bucket in (IMAGES, INBOX):
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def image(self, key: str, tenant: str) -> None:
        """Kept as Persist keeps one."""
        data = picture()
        digest = hashlib.sha256(data).hexdigest()
        facts = Image(key=key, content_type="image/png", width=64, height=48, bytes=len(data), sha256=digest)
        S3Images(self.s3, IMAGES).put(key, io.BytesIO(data), facts, tenant)

    def put(self, key: str, body: str = "x", bucket: str = IMAGES, **metadata: str) -> None:
        self.s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), Metadata=metadata)

    def versions(self, bucket: str = IMAGES) -> list[str]:
        """The key of every version that is there, those that say that it was deleted included."""
        listed = self.s3.list_object_versions(Bucket=bucket)
        return sorted(one["Key"] for kind in ("Versions", "DeleteMarkers") for one in listed.get(kind, ()))

    def forget(self, tenant: str, *words: str) -> tuple[int, str]:
        """The exit status, and what was printed."""
        status = forget.main(["--stack", NAME, "--tenant", tenant, *words])
        return status, self.capsys.readouterr().out


@pytest.fixture
def stack(account: None, capsys: pytest.CaptureFixture[str]) -> Stack:
    return Stack(capsys)


def test_images_are_found_by_their_marks_when_their_records_are_gone_with_all_their_versions(
    stack: Stack,
) -> None:
    for tenant in ("acme", "other"):
        for _ in range(2):
            stack.image(f"images/gen_{tenant}/0.png", tenant)
    stack.s3.delete_object(Bucket=IMAGES, Key="images/gen_acme/0.png")  # its versions stay, and a marker
    stack.put("images/gen_old/0.png")
    assert stack.forget("acme")[0] == 0
    assert len(stack.versions()) == 6
    status, told = stack.forget("acme", "--sure")
    assert stack.versions() == ["images/gen_old/0.png", *["images/gen_other/0.png"] * 2]
    assert status == 0
    assert "3  objects in images/\n" in told
    assert "1  objects in images/, left alone" in told


def test_folder_of_a_batch_is_found_by_what_its_manifest_says_and_pictures_in_it_by_their_own_marks(
    stack: Stack,
) -> None:
    folder = "batches/bat_x"
    stack.put(f"{folder}/manifest.json", json.dumps({"id": "bat_x", "tenant": "default"}))
    stack.put(f"{folder}/results.jsonl")
    stack.image(f"{folder}/images/gen_1/0.png", "default")
    stack.image(f"{folder}/images/gen_2/0.png", "acme")  # a row that named another tenant
    stack.put("batches/bat_old/results.jsonl")
    assert stack.forget("acme", "--sure")[0] == 0
    assert f"{folder}/images/gen_2/0.png" not in stack.versions()
    assert len(stack.versions()) == 4
    assert stack.forget("default", "--sure")[0] == 0
    assert stack.versions() == ["batches/bat_old/results.jsonl"]


def test_deleted_image_is_found_by_its_mark_where_a_page_of_the_listing_ends_in_the_middle_of_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget, "VERSIONS_MAX", 1)
    for key in ("images/gen_1/0.png", "images/gen_2/0.png"):
        for _ in range(2):
            stack.image(key, "acme")
        stack.s3.delete_object(Bucket=IMAGES, Key=key)
    assert stack.forget("acme", "--sure") == (
        0,
        "         6  objects in images/\nThat is what has gone, of tenant acme.\n",
    )
    assert stack.versions() == []


def test_folder_of_a_batch_is_still_found_when_a_run_broke_off_in_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget, "VERSIONS_MAX", 1)
    for name in ("errors.jsonl", "results.jsonl"):
        stack.put(f"batches/bat_x/{name}")
    stack.put("batches/bat_x/manifest.json", json.dumps({"id": "bat_x", "tenant": "acme"}))

    def refuse(**_: Any) -> dict[str, Any]:
        return {"Errors": [{"Key": "batches/bat_x/results.jsonl", "Code": "SlowDown"}]}

    delete = stack.s3.delete_objects
    answers = [delete, refuse]
    monkeypatch.setattr(stack.s3, "delete_objects", lambda **wanted: answers.pop(0)(**wanted))
    deployed = Deployed({"s3": stack.s3, "dynamodb": stack.dynamodb}.__getitem__, stack.outputs, {})
    with pytest.raises(StackError):
        forget.Forgetting(deployed, "acme", sure=True).run()
    assert stack.versions() == ["batches/bat_x/manifest.json", "batches/bat_x/results.jsonl"]
    assert stack.forget("acme", "--sure")[0] == 0
    assert stack.versions() == []


def test_what_is_at_work_is_left_alone_with_its_whole_batch_and_told_by_the_exit_status(stack: Stack) -> None:
    store = DynamoGenerations(stack.dynamodb, stack.table, 90, SystemClock())
    source = Source(bucket=INBOX, key="requests/a.csv", etag="e")
    batch = Batch(id="bat_x", tenant="acme", source=source, created_at=NOW, updated_at=NOW)
    DynamoBatches(stack.dynamodb, stack.table, 90, SystemClock()).create(batch)
    working, done = queued("acme"), ended(delivered(queued("acme"), MULE)).having(announced=True)
    row = done.having(id=new_generation_id(NOW), origin=Origin(batch=batch.id, row=1))
    for one in (working, done, row):
        store.create(one, None)
        stack.put(f"{one.folder}/0.png")
        stack.put(f"inputs/{one.id}/0")
    status, told = stack.forget("acme", "--sure")
    assert status == 2
    assert "2  still at work" in told
    left = {working.id, row.id}
    assert {key.split("/")[-2] for key in stack.versions()} == left
    assert {one.id for one in map(store.get, (working.id, done.id, row.id)) if one} == left


@pytest.mark.parametrize("writes", [0, 1])
def test_no_record_of_a_key_is_left_when_a_run_broke_off_in_them(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    DynamoKeyBook(stack.dynamodb, stack.table, SystemClock()).create("acme")
    deployed = Deployed({"s3": stack.s3, "dynamodb": stack.dynamodb}.__getitem__, stack.outputs, {})
    write, left = stack.dynamodb.batch_write_item, [None] * writes

    def some(**wanted: Any) -> Any:
        left.pop()  # raises IndexError where it breaks off
        return write(**wanted)

    with monkeypatch.context() as short:
        short.setattr(stack.dynamodb, "batch_write_item", some)
        with pytest.raises(IndexError):
            forget.Forgetting(deployed, "acme", sure=True).run()
    assert stack.forget("acme", "--sure")[0] == 0
    assert stack.dynamodb.scan(TableName=stack.table)["Items"] == []


class BusyTable:
    """Deletes so many of what it is asked to, and puts the others off; None: all."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch, *takes: int | None) -> None:
        self._write, self._takes = stack.dynamodb.batch_write_item, list(takes)
        self.paused: list[float] = []
        monkeypatch.setattr(stack.dynamodb, "batch_write_item", self.write)
        monkeypatch.setattr("local.forget.time.sleep", self.pause)
        clients = {"s3": stack.s3, "dynamodb": stack.dynamodb}
        monkeypatch.setattr(forget, "deployed", lambda _: Deployed(clients.__getitem__, stack.outputs, {}))

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        assert len(self.paused) < 1000, "asked for ever"

    def write(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803  (the name is boto3's)
        ((table, wanted),) = RequestItems.items()
        most = self._takes.pop(0) if len(self._takes) > 1 else self._takes[0]
        now, later = (wanted, []) if most is None else (wanted[:most], wanted[most:])
        if now:
            self._write(RequestItems={table: now})
        return {"UnprocessedItems": {table: later} if later else {}}


def test_what_the_table_puts_off_is_deleted_after_a_pause(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = DynamoKeyBook(stack.dynamodb, stack.table, SystemClock())
    for _ in range(3):
        book.create("acme")
    table = BusyTable(stack, monkeypatch, 0, None, None, None, 2, 0, None)  # the last ones of three at once
    assert stack.forget("acme", "--sure")[0] == 0
    assert stack.dynamodb.scan(TableName=stack.table)["Items"] == []
    assert table.paused == [forget.PAUSE_SECONDS] * 3


def test_table_that_puts_off_for_ever_is_not_asked_for_ever(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    DynamoKeyBook(stack.dynamodb, stack.table, SystemClock()).create("acme")
    table = BusyTable(stack, monkeypatch, 0)
    assert forget.main(["--stack", NAME, "--tenant", "acme", "--sure"]) == 1
    assert "run this again" in stack.capsys.readouterr().err
    assert len(table.paused) == forget.IN_VAIN_MAX


@pytest.mark.parametrize("kind", ["generation", "batch"])
def test_what_came_and_ended_while_objects_were_deleted_is_left_for_the_next_run(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    store = DynamoGenerations(stack.dynamodb, stack.table, 90, SystemClock())
    batches = DynamoBatches(stack.dynamodb, stack.table, 90, SystemClock())
    came = ended(delivered(queued("acme"), MULE)).having(announced=True)
    source = Source(bucket=INBOX, key="requests/a.csv", etag="e")
    batch = Batch(id="bat_x", tenant="acme", source=source, created_at=NOW, updated_at=NOW, announced=True)
    look = forget.Forgetting._dropped

    def come(forgetting: forget.Forgetting, prefix: str) -> None:
        if prefix == forget.DROPPED[0] and kind == "generation":
            store.create(came, None)
            stack.image(f"{came.folder}/0.png", "acme")
        elif prefix == forget.DROPPED[0]:
            batches.create(batch)
            stack.put("batches/bat_x/results.jsonl")
        look(forgetting, prefix)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(forget.Forgetting, "_dropped", come)
        assert stack.forget("acme", "--sure")[0] == 2
    assert stack.versions() != []
    assert stack.forget("acme", "--sure")[0] == 0
    assert stack.versions() == []
    assert (store.get(came.id), batches.get(batch.id)) == (None, None)


def test_dropped_file_is_whose_its_metadata_says_or_the_default_tenants(
    stack: Stack,
) -> None:
    stack.put("requests/a.json", bucket=INBOX, tenant="acme")
    stack.put("edits/a.png", bucket=INBOX, tenant="acme")
    stack.put("requests/b.json", bucket=INBOX)
    stack.put("tenants/acme/c.csv", bucket=INBOX)
    stack.put("tenants/acme2/c.csv", bucket=INBOX)
    stack.put("notes.txt", bucket=INBOX)
    assert stack.forget("acme", "--sure")[0] == 0
    assert stack.versions(INBOX) == ["notes.txt", "requests/b.json", "tenants/acme2/c.csv"]
    assert stack.forget("default", "--sure")[0] == 0
    assert stack.versions(INBOX) == ["notes.txt", "tenants/acme2/c.csv"]


def test_tenant_whose_name_begins_like_anothers_takes_nothing_of_it(stack: Stack) -> None:
    book = DynamoKeyBook(stack.dynamodb, stack.table, SystemClock())
    for tenant in ("acme", "acme-2"):
        book.create(tenant)
        book.change_tenant(tenant, lambda known: known)
        stack.put(f"uploads/{tenant}/upl_1")
    assert stack.forget("acme", "--sure")[0] == 0
    assert stack.versions() == ["uploads/acme-2/upl_1"]
    assert [one.key.tenant for one in book.page().keys] == ["acme-2"]
    kept = stack.dynamodb.scan(TableName=stack.table)["Items"]
    assert len(kept) == 3
    assert all("acme-2" in str(one) or "secrets" in str(one["pk"]) for one in kept)


def test_object_that_may_not_be_deleted_stops_it_with_its_key(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.image("images/gen_1/0.png", "acme")

    def refuse(**_: Any) -> dict[str, Any]:
        return {"Errors": [{"Key": "images/gen_1/0.png", "Code": "AccessDenied"}]}

    monkeypatch.setattr(stack.s3, "delete_objects", refuse)
    deployed = Deployed({"s3": stack.s3, "dynamodb": stack.dynamodb}.__getitem__, stack.outputs, {})
    with pytest.raises(StackError, match=r"images/gen_1/0\.png cannot be deleted: AccessDenied"):
        forget.Forgetting(deployed, "acme", sure=True).run()


@pytest.mark.parametrize("tenant", ["ac.me", "a/b", ""])
def test_name_that_is_no_tenants_is_refused(stack: Stack, tenant: str) -> None:
    assert stack.forget(tenant, "--sure") == (1, "")
