"""The floor: the calls to AWS that some work makes, alone, by the same clients and with the same parameters.

With these clients nothing that we write can take less: beside a yardstick it tells what is left to win.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from botocore import xform_name

from easel.aws.clients import client

SERVICES = ("dynamodb", "stepfunctions", "s3", "events")
Answer = TypeVar("Answer")


def aws_calls_alone(work: Callable[[], Answer]) -> Callable[[], Answer]:
    """Makes the calls of this work again and again, and gives what the work gave."""
    work()  # fills the memories: what is read now and then is no part of each
    calls: list[tuple[str, str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        body = {"Body": params["Body"].read()} if "Body" in params else {}
        if body:
            params["Body"].seek(0)
        calls.append((model.service_model.service_name, xform_name(model.name), {**params, **body}))

    for service in SERVICES:
        client(service).meta.events.register("provide-client-params", note)
    answer = work()
    for service in SERVICES:
        client(service).meta.events.unregister("provide-client-params", note)

    def again() -> Answer:
        for service, operation, params in calls:
            getattr(client(service), operation)(**params)
        return answer

    return again
