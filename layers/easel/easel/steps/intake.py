"""Intake: what comes in without HTTP, as files in the inbox and as events on the bus, becomes generations."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from easel.domain.batch import Bounds, Source
from easel.domain.generation import Generation, Origin
from easel.domain.lines import DEPTH_MAX, depth_of, refusal
from easel.domain.reading import request_of
from easel.domain.request import GenerationRequest
from easel.domain.rows import NUMBER
from easel.domain.tenancy import Caller, checked_tenant
from easel.errors import (
    ConflictError,
    FieldProblem,
    ImageUnavailableError,
    InvalidRequestError,
    LimitReachedError,
    NotFoundError,
    RequestError,
)
from easel.ports import DeadLetters, EventBus, Inbox
from easel.steps.batches import Batcher
from easel.steps.create import Creator
from easel.view import problem_view

REQUESTS, EDITS = "requests/", "edits/"
EDIT_MODEL = "qwen-image-edit-max"
TEXTS = ("model", "prompt", "negative_prompt", "size", "output_format")  # whatever they look like
CORRELATION_MAX = 256
KEY_MAX = 1024  # characters of an idempotency key
EVENT_DEPTH_MAX = 100  # levels; where a request has the most that it may, its event has two more
HALVES = re.compile("[\ud800-\udfff]")  # of characters: no text can be written with one
WHOLE, AMOUNT = re.compile(r"[0-9]{1,9}"), re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Requests:
    """Makes generations of requests from inside the account, which may name a tenant."""

    creator: Creator
    default_tenant: str

    def create(self, detail: Any, key: str, execution: str | None = None) -> Generation:
        """The generation of a request from inside the account. Raises RequestError."""
        if not isinstance(detail, Mapping):
            what = "must be an object"
            raise InvalidRequestError(f"The request {what}.", [FieldProblem("request", what)])
        if depth_of(detail) > DEPTH_MAX:
            raise refusal("request", f"is nested more than {DEPTH_MAX} deep", DEPTH_MAX)
        fields = dict(detail)
        tenant = _tenant(fields, self.default_tenant)
        origin = Origin(execution=execution, correlation_id=_text(fields, "correlation_id", CORRELATION_MAX))
        return self.creator.create(Caller(tenant=tenant), request_of(fields), key, origin=origin)


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes requests from inside the account: those who may write there are trusted to name a tenant.

    `bus` and `dead_letters` give what is told of refusals, which are rare.
    """

    requests: Requests
    batcher: Batcher
    inbox: Inbox
    bus: Callable[[], EventBus]
    dead_letters: Callable[[], DeadLetters]

    def dropped(self, source: Source, event: Mapping[str, Any]) -> str | None:
        """A file that was put into the inbox; the id of what it became, None where it was refused.

        The file and its state make the identity: told twice, or put again as it was, it is the same.
        """
        if source.key.endswith("/"):
            return None  # a folder that the S3 console made
        try:
            if source.key.startswith(EDITS):
                return self._edit(source).id
            metadata = self.inbox.find(source.key).metadata
            tenant = checked_tenant(metadata.get("tenant", self.requests.default_tenant))
            caller = Caller(tenant=tenant)
            return self.batcher.from_object(caller, source, bounds_of(metadata), trusted=True).id
        except (ConflictError, LimitReachedError):
            # The same event is being taken by another process, or too many are at work: it comes again, and
            # after some minutes goes to the dead letters.
            raise
        except (RequestError, ImageUnavailableError) as error:
            self._refuse(error, None, event)
            return None

    def requested(self, detail: Mapping[str, Any], event_id: str, event: Mapping[str, Any]) -> str | None:
        """A request on the bus; the id of its generation, None where it was refused."""
        correlation = detail.get("correlation_id")
        try:
            return self.requests.create(detail, f"event:{event_id}").id
        except (ConflictError, LimitReachedError):
            raise
        except RequestError as error:
            self._refuse(error, correlation if isinstance(correlation, str) else None, event)
            return None

    def _edit(self, source: Source) -> Generation:
        found = self.inbox.find(source.key)
        if found.source.etag != source.etag:
            # The event of what lies there now tells of that.
            problem = FieldProblem("images", "was replaced before it was read")
            raise InvalidRequestError("The image was replaced before it was read.", [problem])
        fields: dict[str, Any] = {
            name.replace("-", "_"): _decoded(name, text) for name, text in found.metadata.items()
        }
        tenant = _tenant(fields, self.requests.default_tenant)
        origin = Origin(correlation_id=_text(fields, "correlation_id", CORRELATION_MAX))
        if "prompt" not in fields:
            what = "is missing in the object's metadata (x-amz-meta-prompt)"
            raise InvalidRequestError(f"prompt {what}.", [FieldProblem("prompt", what)])
        request = request_of({"model": EDIT_MODEL, **_typed(fields), "images": [self.inbox.uri(source.key)]})
        key = _short(f"s3:{source.etag}:{source.bucket}/{source.key}")
        return self.requests.creator.create(Caller(tenant=tenant), request, key, origin=origin)

    def _refuse(self, error: Exception, correlation: str | None, event: Mapping[str, Any]) -> None:
        """Say it on the bus, and keep the event with the reason: nothing that came in is lost."""
        known = error if isinstance(error, RequestError) else InvalidRequestError(str(error))
        problem = problem_view(known)
        # What is nested deeper can be written nowhere: of such an event its id is all that is kept.
        kept = dict(event) if depth_of(event) <= EVENT_DEPTH_MAX else {"id": event.get("id")}
        self.dead_letters().put({"reason": problem, "event": kept})
        detail = {"correlation_id": correlation, "error": problem, "event_id": event.get("id")}
        self.bus().publish("Image Generation Rejected", detail)


