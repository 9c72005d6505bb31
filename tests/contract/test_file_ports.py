"""What every store of batch files, and every inbox, must do: the doubles in memory, and moto's S3."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from easel.aws.files import PART_BYTES, S3Files, S3Inbox
from easel.errors import FileChangedError, ImageInvalidError, ImageUnavailableError
from easel.ports import Files, Inbox
from tests.fakes.memory_files import Buckets, MemoryFiles, MemoryInbox, Stored

NUMBERS = itertools.count()
KEY = "requests/\u4e2d \u00e9+&.jsonl"
DATA = bytes(range(256)) * 3000


@dataclass
class Place:
    """A store of files, an inbox, and their owner's ways to look into them."""

    files: Files
    inbox: Inbox
    image_bucket: str
    inbox_bucket: str
    drop: Callable[[str, bytes, Mapping[str, str]], str]
    remove: Callable[[str], None]
    kept: Callable[[], dict[str, tuple[bytes, str]]]


def in_memory() -> Place:
    buckets: Buckets = {}
    files, inbox = MemoryFiles(buckets), MemoryInbox(buckets)

    def drop(key: str, data: bytes, metadata: Mapping[str, str]) -> str:
        buckets["inbox", key] = Stored(data, metadata=metadata)
        return buckets["inbox", key].etag

    def kept() -> dict[str, tuple[bytes, str]]:
        found = {key: one for (bucket, key), one in buckets.items() if bucket == "images"}
        return {key: (one.data, one.content_type) for key, one in found.items()}

    def remove(key: str) -> None:
        del buckets["inbox", key]

    return Place(files, inbox, "images", "inbox", drop, remove, kept)


def in_s3(client: Any) -> Place:
    number = next(NUMBERS)
    images, inbox = f"easel-files-{number}", f"easel-inbox-{number}"
    for bucket in (images, inbox):
        client.create_bucket(Bucket=bucket)

    def drop(key: str, data: bytes, metadata: Mapping[str, str]) -> str:
        put = client.put_object(Bucket=inbox, Key=key, Body=data, Metadata=dict(metadata))
        return str(put["ETag"].strip('"'))

    def kept() -> dict[str, tuple[bytes, str]]:
        found = {}
        for one in client.list_objects_v2(Bucket=images).get("Contents", []):
            answer = client.get_object(Bucket=images, Key=one["Key"])
            found[one["Key"]] = (answer["Body"].read(), answer["ContentType"])
        return found

    def remove(key: str) -> None:
        client.delete_object(Bucket=inbox, Key=key)

    return Place(S3Files(client, images), S3Inbox(client, inbox), images, inbox, drop, remove, kept)


@pytest.fixture(params=["memory", "s3"])
def place(request: pytest.FixtureRequest) -> Place:
    return in_memory() if request.param == "memory" else in_s3(request.getfixturevalue("s3"))


# ── Manifests ─────────────────────────────────────────────────────────────────────────────────────────


def read_from(place: Place, offset: int, etag: str, key: str = KEY) -> list[bytes]:
    return list(place.files.read_from(place.inbox_bucket, key, offset, etag))


def test_manifest_is_read_in_chunks_of_bounded_size(place: Place) -> None:
    etag = place.drop(KEY, DATA, {})
    chunks = read_from(place, 0, etag)
    assert b"".join(chunks) == DATA
    assert len(chunks) > 1
    assert max(map(len, chunks)) <= 256 * 1024


@pytest.mark.parametrize("offset", [1, 255, 1000, len(DATA) - 1])
def test_manifest_is_read_from_the_offset_on(place: Place, offset: int) -> None:
    etag = place.drop(KEY, DATA, {})
    assert b"".join(read_from(place, offset, etag)) == DATA[offset:]


@pytest.mark.parametrize("beyond", [0, 1, 10**9])
def test_at_the_end_of_the_manifest_there_is_nothing(place: Place, beyond: int) -> None:
    etag = place.drop(KEY, DATA, {})
    assert read_from(place, len(DATA) + beyond, etag) == []


def test_empty_manifest_has_nothing(place: Place) -> None:
    assert read_from(place, 0, place.drop(KEY, b"", {})) == []


@pytest.mark.parametrize("offset", [0, 5, len(DATA)])
def test_manifest_that_was_replaced_is_told_apart(place: Place, offset: int) -> None:
    etag = place.drop(KEY, DATA, {})
    place.drop(KEY, DATA[::-1], {})
    with pytest.raises(FileChangedError):
        read_from(place, offset, etag)


