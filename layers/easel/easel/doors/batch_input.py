"""Reading what is posted to make a batch: rows or a manifest's name in JSON, or a file of rows as it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from easel.domain.batch import Bounds
from easel.domain.batch_order import BatchOrder
from easel.domain.reading import read_as
from easel.domain.rows import BODY_FORMS, Form
from easel.doors.http_input import JSON_TYPE, header, json_body, query_of, switch, whole_body
from easel.errors import FieldProblem, InvalidRequestError, MalformedRequestError, UnsupportedMediaError
from easel.steps.batches import RowsFile, file_of
from easel.steps.intake import read_bounds

CHARSETS = ("utf-8", "utf8", "us-ascii")


@dataclass(frozen=True, slots=True)
class AskedBatch:
    """A batch that is asked for: a file of rows, or else a manifest's name; or only what it would come to."""

    file: RowsFile | None
    manifest: str | None
    bounds: Bounds
    dry_run: bool


def asked_batch(app: APIGatewayHttpResolver) -> AskedBatch:
    """What the body asks for. The query may name bounds and `dry_run`; a JSON body's own bounds come first.

    Raises MalformedRequestError, UnsupportedMediaError or InvalidRequestError.
    """
    query = query_of(app, *Bounds.model_fields, "dry_run")
    bounds = read_bounds({name: query[name] for name in Bounds.model_fields if name in query})
    dry_run = switch("dry_run", query.get("dry_run"))
    content_type = header(app, "content-type") or ""
    if JSON_TYPE.match(content_type):
        order = read_as(BatchOrder, json_object(json_body(app)))
        if (order.rows is None) == (order.manifest is None):
            problem = FieldProblem("rows", "is needed, or else manifest; not both")
            raise InvalidRequestError("A batch has rows or a manifest.", [problem])
        file = file_of(order.rows) if order.rows is not None else None
        return AskedBatch(file, order.manifest, bounds.having(**order.named), dry_run or order.dry_run)
    file = RowsFile(_form_of(content_type), whole_body(app))
    if not file.data:
        raise MalformedRequestError("The body is empty.")
    return AskedBatch(file, None, bounds, dry_run)


def json_object(body: str) -> Mapping[str, Any]:
    """The body as an object. Raises MalformedRequestError or InvalidRequestError."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequestError("The body is not JSON.") from error
    if not isinstance(given, dict):
        raise InvalidRequestError("The body is not an object.", [FieldProblem("body", "must be an object")])
    return given


def _form_of(content_type: str) -> Form:
    """The form of a file of this type. Raises UnsupportedMediaError, for another encoding than UTF-8, too."""
    head = Message()
    head["Content-Type"] = content_type
    form = BODY_FORMS.get(head.get_content_type())
    if form is None:
        files = ", ".join(BODY_FORMS)
        raise UnsupportedMediaError(f"Send JSON as application/json, or a file of rows as one of {files}.")
    if head.get_content_charset("utf-8") not in CHARSETS:
        raise UnsupportedMediaError("Send the file in UTF-8.")
    return form