@dataclass(frozen=True, slots=True)
class Manifests:
    """Which files of the inbox a caller over HTTP may name as a manifest.

    The inbox belongs to the account: the default tenant may name any file, others those below
    `tenants/TENANT/`.
    """

    inbox: Inbox
    default_tenant: str

    def find(self, tenant: str, name: str) -> tuple[Source, bool]:
        """The file, and whether it may name input images of the inbox. Raises NotFoundError, alike for what
        does not exist and for what is somebody else's."""
        place = self.inbox.uri("" if tenant == self.default_tenant else f"tenants/{tenant}/")
        if not (name.startswith(place) and len(name) > len(place)):
            raise _no_manifest(f"must be a file below {place}")
        try:
            found = self.inbox.find(name.removeprefix(self.inbox.uri("")))
        except ImageUnavailableError as error:
            raise _no_manifest("is not there") from error
        return found.source, tenant == self.default_tenant


def _no_manifest(what: str) -> NotFoundError:
    return NotFoundError("There is no such manifest.", [FieldProblem("manifest", what)])


def bounds_of(metadata: Mapping[str, str]) -> Bounds:
    """A batch's bounds from an object's metadata. Raises InvalidRequestError naming what is wrong."""
    names = {name.replace("-", "_"): value for name, value in metadata.items()}
    return read_bounds({name: names[name] for name in Bounds.model_fields if name in names})


def read_bounds(values: Mapping[str, Any]) -> Bounds:
    """Checked bounds: numbers, or their text. Raises InvalidRequestError naming what is wrong."""
    given = {name: value for name, value in values.items() if value is not None}
    problems = []
    for name, least in (("max_concurrency", 1), ("tolerated_failures", 0)):
        text = str(given.get(name, least))
        if not WHOLE.fullmatch(text) or int(text) < least:
            problems.append(FieldProblem(name, f"must be a whole number from {least} on"))
    if "max_cost_usd" in given and not AMOUNT.fullmatch(str(given["max_cost_usd"])):
        problems.append(FieldProblem("max_cost_usd", 'must be dollars such as "12.50"'))
    if problems:
        raise InvalidRequestError("The batch's bounds are not valid.", problems)
    return Bounds.model_validate({name: str(value) for name, value in given.items()})


def _short(key: str) -> str:
    """The key itself, or one of bounded length that no other key has."""
    if len(key) <= KEY_MAX:
        return key
    return key[: KEY_MAX - 64] + hashlib.sha256(key.encode()).hexdigest()


def _tenant(fields: dict[str, Any], default: str) -> str:
    named = fields.pop("tenant", None)
    return default if named is None else checked_tenant(named)


def _text(fields: dict[str, Any], name: str, most: int) -> str | None:
    value = fields.pop(name, None)
    if value is not None and not (
        isinstance(value, str) and 0 < len(value) <= most and not HALVES.search(value)
    ):
        what = f"must be text of 1 to {most} characters"
        raise InvalidRequestError(f"{name} {what}.", [FieldProblem(name, what, limit=most)])
    return value


def _decoded(name: str, text: str) -> str:
    """S3 gives metadata that is not ASCII as RFC 2047 has it
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html).
    Raises InvalidRequestError."""
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError, HeaderParseError) as error:
        what = "is not text as RFC 2047 has it"
        raise InvalidRequestError(f"{name} {what}.", [FieldProblem(name, what)]) from error


def _typed(fields: Mapping[str, str]) -> dict[str, Any]:
    """Metadata is text: numbers and switches become what they are."""
    typed: dict[str, Any] = {}
    for name, text in fields.items():
        if name not in GenerationRequest.model_fields:
            continue  # the object's own metadata may say other things
        typed[name] = text if name in TEXTS else _value(text)
    return typed


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return json.loads(text) if NUMBER.fullmatch(text) else text
