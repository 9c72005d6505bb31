"""Uploads of input images: what a caller announces, and where they lie."""

from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field, StrictInt

from easel.domain.input_images import INPUT_BYTES_MAX
from easel.domain.request import WHOLE, RequestModel

UploadType = Literal["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff"]


class UploadRequest(RequestModel):
    """What a caller is about to upload."""

    content_type: UploadType = Field(description="the image's media type")
    bytes: Annotated[StrictInt, Field(ge=1, le=INPUT_BYTES_MAX), WHOLE] = Field(
        description=f"its length in bytes, 1 to {INPUT_BYTES_MAX}; S3 takes no more than are announced"
    )


def upload_key(tenant: str, upload_id: str) -> str:
    """Where an upload lies: each tenant's apart, whatever its name holds."""
    return f"uploads/{quote(tenant, safe='')}/{upload_id}"
