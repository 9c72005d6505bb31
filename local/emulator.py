"""Starts the AWS emulator (MiniStack) in this process with some of its functions replaced.

- The one that runs a Lambda: its own way starts a process for every concurrent call and gives every exception
  the same error type, which breaks Retry and Catch by name. Ours runs the deployed package and layers in a
  bounded pool (`pool.py`) under AWS's own runtime client.
- The one that runs a Distributed Map: it does not know `MaxConcurrencyPath` and runs 64 children at a time.
  Ours puts the number in that the path leads to. (`ResultWriter` is ignored all the same: nothing reads it.)
- The one that gives an event to a Lambda: it does so once, where AWS tries again and then keeps the event.
- The one that tells a workflow that an execution failed which it waited for: it passes that one's error on.
  On AWS the error is States.TaskFailed, and the cause is the execution, with its own Error and Cause.
- The one that makes an HTTP answer of a function's error: it shows that error, where AWS shows nothing of it.
- Those that take more than AWS takes (`aws_limits.py`).
- What it lacks of AWS's check of permissions (`permissions.py`).

The replaced functions are private, so the emulator's version is checked.

Started as `python -m local.emulator` with the emulator's own settings and these in the environment:
EASEL_EMULATOR_CODE (folder for the unpacked packages), EASEL_EMULATOR_RUNTIME (folder of the runtime client),
EASEL_EMULATOR_DUPLICATES if deliveries are to come twice, and EASEL_EMULATOR_CALLS (a file) where the calls
are to be listed that permissions were checked of.
"""

import hashlib
import io
import json
import os
import sys
import threading
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

from local.aws_limits import keep_aws_limits, replace
from local.duplicates import deliver_twice
from local.execution_environment import Answer, FunctionSpec
from local.permissions import check_leading_keys, hide_what_is_missing, list_calls
from local.pool import FunctionPool, Pools
from local.retention import forget_old_records_for_ever

SUPPORTED_VERSION = "1.5.33"
# What tells one deployment of a function from another.
CONFIGURATION = (
    *("CodeSha256", "Environment", "EphemeralStorage", "Handler", "Layers"),
    *("MemorySize", "Role", "Runtime", "Timeout"),
)

_unpack_lock = threading.Lock()


def unpack(archive: bytes, folder: Path) -> Path:
    """Unpack a package below `folder`, into a folder named by its content; once for each content."""
    target = folder / hashlib.sha256(archive).hexdigest()[:24]
    with _unpack_lock:
        if not target.exists():
            unfinished = target.with_suffix(".unfinished")
            with zipfile.ZipFile(io.BytesIO(archive)) as package:
                package.extractall(unfinished)
            unfinished.rename(target)
    return target


def describe(function: dict[str, Any], code: Path, runtime: Path) -> FunctionSpec:
    """Turn the emulator's record of a function into what its processes need."""
    from ministack.services import lambda_svc

    config = function["config"]
    layers = [lambda_svc._resolve_layer_zip(layer) for layer in config.get("Layers") or []]
    log = {"LogFormat": "Text", **(config.get("LoggingConfig") or {})}
    # docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    level = log.get("ApplicationLogLevel", "INFO") if log["LogFormat"] == "JSON" else None
    return FunctionSpec(
        name=config["FunctionName"],
        arn=config["FunctionArn"],
        handler=config["Handler"],
        runtime=config["Runtime"],
        timeout_seconds=float(config["Timeout"]),
        memory_megabytes=int(config["MemorySize"]),
        storage_megabytes=int(config["EphemeralStorage"]["Size"]),
        variables={
            "AWS_REGION": lambda_svc.get_region(),
            "AWS_DEFAULT_REGION": lambda_svc.get_region(),
            "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
            "AWS_LAMBDA_LOG_FORMAT": log["LogFormat"],
            **({"AWS_LAMBDA_LOG_LEVEL": level} if level else {}),
            **lambda_svc._runtime_env_vars(config),
        },
        python_path=(
            unpack(function["code_zip"], code),
            *(unpack(layer, code) / "python" for layer in layers if layer),
            runtime,
        ),
    )


def emulator_result(answer: Answer) -> dict[str, Any]:
    """Return an answer in the shape that the emulator's executors return."""
    try:
        body = json.loads(answer.payload)
    except ValueError:
        body = answer.payload.decode(errors="replace")
    return {"body": body, "log": answer.log, **({"error": True} if answer.is_error else {})}