@pytest.mark.parametrize("offset", [0, 5])
def test_manifest_that_was_removed_is_told_apart(place: Place, offset: int) -> None:
    etag = place.drop(KEY, DATA, {})
    place.remove(KEY)
    with pytest.raises(FileChangedError):
        read_from(place, offset, etag)


def test_manifest_that_was_put_again_as_it_was_is_the_same(place: Place) -> None:
    etag = place.drop(KEY, DATA, {})
    place.drop(KEY, DATA, {"a": "b"})
    assert b"".join(read_from(place, 0, etag)) == DATA


def test_nothing_is_asked_for_before_the_first_chunk_and_the_rest_can_be_left(place: Place) -> None:
    reading = place.files.read_from(place.inbox_bucket, KEY, 0, "no-such-object")
    reading.close()
    etag = place.drop(KEY, DATA, {})
    reading = place.files.read_from(place.inbox_bucket, KEY, 0, etag)
    assert DATA.startswith(next(reading))
    reading.close()


# ── Objects of bounded size ───────────────────────────────────────────────────────────────────────────


def test_object_is_put_and_read_back_with_its_type_and_state(place: Place) -> None:
    etag = place.files.put("batches/b/work/input.jsonl", DATA, "application/jsonl")
    assert place.files.read("batches/b/work/input.jsonl") == DATA
    assert place.kept() == {"batches/b/work/input.jsonl": (DATA, "application/jsonl")}
    again = list(place.files.read_from(place.image_bucket, "batches/b/work/input.jsonl", 0, etag))
    assert b"".join(again) == DATA


def test_object_that_is_put_again_has_the_same_state_only_if_it_is_the_same(place: Place) -> None:
    first = place.files.put("k", b"a", "text/plain")
    assert place.files.put("k", b"a", "text/plain") == first
    assert place.files.put("k", b"b", "text/plain") != first


def test_object_that_is_not_there_is_none(place: Place) -> None:
    assert place.files.read("nothing") is None


def test_empty_object_is_no_missing_one(place: Place) -> None:
    place.files.put("k", b"", "text/plain")
    assert place.files.read("k") == b""


def test_link_is_signed_and_names_the_object(place: Place) -> None:
    link = place.files.signed_url("batches/b/results.jsonl")
    assert link.startswith("https://")
    assert "batches/b/results.jsonl" in link
    assert "ignature=" in link


# ── Objects of any size ───────────────────────────────────────────────────────────────────────────────

LARGE = 2 * PART_BYTES + 12_345
LENGTHS = [0, 1, 1000, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, LARGE]


def pieces(length: int, size: int) -> list[bytes]:
    """So many bytes, no two parts alike."""
    whole = bytes(itertools.islice(itertools.cycle(range(251)), length))
    return [whole[start : start + size] for start in range(0, length, size)]


def write(place: Place, length: int, fault: BaseException | None = None) -> None:
    """Write the object `k`; it breaks off after so many bytes where there is a fault."""
    with place.files.writer("k", "text/plain") as writer:
        for piece in pieces(length, 1_000_003):
            writer.write(piece)
        if fault:
            raise fault


@pytest.mark.parametrize(("length", "size"), [*((one, 1_000_003) for one in LENGTHS), (LARGE, LARGE)])
def test_object_of_any_length_is_written_whole(place: Place, length: int, size: int) -> None:
    written = pieces(length, size)
    with place.files.writer("batches/b/results.jsonl", "application/jsonl") as writer:
        for piece in written:
            writer.write(piece)
    assert place.kept() == {"batches/b/results.jsonl": (b"".join(written), "application/jsonl")}


class CrashError(BaseException):
    """The process is told to end."""


@pytest.mark.parametrize("length", [0, 1000, LARGE])
@pytest.mark.parametrize("fault", [ValueError("broken"), CrashError()])
def test_object_whose_writing_fails_is_not_there(place: Place, length: int, fault: BaseException) -> None:
    with pytest.raises(type(fault)):
        write(place, length, fault)
    assert place.kept() == {}


@pytest.mark.parametrize("length", [10, LARGE])
def test_object_whose_writing_fails_leaves_what_was_there_before(place: Place, length: int) -> None:
    place.files.put("k", b"before", "text/plain")
    with pytest.raises(ValueError, match="broken"):
        write(place, length, ValueError("broken"))
    assert place.kept() == {"k": (b"before", "text/plain")}


def test_object_is_not_seen_before_it_is_whole(place: Place) -> None:
    with place.files.writer("k", "text/plain") as writer:
        writer.write(b"x" * LARGE)
        assert place.kept() == {}
    assert len(place.kept()["k"][0]) == LARGE


