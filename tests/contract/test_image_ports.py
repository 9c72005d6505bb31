"""What every store of image bytes must do: the double in memory, and S3 as moto plays it."""

import base64
import hashlib
import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from easel.aws.images import S3Images
from easel.domain.generation import Image
from easel.domain.ids import tenant_mark
from easel.errors import ImageUnavailableError
from easel.ports import ImageStore
from tests.fakes.memory import MemoryImages
from tests.fakes.pictures import picture

NUMBERS = itertools.count()


@dataclass
class Bucket:
    """A store of images, and a look into what it holds."""

    images: ImageStore
    holds: Callable[[], dict[str, bytes]]


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "memory":
        memory = MemoryImages()
        return Bucket(memory, lambda: memory.objects)
    client = request.getfixturevalue("s3")
    name = f"easel-images-{next(NUMBERS)}"
    client.create_bucket(Bucket=name)

    def holds() -> dict[str, bytes]:
        listed = client.list_objects_v2(Bucket=name).get("Contents", [])
        return {one["Key"]: client.get_object(Bucket=name, Key=one["Key"])["Body"].read() for one in listed}

    return Bucket(S3Images(client, name), holds)


def facts(data: bytes, **changes: Any) -> Image:
    digest = hashlib.sha256(data).hexdigest()
    image = Image(
        key="images/g/0.png", content_type="image/png", width=64, height=48, bytes=len(data), sha256=digest
    )
    return image.having(**changes)


def test_verified_image_is_kept_byte_for_byte(bucket: Bucket) -> None:
    data = picture()
    bucket.images.put("images/g/0.png", io.BytesIO(data), facts(data), "acme")
    assert bucket.holds() == {"images/g/0.png": data}
    with bucket.images.open("images/g/0.png") as chunks:
        assert b"".join(chunks) == data
    assert bucket.images.read("images/g/0.png") == data


def test_image_kept_twice_is_one_object(bucket: Bucket) -> None:
    data = picture()
    for _ in range(2):
        bucket.images.put("k", io.BytesIO(data), facts(data), "acme")
    assert bucket.holds() == {"k": data}


def test_bytes_for_a_later_step_are_read_back(bucket: Bucket) -> None:
    bucket.images.put_bytes("incoming/g/1-0", b"\0" * 200_000, "application/octet-stream")
    with bucket.images.open("incoming/g/1-0") as chunks:
        sizes = [len(chunk) for chunk in chunks]
    assert sum(sizes) == 200_000
    assert max(sizes) <= 64 * 1024


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
def test_refusal_to_who_may_not_list_is_an_unavailable_image(s3: Any, code: str) -> None:
    with Stubber(s3) as stubbed:
        stubbed.add_client_error("get_object", code, http_status_code=403)
        with pytest.raises(ImageUnavailableError):
            S3Images(s3, "easel-images").read("incoming/g/1-0")


def test_bucket_out_of_order_is_no_missing_image(s3: Any) -> None:
    with Stubber(s3) as stubbed:
        stubbed.add_client_error("get_object", "SlowDown", http_status_code=503)
        with pytest.raises(ClientError):
            S3Images(s3, "easel-images").read("incoming/g/1-0")


def test_key_without_an_object_is_an_unavailable_image(bucket: Bucket) -> None:
    with pytest.raises(ImageUnavailableError), bucket.images.open("nothing") as chunks:
        assert not list(chunks)
    with pytest.raises(ImageUnavailableError):
        bucket.images.read("nothing")


def test_uri_names_bucket_and_key_and_its_prefix_leads_back_to_the_key(bucket: Bucket) -> None:
    uri = bucket.images.uri("inputs/g/0")
    assert uri.startswith("s3://")
    assert uri.removeprefix(bucket.images.uri("")) == "inputs/g/0"


def test_link_is_signed_and_names_the_object(bucket: Bucket) -> None:
    link = bucket.images.signed_url("images/g/0.png")
    assert link.startswith("https://")
    assert "images/g/0.png" in link
    assert "ignature=" in link


@pytest.mark.parametrize("seconds", [60, 600])
def test_link_works_for_as_long_as_it_is_asked_for(bucket: Bucket, seconds: int) -> None:
    link = bucket.images.signed_url("inputs/g/0", seconds)
    assert f"xpires={seconds}" in link or f"seconds={seconds}" in link
    assert link != bucket.images.signed_url("inputs/g/0")


def test_kept_object_carries_its_facts_and_the_hash_that_s3_checks(s3: Any) -> None:
    s3.create_bucket(Bucket="easel-images")
    data = picture()
    sent: list[str] = []
    s3.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: sent.append(request.headers["x-amz-checksum-sha256"])
    )
    S3Images(s3, "easel-images").put("k", io.BytesIO(data), facts(data), "acme")
    head = s3.head_object(Bucket="easel-images", Key="k")
    assert head["ContentType"] == "image/png"
    mark = head["Metadata"].pop("owner")
    assert head["Metadata"] == {"sha256": facts(data).sha256, "width": "64", "height": "48"}
    assert mark == tenant_mark("acme") != tenant_mark("acme2")
    assert "acme" not in mark
    assert [base64.b64decode(one).hex() for one in map(as_text, sent)] == [facts(data).sha256]


def as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
