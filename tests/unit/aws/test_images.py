"""Image bytes in S3: what goes over the wire."""

import io

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from urllib3 import HTTPResponse

from easel.aws import clients
from easel.aws.images import S3Images
from easel.domain.generation import Image


def test_image_is_hashed_no_second_time_for_its_signature_which_covers_its_checksum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients.client.cache_clear()
    s3, sent = clients.client("s3"), list[AWSPreparedRequest]()
    clients.client.cache_clear()

    def kept(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), HTTPResponse(io.BytesIO(), preload_content=False))

    s3.meta.events.register("before-send.s3.PutObject", kept)
    image = Image(
        key="images/gen_1/0.png", content_type="image/png", width=1, height=1, bytes=3, sha256="ab" * 32
    )
    S3Images(s3, "images").put(image.key, io.BytesIO(b"abc"), image, "acme")
    (request,) = sent
    assert request.headers["X-Amz-Content-SHA256"] == b"UNSIGNED-PAYLOAD"
    assert request.headers["x-amz-checksum-sha256"]
    assert b"x-amz-checksum-sha256;" in request.headers["Authorization"]