@pytest.mark.parametrize("broken", ["upload_part", "complete_multipart_upload"])
def test_upload_that_s3_breaks_off_leaves_no_parts_behind(
    s3: Any, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    place = in_s3(s3)

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalError", "Message": "m"}}, broken)

    monkeypatch.setattr(s3, broken, fail)
    with pytest.raises(ClientError):
        write(place, LARGE)
    assert place.kept() == {}
    assert s3.list_multipart_uploads(Bucket=place.image_bucket).get("Uploads", []) == []


def test_upload_that_is_done_leaves_no_parts_behind_either(s3: Any) -> None:
    place = in_s3(s3)
    write(place, LARGE)
    with pytest.raises(ValueError, match="broken"):
        write(place, LARGE, ValueError("broken"))
    assert s3.list_multipart_uploads(Bucket=place.image_bucket).get("Uploads", []) == []


def test_writer_holds_one_part_and_sends_parts_that_s3_takes(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, sent = in_s3(s3), []
    upload = s3.upload_part

    def watched(**asked: Any) -> Any:
        sent.append(len(asked["Body"]))
        return upload(**asked)

    monkeypatch.setattr(s3, "upload_part", watched)
    with place.files.writer("k", "text/plain") as writer:
        writer.write(b"x" * LARGE)
        assert sent == [PART_BYTES, PART_BYTES], "what is full is sent at once"
    assert sent[-1] == LARGE - 2 * PART_BYTES
    assert PART_BYTES >= 5 * 1024 * 1024, "S3 takes no smaller part but the last"


# ── Inbox ─────────────────────────────────────────────────────────────────────────────────────────────


def test_dropped_file_is_found_with_its_state_and_what_its_owner_wrote_on_it(place: Place) -> None:
    etag = place.drop(KEY, DATA, {"max-cost-usd": "12.50", "tenant": "acme"})
    found = place.inbox.find(KEY)
    assert (found.source.bucket, found.source.key, found.source.etag) == (place.inbox_bucket, KEY, etag)
    assert found.metadata == {"max-cost-usd": "12.50", "tenant": "acme"}
    assert b"".join(read_from(place, 0, found.source.etag)) == DATA


def test_names_of_metadata_are_lower_case(place: Place) -> None:
    place.drop(KEY, b"", {"Prompt": "A Fox"})
    assert place.inbox.find(KEY).metadata == {"prompt": "A Fox"}


@pytest.mark.parametrize("key", ["nothing", "", "\u4e2d" * 400])
def test_file_that_is_not_there_is_unavailable(place: Place, key: str) -> None:
    with pytest.raises(ImageUnavailableError):
        place.inbox.find(key)
    with pytest.raises(ImageUnavailableError):
        place.inbox.read(key, 10)


@pytest.mark.parametrize(("call", "code"), [("head_object", "403"), ("get_object", "AccessDenied")])
def test_refusal_to_who_may_not_list_is_an_unavailable_file(s3: Any, call: str, code: str) -> None:
    inbox = S3Inbox(s3, "easel-inbox")
    with Stubber(s3) as stubbed:
        stubbed.add_client_error(call, code, http_status_code=403)
        with pytest.raises(ImageUnavailableError):
            _ = inbox.find(KEY) if call == "head_object" else inbox.read(KEY, 10)


@pytest.mark.parametrize(("call", "code"), [("head_object", "503"), ("get_object", "SlowDown")])
def test_inbox_out_of_order_is_no_missing_file(s3: Any, call: str, code: str) -> None:
    inbox = S3Inbox(s3, "easel-inbox")
    with Stubber(s3) as stubbed:
        stubbed.add_client_error(call, code, http_status_code=503)
        with pytest.raises(ClientError):
            _ = inbox.find(KEY) if call == "head_object" else inbox.read(KEY, 10)


def test_file_is_read_up_to_the_bytes_allowed(place: Place) -> None:
    place.drop(KEY, DATA, {})
    assert place.inbox.read(KEY, len(DATA)) == DATA
    with pytest.raises(ImageInvalidError, match=str(len(DATA))):
        place.inbox.read(KEY, len(DATA) - 1)


def test_uri_names_bucket_and_key_and_its_prefix_leads_back_to_the_key(place: Place) -> None:
    uri = place.inbox.uri(KEY)
    assert uri == f"s3://{place.inbox_bucket}/{KEY}"
    assert uri.removeprefix(place.inbox.uri("")) == KEY
