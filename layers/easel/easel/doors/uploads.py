"""The HTTP API's call on uploads."""

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.domain.reading import parse_as
from easel.domain.tenancy import Scope
from easel.domain.uploads import UploadRequest
from easel.doors.answers import json_answer
from easel.doors.http_input import caller_of, json_body
from easel.plain import time_view
from easel.steps.gate import Gate
from easel.steps.uploads import Uploader


def add_uploads(app: APIGatewayHttpResolver, gate: Gate, uploader: Uploader) -> None:
    """The call on uploads."""

    @app.post("/v1/uploads")
    def offer() -> Response[str]:
        caller = caller_of(app, gate, Scope.GENERATE)
        upload = uploader.offer(caller, parse_as(UploadRequest, json_body(app)))
        view = {
            "id": upload.id,
            "url": upload.form.url,
            "fields": dict(upload.form.fields),
            "expires_at": time_view(upload.expires_at),
        }
        return json_answer(201, view)
