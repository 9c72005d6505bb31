"""What vendors say, as far as the steps' tests need it."""

import base64
from typing import Any

from easel.wire import HttpResponse
from tests.fakes.scene import said

LINK = "https://mule-router-assets.muleusercontent.com/public/result_00.png?secret=PLANTED-LINK"
DASHSCOPE_LINK = "https://dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com/a.png?Signature=PLANTED-LINK"
ASYNC = {"model": "qwen-image-max", "route": "mulerouter/qwen-image-max"}
SYNC = {"model": "qwen-image-max", "route": "dashscope-intl/qwen-image-max"}
INLINE = {"model": "qwen-image", "route": "aimlapi/qwen-image"}
PIXELDOJO = {"model": "qwen-image-max", "route": "pixeldojo/qwen-image-max"}
DASHSCOPE_TASK = {"model": "qwen-image-plus", "route": "dashscope-intl/qwen-image-plus"}


def mule_task(status: str, http: int = 200, **more: Any) -> HttpResponse:
    """MuleRouter on its task t-1."""
    return said(http, {"task_info": {"id": "t-1", "status": status}, **more})


def mule_submitted() -> HttpResponse:
    """MuleRouter took the job."""
    return mule_task("processing", 202)


def mule_completed(*links: str) -> HttpResponse:
    """MuleRouter delivered."""
    return mule_task("completed", images=list(links or (LINK,)))


def mule_failed(detail: str = "could not draw") -> HttpResponse:
    """MuleRouter gave up on the task."""
    error = {"code": 3002, "title": "Failed", "detail": detail}
    return said(200, {"task_info": {"id": "t-1", "status": "failed", "error": error}})


def mule_error(http: int, title: str = "no", **headers: str) -> HttpResponse:
    """MuleRouter's problem document."""
    return said(http, {"status": http, "title": title, "detail": title, "error_code": 0}, **headers)


def mule_missing() -> HttpResponse:
    """MuleRouter does not know the task."""
    return mule_error(404, "Not Found")


def dashscope_finished() -> HttpResponse:
    """DashScope's synchronous answer with a link."""
    content = [{"image": DASHSCOPE_LINK}]
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    return said(200, {"output": {"choices": [choice]}, "request_id": "r-1"})


def dashscope_task(status: str, **output: Any) -> HttpResponse:
    """DashScope on its task d-1."""
    return said(200, {"output": {"task_id": "d-1", "task_status": status, **output}, "request_id": "r-2"})


def aiml_inline(*pictures: bytes) -> HttpResponse:
    """AI/ML API's answer with the pictures inside it."""
    data = [{"url": None, "b64_json": base64.b64encode(one).decode()} for one in pictures]
    return said(200, {"created": 1, "data": data, "meta": {"usage": {"credits_used": 91000}}})


def pixeldojo_job(status: str, **more: Any) -> HttpResponse:
    """PixelDojo on its job job_1."""
    return said(200, {"jobId": "job_1", "status": status, **more})
