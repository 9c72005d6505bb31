"""DashScope: its error codes, its words for a task, and DS-1 to DS-10, on which its documents disagree."""

from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.ask import Ask
from easel.domain.capabilities import fit
from easel.domain.failure import Failure
from easel.domain.request import GenerationRequest
from easel.vendors.base import Failed, Finished, LinkedImage, Missing, Pending
from easel.vendors.dashscope import DashScope
from tests.contract.wire_samples import answer, load

LINK = "https://dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com/7d/a.png?Expires=1&Signature=EXAMPLE"


def read(body: object, status: int = 200) -> tuple[object, object]:
    response = answer(status, body)
    return DashScope().read_submit(response), DashScope().read_poll(response)


def flat_error(code: object, message: str | None, status: int) -> Failure:
    body = {"request_id": "r-1", "code": code, "message": message}
    submit, poll = read(body, status)
    assert isinstance(submit, Failed)
    assert submit == poll
    return submit.failure


CODES = [
    (400, "InvalidParameter", "num_images_per_prompt must be 1", "validation"),
    (400, "InvalidParameter", "messages length only support 1", "validation"),
    (400, "InvalidParameter", "No messages found in input", "validation"),
    (400, "InvalidParameter", "lack of image or text", "validation"),
    (400, "InvalidParameter", "content length only support 2", "validation"),
    (400, "InvalidParameter", "download image failed", "validation"),
    (400, "InvalidParameter", "Invalid image format or corrupted file", "validation"),
    (400, "InvalidParameter", "Model not exist.", "validation"),  # DS-6
    (400, "InvalidParameter", "Required body invalid, please check the request body format.", "validation"),
    (400, "InvalidParameter", "Request method 'GET' is not supported.", "validation"),
    (400, "InvalidParameter", "url error, please check url\uff01", "validation"),
    (400, "InvalidParameter.DataInspection", "Unable to download the media resource", "validation"),
    (400, "DataInspectionFailed", "Input data may contain inappropriate content.", "moderation"),
    (400, "DataInspectionFailed", "Output data may contain inappropriate content.", "moderation"),
    (400, "IPInfringementSuspect", "Input data is suspected of IP infringement.", "moderation"),
    (400, "CustomRoleBlocked", None, "moderation"),
    (400, "FaqRuleBlocked", None, "moderation"),
    (400, "BadRequest.EmptyInput", "Required input parameter missing from request.", "validation"),
    (400, "BadRequest.EmptyModel", 'Required parameter "model" missing from request.', "validation"),
    (400, "BadRequest.EmptyParameters", None, "validation"),
    (400, "BadRequest.IllegalInput", "The input parameter requires json format.", "validation"),
    (400, "BadRequest.TooLarge", "Payload Too Large.", "validation"),
    (413, "BadRequest.TooLarge", "Payload Too Large.", "validation"),
    (400, "BadRequest.InputDownloadFailed", None, "validation"),
    (415, "BadRequest.InputDownloadFailed", None, "validation"),
    (400, "BadRequest.UnsupportedFileFormat", None, "validation"),
    (400, "InvalidURL", None, "validation"),
    (400, "InvalidURL.ConnectionRefused", None, "validation"),
    (400, "InvalidURL.Timeout", None, "validation"),
    (400, "InvalidImage.FileFormat", None, "validation"),
    (400, "InvalidImageResolution", None, "validation"),
    (400, "InvalidImageFormat", None, "validation"),
    (400, "UnsupportedOperation", None, "validation"),
    (400, "Arrearage", "Access denied, please make sure your account is in good standing.", "billing"),
    (401, "InvalidApiKey", "Invalid API-key provided.", "auth"),
    (401, "InvalidApiKey", "No API-key provided.", "auth"),
    (403, "AccessDenied", "current user api does not support asynchronous calls", "config"),
    (403, "AccessDenied", "current user api does not support synchronous calls", "config"),
    (403, "AccessDenied", "Access denied.", "auth"),
    (403, "AccessDenied.Unpurchased", None, "billing"),
    (403, "Model.AccessDenied", None, "auth"),
    (403, "Workspace.AccessDenied", None, "auth"),
    (403, "AllocationQuota.FreeTierOnly", None, "billing"),
    (404, "ModelNotFound", "Model can not be found.", "not_found"),  # DS-6
    (404, "WorkSpaceNotFound", None, "not_found"),
    (404, "NotFound", "Not found!", "not_found"),
    (408, "RequestTimeOut", "Request timed out, please try again later.", "transient"),
    (500, "RequestTimeOut", "Request timed out, please try again later.", "transient"),
    (429, "Throttling", "Requests throttling triggered.", "rate_limit"),
    (429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.", "rate_limit"),
    (429, "Throttling.BurstRate", "Request rate increased too quickly.", "rate_limit"),
    (
        429,
        "Throttling.AllocationQuota",
        "Allocated quota exceeded, please increase your limit.",
        "rate_limit",
    ),
    (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", "billing"),
    (429, "CommodityNotPurchased", None, "billing"),
    (429, "PrepaidBillOverdue", None, "billing"),
    (429, "PostpaidBillOverdue", "The postpaid bill is overdue.", "billing"),
    (500, "InternalError", None, "transient"),
    (500, "InternalError.Algo", None, "transient"),
    (500, "InternalError.Timeout", None, "transient"),
    (500, "InternalError.Upload", None, "transient"),
    (500, "InternalError.FileUpload", None, "transient"),
    (500, "SystemError", None, "transient"),
    (500, "ModelServiceFailed", None, "transient"),
    (500, "RewriteFailed", None, "transient"),
    (503, "ModelUnavailable", "Model is unavailable, please try again later.", "transient"),
    (503, "ModelServingError", None, "transient"),
    # Wrapped codes, lower-case twins and members of a family that no table lists.
    (500, "InternalError.Algo.DataInspectionFailed", None, "moderation"),
    (500, "InternalError.Algo.InvalidParameter", None, "validation"),
    (400, "data_inspection_failed", None, "moderation"),
    (429, "limit_requests", None, "rate_limit"),
    (429, "insufficient_quota", "You exceeded your current quota.", "rate_limit"),
    (401, "invalid_api_key", None, "auth"),
    (400, "Throttling.SomethingNew", None, "rate_limit"),
    (400, "SomeNewRuleBlocked", None, "moderation"),
    (429, "SomeNewBillOverdue", None, "billing"),
]


@pytest.mark.parametrize(("status", "code", "message", "failure_class"), CODES)
def test_ds5_error_is_classed_by_its_code(
    status: int, code: str, message: str | None, failure_class: str
) -> None:
    failure = flat_error(code, message, status)
    assert failure.failure_class == failure_class
    assert failure.retryable is (failure_class in {"transient", "rate_limit"})
    assert (failure.code, failure.message) == (code, message)
    assert (failure.http_status, failure.request_id, failure.vendor_body) == (status, "r-1", True)


@pytest.mark.parametrize(("status", "code", "message", "failure_class"), CODES)
def test_ds5_class_does_not_hang_on_the_http_status(
    status: int, code: str, message: str | None, failure_class: str
) -> None:
    for other in (200, 400, 403, 429, 500):
        assert flat_error(code, message, other).failure_class == failure_class
    output = {"task_id": "t-1", "task_status": "FAILED", "code": code, "message": message}
    for failed in read({"request_id": "r-1", "output": output}):
        assert isinstance(failed, Failed)
        assert (failed.failure.failure_class, failed.failure.code) == (failure_class, code)
        assert (failed.task_id, failed.failure.request_id) == ("t-1", "r-1")


@pytest.mark.parametrize(
    ("status", "failure_class"),
    [
        (400, "validation"),
        (401, "auth"),
        (403, "auth"),
        (404, "not_found"),
        (429, "rate_limit"),
        (503, "transient"),
    ],
)
def test_unknown_code_is_classed_by_status(status: int, failure_class: str) -> None:
    assert flat_error("BrandNewCode", "words", status).failure_class == failure_class


def test_retry_after_is_kept_where_a_gateway_sends_it() -> None:
    response = answer(429, {"code": "Throttling", "message": "x"}, {"Retry-After": "7"})
    failed = DashScope().read_submit(response)
    assert isinstance(failed, Failed)
    assert failed.failure.retry_after_seconds == 7


def test_unknown_code_under_200_is_not_repeated() -> None:
    assert flat_error("BrandNewCode", "words", 200).failure_class == "vendor_contract"


def test_error_code_under_200_wins_over_images_beside_it() -> None:
    body = {**completed([{"image": LINK}]), "code": "DataInspectionFailed"}
    for failed in read(body):
        assert isinstance(failed, Failed)
        assert failed.failure.failure_class == "moderation"


def completed(*contents: list[dict[str, str]]) -> dict[str, Any]:
    choices = [{"message": {"role": "assistant", "content": content}} for content in contents]
    return {"output": {"choices": choices}, "request_id": "r-1"}


def task(status: str | None, **more: object) -> dict[str, Any]:
    return {"output": {"task_id": "t-1", "task_status": status, **more}, "request_id": "r-1"}


@pytest.mark.parametrize("word", ["PENDING", "RUNNING"])
def test_word_of_progress_is_pending(word: str) -> None:
    for pending in read(task(word)):
        assert pending == Pending("t-1", word, request_id="r-1")


@pytest.mark.parametrize("word", ["SUSPENDED", "succeeded", "THROTTLED"])
def test_unknown_word_is_polled_on_even_beside_images(word: str) -> None:
    for pending in read(task(word, results=[{"url": LINK}])):
        assert pending == Pending("t-1", word, known=False, request_id="r-1")


@pytest.mark.parametrize("more", [{}, {"code": "InternalError", "message": "words"}])
def test_canceled_task_is_canceled(more: dict[str, str]) -> None:
    for failed in read(task("CANCELED", **more)):
        assert isinstance(failed, Failed)
        assert failed.failure.failure_class == "canceled"


def test_failed_task_without_a_code_is_not_repeated() -> None:
    for failed in read(task("FAILED")):
        assert isinstance(failed, Failed)
        assert failed.failure.failure_class == "vendor_contract"


def test_ds1_every_result_host_is_on_the_list_of_both_regions() -> None:
    mainland = (
        *("bj.oss-cn-beijing", "hz.oss-cn-hangzhou", "sh.oss-cn-shanghai", "wlcb.oss-cn-wulanchabu"),
        *("zjk.oss-cn-zhangjiakou", "sz.oss-cn-shenzhen", "hy.oss-cn-heyuan", "cd.oss-cn-chengdu"),
        *("gz.oss-cn-guangzhou", "wlcb-acdr-1.oss-cn-wulanchabu-acdr-1"),
    )
    international = ("sgp.oss-ap-southeast-1", "intl.oss-cn-singapore")
    hosts = {f"dashscope-result-{name}.aliyuncs.com" for name in (*mainland, *international)}
    for endpoint in ("dashscope-intl", "dashscope-cn"):
        assert set(CATALOGUE.endpoints[endpoint].result_hosts) == hosts


def test_ds2_what_will_be_cut_is_counted_in_code_points_and_reported() -> None:
    capabilities = CATALOGUE.routes["dashscope-intl/qwen-image-max"].capabilities
    request = GenerationRequest(
        model="qwen-image-max", prompt="\U0001f3e0" * 801, negative_prompt="\u5c71" * 501
    )
    fitted = fit(request, capabilities, "qwen-image-max")
    assert fitted.report.truncated == {
        "prompt": {"from": 801, "to": 800},
        "negative_prompt": {"from": 501, "to": 500},
    }
    assert len(fitted.ask.prompt) == 800


def test_ds3_negative_prompt_lies_under_input_where_asynchronous_else_under_parameters() -> None:
    asynchronous = DashScope().build_submit(Ask("qwen-image", "x", negative_prompt="blur")).body
    assert asynchronous == {"model": "qwen-image", "input": {"prompt": "x", "negative_prompt": "blur"}}
    synchronous = DashScope().build_submit(Ask("qwen-image-max", "x", negative_prompt="blur")).body or {}
    assert synchronous["parameters"] == {"negative_prompt": "blur"}
    assert "negative_prompt" not in synchronous["input"]


def test_ds4_metrics_and_usage_change_nothing() -> None:
    bare = completed([{"image": LINK}])
    metrics = {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
    rich = {
        "output": {**bare["output"], "task_metric": metrics},
        "usage": {"image_count": 1, "width": 1664, "height": 928},
        "request_id": "r-1",
    }
    assert read(bare) == read(rich)
    assert read({**bare, "usage": None}) == read(bare)


def test_ds7_link_is_returned_as_it_came() -> None:
    plain = LINK.replace("https", "http")
    finished, _ = read(completed([{"image": plain}]))
    assert isinstance(finished, Finished)
    assert finished.images == (LinkedImage(plain),)


def test_ds8_unknown_is_missing_at_a_poll_and_pending_after_a_submit() -> None:
    submit, poll = read(task("UNKNOWN"))
    assert poll == Missing("UNKNOWN", "r-1")
    assert submit == Pending("t-1", "UNKNOWN", request_id="r-1")
    without_id, _ = read({"output": {"task_status": "UNKNOWN"}})
    assert isinstance(without_id, Failed)


@pytest.mark.parametrize("code", ["", None, "  "])
def test_ds9_empty_code_is_no_error(code: str | None) -> None:
    for finished in read({**completed([{"image": LINK}]), "code": code, "message": ""}):
        assert isinstance(finished, Finished)
    for pending in read({**task("PENDING", code=code), "code": code}):
        assert isinstance(pending, Pending)


@pytest.mark.parametrize(
    "contents",
    [
        [[{"image": LINK + "&1"}, {"image": LINK + "&2"}]],
        [[{"image": LINK + "&1"}], [{"image": LINK + "&2"}]],
        [[{"text": "words"}, {"image": LINK + "&1", "type": "image"}], [], [{"image": LINK + "&2"}]],
    ],
)
def test_ds10_choices_and_parts_are_flattened_in_order(contents: list[list[dict[str, str]]]) -> None:
    for finished in read(completed(*contents)):
        assert finished == Finished((LinkedImage(LINK + "&1"), LinkedImage(LINK + "&2")), request_id="r-1")


def test_both_shapes_are_read_at_submit_and_at_poll() -> None:
    for body in (
        task("SUCCEEDED", results=[{"url": LINK}]),
        task("SUCCEEDED", **completed([{"image": LINK}])["output"]),
    ):
        for finished in read(body):
            assert finished == Finished((LinkedImage(LINK),), task_id="t-1", request_id="r-1")


def test_partial_success_keeps_what_is_there_and_counts_what_moderation_withheld() -> None:
    errors = [{"code": "InternalError.Timeout", "message": "timeout"}, {"code": "DataInspectionFailed"}]
    for finished in read(task("SUCCEEDED", results=[{"url": LINK}, *errors])):
        assert isinstance(finished, Finished)
        assert (len(finished.images), finished.filtered) == (1, 1)


@pytest.mark.parametrize(
    ("code", "failure_class"),
    [("DataInspectionFailed", "moderation"), ("InternalError.Timeout", "transient")],
)
def test_success_of_nothing_but_errors_fails_for_the_first_of_them(code: str, failure_class: str) -> None:
    for failed in read(task("SUCCEEDED", results=[{"code": code, "message": "words"}])):
        assert isinstance(failed, Failed)
        assert failed.failure.failure_class == failure_class
        assert (failed.failure.code, failed.failure.message, failed.task_id) == (code, "words", "t-1")


@pytest.mark.parametrize("results", [[], None, [None], [{}], [{"url": ""}], "x"], ids=repr)
def test_success_without_a_usable_image_is_a_breach_of_contract(results: object) -> None:
    for failed in read(task("SUCCEEDED", results=results)):
        assert isinstance(failed, Failed)
        assert (failed.failure.failure_class, failed.failure.http_status) == ("vendor_contract", 200)


def test_rewritten_prompt_is_kept_where_the_vendor_tells_it() -> None:
    by_id = {sample.id: sample for sample in load("dashscope")}
    told = DashScope().read_poll(by_id["ds.plus.completed"].response)
    silent = DashScope().read_poll(by_id["ds.plus.completed.noextend"].response)
    assert isinstance(told, Finished)
    assert isinstance(silent, Finished)
    assert told.actual_prompt == by_id["ds.plus.completed"].body["output"]["results"][0]["actual_prompt"]
    assert silent.actual_prompt is None


def test_task_id_without_a_status_word_is_polled_on() -> None:
    for pending in read(task(None)):
        assert pending == Pending("t-1", "", known=False, request_id="r-1")
