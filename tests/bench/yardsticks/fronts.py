"""The HTTP API's front doors: the vendors' paths and bodies, answered from the same table."""

from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel

from tests.bench.yardsticks import bodies

fronts = Router()  # type: ignore[no-untyped-call]
DASHSCOPE, TASKS = "/api/v1/services/aigc", "/api/v1/tasks"


def _taken(body: BaseModel) -> dict[str, Any]:
    return {"id": "1", "status": "queued", "request": body.model_dump(mode="json")}


def _task(task_id: str) -> dict[str, Any]:
    return {"id": task_id, "status": "queued"}


@fronts.post(f"/dashscope{DASHSCOPE}/multimodal-generation/generation")
def dashscope_call(body: bodies.DashScopeCall) -> dict[str, Any]:
    """A synchronous call."""
    return _taken(body)


@fronts.post(f"/dashscope{DASHSCOPE}/text2image/image-synthesis")
def dashscope_submit(body: bodies.DashScopeTask) -> dict[str, Any]:
    """A task."""
    return _taken(body)


@fronts.get(f"/dashscope{TASKS}")
def dashscope_tasks() -> dict[str, Any]:
    """The tasks."""
    return {"data": []}


@fronts.get(f"/dashscope{TASKS}/<task_id>")
def dashscope_task(task_id: str) -> dict[str, Any]:
    """How a task stands."""
    return _task(task_id)


@fronts.post(f"/dashscope{TASKS}/<task_id>/cancel")
def dashscope_cancel(task_id: str) -> dict[str, Any]:
    """A canceled task."""
    return _task(task_id)


@fronts.post("/mulerouter/vendors/alibaba/v1/<model>/generation")
def mulerouter_submit(model: str, body: bodies.MuleRouterBody) -> dict[str, Any]:
    """A task."""
    return {"model": model, **_taken(body)}


@fronts.get("/mulerouter/vendors/alibaba/v1/<model>/generation/<task_id>")
def mulerouter_task(model: str, task_id: str) -> dict[str, Any]:
    """How a task stands."""
    return {"model": model, **_task(task_id)}


@fronts.post("/pixeldojo/api/v1/models/<model>/run")
def pixeldojo_submit(model: str, body: bodies.PixelDojoBody) -> dict[str, Any]:
    """A job."""
    return {"model": model, **_taken(body)}


@fronts.get("/pixeldojo/api/v1/jobs/<job_id>")
def pixeldojo_job(job_id: str) -> dict[str, Any]:
    """How a job stands."""
    return _task(job_id)


@fronts.get("/pixeldojo/api/v1/models")
def pixeldojo_models() -> dict[str, Any]:
    """The models."""
    return {"data": []}


@fronts.post("/aimlapi/v1/images/generations")
def aimlapi_call(body: bodies.AimlApiBody) -> dict[str, Any]:
    """An image."""
    return _taken(body)


@fronts.post("/openai/v1/images/generations")
def openai_call(body: bodies.OpenAiBody) -> dict[str, Any]:
    """An image."""
    return _taken(body)


@fronts.get("/openai/v1/models")
def openai_models() -> dict[str, Any]:
    """The models."""
    return {"data": []}


@fronts.get("/openai/v1/models/<model>")
def openai_model(model: str) -> dict[str, Any]:
    """One of the models."""
    return {"id": model}
