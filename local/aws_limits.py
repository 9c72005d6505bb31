"""AWS's limits that the emulator does not have, put around its own functions.

| what | most | AWS's answer to more | source (read in 2026) |
| --- | --- | --- | --- |
| event of a Lambda, synchronous | 6 MB | 413 RequestEntityTooLargeException | API_Invoke, GitHub below (1) |
| the same, asynchronous | 1 MB (256 KB until 2025) | the same | API_Invoke, GitHub below (2) |
| entries of one PutEvents | 1 MB (256 KB until 2026) | 400 ValidationException | AWS's blog (3), GitHub (4) |
| what goes into a state or task, or out | 256 KB | States.DataLimitExceeded | (5), words: GitHub (6) |

API_Invoke: https://docs.aws.amazon.com/lambda/latest/dg/API_Invoke.html
(1) https://github.com/pelmers/streetwarp-web/issues/14 (2) https://github.com/ASFHyP3/hyp3/issues/2241
(3) https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb
(4) https://github.com/awslabs/aws-service-catalog-puppet/issues/563; what counts as an entry's size:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html (which still says 256 KB)
(5) https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html; the number:
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StateEnteredEventDetails.html
(6) https://github.com/awslabs/aws-securityhub-multiaccount-scripts/issues/63

Items of 400 KB are the emulator's own limit; 10 MB and 30 s are the gateway's (gateway.py), the 6 MB of an
answer, time-outs, memory and files an execution environment's (execution_environment.py).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

MEGABYTE = 1024 * 1024
EVENT_BYTES_MAX = 6 * MEGABYTE
ASYNCHRONOUS_EVENT_BYTES_MAX = MEGABYTE
ENTRIES_BYTES_MAX = MEGABYTE
STATE_BYTES_MAX = 256 * 1024
TIME_BYTES = 14  # what an entry's time counts
STATES = ("choice", "map", "parallel", "pass", "task", "wait")
TOO_LARGE = "States.DataLimitExceeded"
# Catch and Retry get them by their own names only, not by States.ALL (source 5), nor by States.TaskFailed.
TERMINAL = frozenset((TOO_LARGE, "States.Runtime"))


def keep_aws_limits() -> None:
    """Replace the emulator's functions by ones within the limits."""
    _limit_events_of_functions()
    _limit_entries_of_events()
    _limit_executions()


def replace(module: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put what `make` makes of a function in its place; end the emulator where there is none."""
    if not callable(getattr(module, name, None)):
        raise SystemExit(f"easel: this emulator has no {name} to replace")
    setattr(module, name, make(getattr(module, name)))


def json_bytes(value: Any) -> int:
    """How long a value is as JSON in UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode(errors="surrogatepass"))


def event_fault(body: bytes, *, asynchronous: bool) -> str | None:
    """Return what Lambda says to an event that is too large, None to others."""
    if asynchronous and len(body) > ASYNCHRONOUS_EVENT_BYTES_MAX:
        most = f"(limit {ASYNCHRONOUS_EVENT_BYTES_MAX} bytes)"
        return f"{len(body)} byte payload is too large for the Event invocation type {most}"
    if len(body) > EVENT_BYTES_MAX:
        return f"Request must be smaller than {EVENT_BYTES_MAX} bytes for the InvokeFunction operation"
    return None


def entry_bytes(entry: Mapping[str, Any]) -> int:
    """Return the size of an entry as EventBridge counts it."""
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *entry.get("Resources", [])]
    size = sum(len(text.encode(errors="surrogatepass")) for text in texts if isinstance(text, str))
    return size + (TIME_BYTES if entry.get("Time") is not None else 0)


def _limit_events_of_functions() -> None:
    from ministack.core.responses import error_response_json
    from ministack.services import lambda_svc

    def limited(handle: Any) -> Any:
        async def handle_request(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
        ) -> Any:
            if method == "POST" and path.endswith("/invocations"):
                asynchronous = headers.get("x-amz-invocation-type") == "Event"
                fault = event_fault(body, asynchronous=asynchronous)
                if fault:
                    return error_response_json("RequestEntityTooLargeException", fault, 413)
            return await handle(method, path, headers, body, query)

        return handle_request

    replace(lambda_svc, "handle_request", limited)


def _limit_entries_of_events() -> None:
    from ministack.core.responses import error_response_json
    from ministack.services import eventbridge

    def limited(put: Any) -> Any:
        def put_events(data: dict[str, Any], *more: Any, **named: Any) -> Any:
            if sum(map(entry_bytes, data.get("Entries", []))) >= ENTRIES_BYTES_MAX:
                message = "Total size of the entries in the request is over the limit."
                return error_response_json("ValidationException", message, 400)
            return put(data, *more, **named)

        return put_events

    replace(eventbridge, "_put_events", limited)


def _limit_executions() -> None:
    from ministack.services import stepfunctions

    for name in ("_start_execution", "_start_sync_execution"):
        replace(stepfunctions, name, _limited_start)
    replace(stepfunctions, "_invoke_resource", _limited_task)
    for state in STATES:
        replace(stepfunctions, f"_execute_{state}", _limited_state)
    replace(stepfunctions, "_error_matches", _terminal)


def _limited_start(start: Any) -> Any:
    from ministack.core.responses import error_response_json

    def start_execution(data: dict[str, Any]) -> Any:
        if len(data.get("input", "").encode(errors="surrogatepass")) > STATE_BYTES_MAX:
            message = (
                "1 validation error detected: Value at 'input' failed to satisfy constraint: "
                f"Member must have length less than or equal to {STATE_BYTES_MAX}"
            )
            return error_response_json("ValidationException", message, 400)
        return start(data)

    return start_execution


def _limited_task(invoke: Any) -> Any:
    def invoke_resource(resource: str, given: Any) -> Any:
        _check_state(resource, given)
        result = invoke(resource, given)
        _check_state(resource, result)
        return result

    return invoke_resource


def _limited_state(execute: Any) -> Any:
    def execute_state(*arguments: Any) -> Any:
        name = arguments[-1]["State"]["Name"]  # of the context, which the states inside of it change
        output, following = execute(*arguments)
        _check_state(name, output)
        return output, following

    return execute_state


def _check_state(name: str, value: Any) -> None:
    from ministack.services.stepfunctions import _ExecutionError

    if json_bytes(value) > STATE_BYTES_MAX:
        cause = f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes"
        raise _ExecutionError(TOO_LARGE, f"{cause} service limit.")


def _terminal(matches: Any) -> Any:
    return lambda names, error: error in names if error in TERMINAL else matches(names, error)