def run_functions_in_pool(pools: Pools, code: Path, runtime: Path) -> None:
    """Replace the emulator's executor of Python functions by the pool."""
    from ministack.core.lambda_runtime import execution_credentials
    from ministack.services import lambda_svc

    def execute(function: dict[str, Any], event: object, request_id: str) -> dict[str, Any]:
        config = function["config"]

        def create() -> FunctionPool:
            def write(line: str) -> None:
                # In one write: print() writes a line's end apart, and another thread's line may come between.
                sys.stdout.write(f"[{config['FunctionName']}] {line}\n")
                sys.stdout.flush()

            spec = describe(function, code, runtime)
            return FunctionPool(spec, lambda: execution_credentials(config), write)

        version = json.dumps([config.get(name) for name in CONFIGURATION], sort_keys=True, default=str)
        pool = pools.of(config["FunctionArn"], version, create)
        return emulator_result(pool.invoke(json.dumps(event).encode(), request_id))

    if not callable(getattr(lambda_svc, "_execute_function_warm", None)):
        raise SystemExit("easel: this emulator has no _execute_function_warm to replace")
    lambda_svc._execute_function_warm = execute


def obey_concurrency_paths() -> None:
    """Let a Distributed Map's `MaxConcurrencyPath` count."""
    from ministack.services import stepfunctions

    run = stepfunctions._run_distributed_map

    def obeying(state: dict[str, Any], given: Any, effective: Any, *more: Any) -> Any:
        path = state.get("MaxConcurrencyPath")
        if path is not None:
            context = more[-1]
            state = {**state, "MaxConcurrency": stepfunctions._resolve_path_or_ctx(path, effective, context)}
        return run(state, given, effective, *more)

    stepfunctions._run_distributed_map = obeying


def deliver_events_as_lambda_does() -> None:
    """Let a function that an event is given to be tried again, and the event be kept where it fails."""
    from ministack.services import eventbridge, lambda_svc

    def deliver(arn: str, payload: str) -> None:
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            print(f"easel: an event is for the function {name}, which is not there", flush=True)
            return
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    if not callable(getattr(eventbridge, "_dispatch_to_lambda", None)):
        raise SystemExit("easel: this emulator has no _dispatch_to_lambda to replace")
    eventbridge._dispatch_to_lambda = deliver


def tell_failed_executions_as_step_functions_does() -> None:
    """Let `startExecution.sync:2` fail as AWS lets it."""
    from ministack.services import stepfunctions

    def failure(execution: dict[str, Any]) -> tuple[str, str]:
        told = {name[0].upper() + name[1:]: value for name, value in execution.items()}
        del told["Output"], told["OutputDetails"]  # which a failed one has not
        return "States.TaskFailed", json.dumps(told)

    if not callable(getattr(stepfunctions, "_nested_execution_failure", None)):
        raise SystemExit("easel: this emulator has no _nested_execution_failure to replace")
    stepfunctions._nested_execution_failure = failure


def hide_errors_of_functions_as_http_apis_do() -> None:
    """Let the caller of an HTTP API learn of a function's error, its time-out too, what AWS lets him learn.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html (2026);
    of time-outs https://github.com/denoland/deno_registry2/issues/87 (2020).
    """
    from ministack.services import lambda_svc

    def hidden(answer: Any) -> Any:
        def answer_of(result: dict[str, Any]) -> Any:
            if not result.get("error"):
                return answer(result)
            body = json.dumps({"message": "Internal Server Error"})
            return {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": body}, None

        return answer_of

    replace(lambda_svc, "lambda_execute_result_to_api_proxy_response", hidden)


def main() -> None:
    """Serve until SIGTERM; the emulator writes its state then."""
    version = metadata.version("ministack")
    if version != SUPPORTED_VERSION:
        sys.exit(f"easel: the local stack is made for ministack {SUPPORTED_VERSION}, found {version}")
    from ministack import app

    pools = Pools()
    run_functions_in_pool(
        pools, Path(os.environ["EASEL_EMULATOR_CODE"]), Path(os.environ["EASEL_EMULATOR_RUNTIME"])
    )
    obey_concurrency_paths()
    deliver_events_as_lambda_does()
    tell_failed_executions_as_step_functions_does()
    hide_errors_of_functions_as_http_apis_do()
    keep_aws_limits()
    if "EASEL_EMULATOR_DUPLICATES" in os.environ:
        deliver_twice()
    check_leading_keys()
    hide_what_is_missing()
    if calls := os.environ.get("EASEL_EMULATOR_CALLS"):
        list_calls(Path(calls))
    threading.Thread(target=forget_old_records_for_ever, name="retention", daemon=True).start()
    try:
        app.main()
    finally:
        pools.stop()


if __name__ == "__main__":
    main()
