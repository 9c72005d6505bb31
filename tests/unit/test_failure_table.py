"""What each vendor's failures lead to: through its adapter, the real steps, the workflow's Retry and Catch.

One row a class, one cell a vendor; each cell tells how often the vendor is asked for the image, and the code
that the generation ends with.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from easel.errors import AnswerLostError, NotSentError
from easel.wire import HttpResponse
from tests.fakes.scene import Scene, said
from tests.fakes.workflow_machine import Make
from tests.unit.steps.vendor_words import (
    ASYNC,
    DASHSCOPE_TASK,
    INLINE,
    PIXELDOJO,
    SYNC,
    dashscope_task,
    mule_submitted,
    pixeldojo_job,
)

Answer = HttpResponse | Exception
HTML = b"<html>Bad Gateway</html>"


def mule(http: int, title: str = "no", code: int = 0) -> list[Answer]:
    """MuleRouter refuses."""
    return [said(http, {"status": http, "title": title, "detail": title, "error_code": code})]


def mule_task(code: int, title: str, detail: str = "no") -> list[Answer]:
    """MuleRouter takes the job, and its task fails."""
    error = {"code": code, "title": title, "detail": detail}
    failed = said(200, {"task_info": {"id": "t-1", "status": "failed", "error": error}})
    return [mule_submitted(), failed]


def pixel(http: int, code: str) -> list[Answer]:
    """PixelDojo refuses."""
    return [said(http, {"error": {"code": code, "message": "no"}})]


def pixel_job(error: str) -> list[Answer]:
    """PixelDojo takes the job, and it fails."""
    return [pixeldojo_job("pending"), pixeldojo_job("failed", error=error)]


def dash(http: int, code: str) -> list[Answer]:
    """DashScope refuses."""
    return [said(http, {"code": code, "message": "no", "request_id": "r"})]


def dash_task(code: str) -> list[Answer]:
    """DashScope takes the job, and its task fails."""
    return [dashscope_task("PENDING"), dashscope_task("FAILED", code=code, message="no")]


def aiml(http: int, message: str = "no") -> list[Answer]:
    """AI/ML API refuses."""
    return [said(http, {"statusCode": http, "message": message, "requestId": "r"})]


NSFW: list[Answer] = [
    said(200, {"images": [{"url": "https://cdn.aimlapi.com/a.png"}], "has_nsfw_concepts": [True], "seed": 1})
]
UNKNOWN_TASK: list[Answer] = [dashscope_task("PENDING"), *[dashscope_task("UNKNOWN")] * 200]
MISSING_TASK: list[Answer] = [mule_submitted(), *mule(404, "Not Found", 3000) * 200]

# class, vendor (MR, PD, DS, DA: DashScope asynchronous, AI), what it says, asks, the error's code
TABLE: list[tuple[str, str, list[Answer], int, str]] = [
    ("validation", "MR", mule(400), 1, "validation"),
    ("validation", "MR", mule(405), 1, "validation"),
    ("validation", "MR", mule(400, code=2002), 1, "validation"),
    ("validation", "PD", pixel(400, "invalid_request"), 1, "validation"),
    ("validation", "DS", dash(400, "InvalidParameter"), 1, "validation"),
    ("validation", "DS", dash(400, "BadRequest.TooLarge"), 1, "validation"),
    ("validation", "DA", dash_task("InvalidParameter.DataInspection"), 1, "validation"),
    ("validation", "AI", aiml(400), 1, "validation"),
    ("moderation", "MR", mule_task(3001, "Content Error", "prohibited prompt content"), 1, "moderation"),
    ("moderation", "MR", mule(451), 1, "moderation"),
    ("moderation", "PD", pixel_job("violates the content policy"), 1, "moderation"),
    ("moderation", "DS", dash(400, "DataInspectionFailed"), 1, "moderation"),
    ("moderation", "DS", dash(400, "IPInfringementSuspect"), 1, "moderation"),
    ("moderation", "DS", dash(400, "Prompt.Blocked"), 1, "moderation"),
    ("moderation", "DA", dash_task("DataInspectionFailed"), 1, "moderation"),
    ("moderation", "AI", NSFW, 1, "moderation"),
    ("auth", "MR", mule(401), 1, "auth"),
    ("auth", "MR", mule(403), 1, "auth"),
    ("auth", "MR", mule(401, code=1000), 1, "auth"),
    ("auth", "MR", mule(401, code=1001), 1, "auth"),
    ("auth", "PD", pixel(401, "unauthorized"), 1, "auth"),
    ("auth", "DS", dash(401, "InvalidApiKey"), 1, "auth"),
    ("auth", "DS", dash(403, "AccessDenied"), 1, "auth"),
    ("auth", "AI", aiml(401), 1, "auth"),
    ("auth", "AI", aiml(403, "forbidden"), 1, "auth"),
    ("billing", "MR", mule(402), 1, "billing"),
    ("billing", "MR", mule(400, code=1002), 1, "billing"),
    ("billing", "MR", mule(429, "Daily spend limit reached"), 1, "billing"),
    ("billing", "PD", pixel(402, "insufficient_credits"), 1, "billing"),
    ("billing", "PD", pixel(403, "insufficient_credits"), 1, "billing"),
    ("billing", "DS", dash(400, "Arrearage"), 1, "billing"),
    ("billing", "DS", dash(400, "PrepaidBillOverdue"), 1, "billing"),
    ("billing", "DS", dash(403, "AllocationQuota.FreeTierOnly"), 1, "billing"),
    ("billing", "DS", dash(400, "CommodityNotPurchased"), 1, "billing"),
    ("billing", "DS", dash(403, "AccessDenied.Unpurchased"), 1, "billing"),
    ("billing", "AI", aiml(403, "You have run out of credits"), 1, "billing"),
    ("rate limit", "MR", mule(429), 6, "rate_limit"),
    ("rate limit", "PD", pixel(429, "rate_limited"), 6, "rate_limit"),
    ("rate limit", "DS", dash(429, "Throttling.RateQuota"), 6, "rate_limit"),
    ("rate limit", "DA", dash(429, "Throttling"), 6, "rate_limit"),
    ("rate limit", "AI", aiml(429), 6, "rate_limit"),
    ("not found", "MR", mule(404), 1, "not_found"),
    ("not found", "MR", mule(404, code=2000), 1, "not_found"),
    ("not found", "MR", MISSING_TASK, 1, "not_found"),
    ("not found", "PD", pixel(404, "model_not_found"), 1, "not_found"),
    ("not found", "DS", dash(404, "ModelNotFound"), 1, "not_found"),
    ("not found", "DA", UNKNOWN_TASK, 1, "not_found"),
    ("not found", "AI", aiml(404), 1, "not_found"),
    ("transient", "MR", mule(500), 4, "transient"),
    ("transient", "MR", mule(503), 4, "transient"),
    ("transient", "MR", mule(423), 4, "transient"),
    # Whether a task that failed is billed is not documented: it is not bought again.
    ("transient", "MR", mule_task(3002, "Failed"), 1, "transient"),
    ("transient", "MR", mule_task(3005, "Failed"), 1, "transient"),
    ("transient", "MR", mule_task(4002, "Failed"), 1, "transient"),
    ("transient", "MR", mule_task(4008, "Failed"), 1, "transient"),
    ("transient", "PD", pixel(500, "internal_error"), 4, "transient"),
    ("transient", "DS", dash(408, "RequestTimeOut"), 4, "transient"),
    ("transient", "DS", dash(500, "InternalError"), 4, "transient"),
    ("transient", "DS", dash(503, "ModelUnavailable"), 4, "transient"),
    ("transient", "DA", dash_task("InternalError"), 4, "transient"),
    ("transient", "AI", aiml(500), 4, "transient"),
    ("transient", "AI", aiml(503), 4, "transient"),
]
REFUSED: list[Answer] = [NotSentError("refused")]
GATEWAYS: list[list[Answer]] = [[said(http, HTML)] for http in (502, 504, 500)]
LOST: list[list[Answer]] = [[AnswerLostError("time-out")], *GATEWAYS]
VENDORS = ("MR", "PD", "DS", "DA", "AI")
TABLE += [("transient", vendor, REFUSED, 4, "transient") for vendor in VENDORS]
TABLE += [("ambiguous submit", vendor, lost, 1, "submission_unknown") for vendor in VENDORS for lost in LOST]
FIELDS: dict[str, dict[str, Any]] = {
    "MR": ASYNC, "PD": PIXELDOJO, "DS": SYNC, "DA": DASHSCOPE_TASK, "AI": INLINE,
}  # fmt: skip


def cell(row: tuple[str, str, Sequence[Answer], int, str]) -> str:
    said = [type(one).__name__ if isinstance(one, Exception) else str(one.status) for one in row[2][:2]]
    return f"{row[0]}-{row[1]}-{'-'.join(said)}"


@pytest.mark.parametrize("row", TABLE, ids=cell)
def test_vendors_failure_ends_as_the_table_says(
    machine: Make, row: tuple[str, str, list[Answer], int, str]
) -> None:
    _, vendor, answers, asks, code = row
    scene = Scene(*answers * (asks + 3))
    made = scene.create(**FIELDS[vendor])
    ended = machine(scene).run(made)
    assert (ended.status, ended.error) == ("FAILED", "Easel.Failed")
    generation = scene.now(made)
    assert generation.error is not None
    assert generation.error.code == code
    assert len([one for one in scene.script.asked if one[0] == "POST"]) == asks == len(generation.attempts)
    assert generation.error.retryable == (code in ("rate_limit", "transient"))
    billable = [one for one in generation.attempts if not one.costs_nothing]
    if code == "submission_unknown":
        assert [one.possibly_billed for one in billable] == [generation.quoted]
    if asks > 1:
        assert billable == []


def test_every_class_has_a_cell_for_every_vendor() -> None:
    cells = {(row[0], row[1].replace("DA", "DS")) for row in TABLE}
    classes = {row[0] for row in TABLE}
    assert len(classes) == 8
    assert cells == {(kind, vendor) for kind in classes for vendor in ("MR", "PD", "DS", "AI")}
