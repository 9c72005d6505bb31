"""The wire samples under `tests/samples/<vendor>/`, one JSON file each."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easel.sandbox import WITH_SANDBOX
from easel.vendors.base import Adapter, PollAnswer, SubmitAnswer
from easel.wire import HttpResponse

SAMPLES = Path(__file__).parents[1] / "samples"

REQUEST_STAGES = frozenset({"submit_request_minimal", "submit_request_full", "status_request"})


@dataclass(frozen=True)
class Sample:
    """One request or response of a vendor, and what a correct adapter concludes from it (`expect`)."""

    id: str
    vendor: str
    content: dict[str, Any]

    @property
    def stage(self) -> str:
        """Where in a generation's way the sample stands."""
        return str(self.content["stage"])

    @property
    def request(self) -> dict[str, Any]:
        """Method, path, headers and, for a POST, body."""
        request: dict[str, Any] = self.content["request"]
        return request

    @property
    def expect(self) -> dict[str, Any]:
        """The conclusion, in the samples' own words."""
        expect: dict[str, Any] = self.content["expect"]
        return expect

    @property
    def body(self) -> Any:
        """The response's JSON body; None where the body is not JSON."""
        return self.content["response"].get("body")

    @property
    def response(self) -> HttpResponse:
        """The response as the transport hands it over."""
        response = self.content["response"]
        text = response["body_text"] if "body_text" in response else json.dumps(response["body"])
        return answer(response["status"], text.encode(), response["headers"])


def answer(status: int, body: object = b"", headers: dict[str, str] | None = None) -> HttpResponse:
    """A response with a JSON body, or with these bytes; header names in lower case."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {name.lower(): value for name, value in (headers or {}).items()}, data)


def load(vendor: str) -> tuple[Sample, ...]:
    """All samples of a vendor, by id."""
    return tuple(
        Sample(path.stem, vendor, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted((SAMPLES / vendor).glob("*.json"))
    )


def requests_of(vendor: str) -> tuple[Sample, ...]:
    """The samples that show what is sent."""
    return tuple(sample for sample in load(vendor) if sample.stage in REQUEST_STAGES)


def responses_of(vendor: str) -> tuple[Sample, ...]:
    """The samples that show what comes back."""
    return tuple(sample for sample in load(vendor) if sample.stage not in REQUEST_STAGES)


def module_name(adapter: Adapter) -> str:
    """The name of an adapter's file, which its folder of samples bears too."""
    return type(adapter).__module__.rpartition(".")[2]


def adapters() -> dict[str, Adapter]:
    """Every adapter that a deployment may offer, by the name of its file."""
    return {module_name(endpoint.adapter): endpoint.adapter for endpoint in WITH_SANDBOX.endpoints.values()}


def has_tasks(adapter: Adapter) -> bool:
    """Whether the vendor works in tasks, which are polled."""
    return type(adapter).build_poll is not Adapter.build_poll


def readings(adapter: Adapter, response: HttpResponse) -> tuple[SubmitAnswer | PollAnswer, ...]:
    """The response read as the answer to a submit and, where the vendor has tasks, to a poll."""
    submit: SubmitAnswer | PollAnswer = adapter.read_submit(response)
    return (submit, adapter.read_poll(response)) if has_tasks(adapter) else (submit,)
