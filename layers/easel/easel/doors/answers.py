"""Answers in JSON, as every front door gives them."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aws_lambda_powertools.event_handler import Response

from easel.domain.generation import Generation
from easel.errors import FieldProblem, InvalidRequestError

Headers = Mapping[str, str | list[str]]
NO_HEADERS: Headers = MappingProxyType({})
# Of images in one answer: as base64 they are a third longer, and Lambda answers with 6 MB at most
# (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
INLINE_BYTES_MAX = 4_400_000


def json_answer(status: int, body: Mapping[str, Any], headers: Headers = NO_HEADERS) -> Response[str]:
    """An answer that is nobody else's and true for a moment."""
    text = json.dumps(body, ensure_ascii=False)
    return Response(status, "application/json", text, headers={"Cache-Control": "no-store", **headers})


def check_inline(generation: Generation, field: str) -> None:
    """Whether the images fit into an answer as base64. Raises InvalidRequestError that names the field by
    which they were asked for so; they are kept in any case."""
    length = sum(image.bytes for image in generation.images)
    if length > INLINE_BYTES_MAX:
        message = (
            f"the images have {length} bytes, an answer takes {INLINE_BYTES_MAX} of them; "
            f"they are kept: GET /v1/generations/{generation.id} has their links"
        )
        raise InvalidRequestError("The images are too long.", [FieldProblem(field, message)])
