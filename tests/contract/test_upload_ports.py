"""What every store of uploads must do: the double in memory, and S3 as moto plays it."""

import base64
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from easel.aws.uploads import S3Uploads
from easel.errors import ImageInvalidError, ImageUnavailableError
from easel.ports import Uploads
from tests.fakes.memory_uploads import MemoryUploads

NUMBERS = itertools.count()
KEY = "uploads/shop/upl_01JD4ZTHR7A1B2C3D4E5F6G7H8"


@dataclass
class Place:
    """A store of uploads, and what a caller does with it."""

    uploads: Uploads
    put: Callable[[str, bytes], object]


@pytest.fixture(params=["memory", "s3"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "memory":
        memory = MemoryUploads()
        return Place(memory, lambda key, data: memory.put({"key": key}, data))
    client = request.getfixturevalue("s3")
    name = f"easel-uploads-{next(NUMBERS)}"
    client.create_bucket(Bucket=name)
    return Place(
        S3Uploads(client, name), lambda key, data: client.put_object(Bucket=name, Key=key, Body=data)
    )


def test_form_names_key_and_type_and_is_signed(place: Place) -> None:
    form = place.uploads.form(KEY, "image/png", 1000, 900)
    assert form.url.startswith("https://")
    assert (form.fields["key"], form.fields["Content-Type"]) == (KEY, "image/png")
    assert form.fields["x-amz-signature"]
    assert "signature" not in repr(form)


def test_what_was_put_is_read_whole(place: Place) -> None:
    place.put(KEY, b"x" * 200_000)
    assert place.uploads.read(KEY, 200_000) == b"x" * 200_000


def test_more_than_is_taken_is_not_read(place: Place) -> None:
    place.put(KEY, b"x" * 1001)
    with pytest.raises(ImageInvalidError, match="has 1001 bytes, at most 1000 are taken"):
        place.uploads.read(KEY, 1000)


def test_key_without_an_upload_is_an_unavailable_image(place: Place) -> None:
    with pytest.raises(ImageUnavailableError):
        place.uploads.read("uploads/shop/nothing", 1000)


def test_policy_pins_key_type_and_length_and_ends(s3: Any) -> None:
    before = datetime.now(UTC)
    fields = S3Uploads(s3, "easel-images").form(KEY, "image/png", 1000, 900).fields
    policy = json.loads(base64.b64decode(fields["policy"]))
    conditions = policy["conditions"]
    for pinned in ({"bucket": "easel-images"}, {"key": KEY}, {"Content-Type": "image/png"}):
        assert pinned in conditions
    assert ["content-length-range", 1, 1000] in conditions
    assert not [one for one in conditions if isinstance(one, list) and one[0] == "starts-with"]
    ends = datetime.fromisoformat(policy["expiration"].replace("Z", "+00:00"))
    assert timedelta(seconds=898) < ends - before < timedelta(seconds=905)


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
def test_refusal_to_who_may_not_list_is_an_unavailable_image(s3: Any, code: str) -> None:
    with Stubber(s3) as stubbed:
        stubbed.add_client_error("get_object", code, http_status_code=403)
        with pytest.raises(ImageUnavailableError):
            S3Uploads(s3, "easel-images").read(KEY, 1000)


def test_s3_out_of_order_is_not_the_callers_fault(s3: Any) -> None:
    with Stubber(s3) as stubbed:
        stubbed.add_client_error("get_object", "InternalError", http_status_code=500)
        with pytest.raises(ClientError):
            S3Uploads(s3, "easel-images").read(KEY, 1000)
