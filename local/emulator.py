"""Starts the AWS emulator (MiniStack) in this process with one function replaced: the one that runs a Lambda.

Its own way starts a process for every concurrent call and gives every exception the same error type, which
breaks Retry and Catch by name. Ours runs the deployed package and layers in a bounded pool (`pool.py`)
under AWS's own runtime client. The replaced function is private, so the emulator's version is checked.

Started as `python -m local.emulator` with the emulator's own settings and these in the environment:
EASEL_EMULATOR_CODE (folder for the unpacked packages), EASEL_EMULATOR_RUNTIME (folder of the runtime client).
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

from local.execution_environment import Answer, FunctionSpec
from local.pool import FunctionPool, Pools
from local.retention import forget_old_records_for_ever

SUPPORTED_VERSION = "1.5.33"
# What tells one deployment of a function from another.
CONFIGURATION = ("CodeSha256", "Environment", "Handler", "Layers", "MemorySize", "Role", "Runtime", "Timeout")

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
    return FunctionSpec(
        name=config["FunctionName"],
        arn=config["FunctionArn"],
        handler=config["Handler"],
        runtime=config["Runtime"],
        timeout_seconds=float(config["Timeout"]),
        memory_megabytes=int(config["MemorySize"]),
        variables={
            "AWS_REGION": lambda_svc.get_region(),
            "AWS_DEFAULT_REGION": lambda_svc.get_region(),
            "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
            "AWS_LAMBDA_LOG_FORMAT": (config.get("LoggingConfig") or {}).get("LogFormat", "Text"),
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
                print(f"[{config['FunctionName']}] {line}", flush=True)

            spec = describe(function, code, runtime)
            return FunctionPool(spec, lambda: execution_credentials(config), write)

        version = json.dumps([config.get(name) for name in CONFIGURATION], sort_keys=True, default=str)
        pool = pools.of(config["FunctionArn"], version, create)
        return emulator_result(pool.invoke(json.dumps(event).encode(), request_id))

    if not callable(getattr(lambda_svc, "_execute_function_warm", None)):
        raise SystemExit("easel: this emulator has no _execute_function_warm to replace")
    lambda_svc._execute_function_warm = execute


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
    threading.Thread(target=forget_old_records_for_ever, name="retention", daemon=True).start()
    try:
        app.main()
    finally:
        pools.stop()


if __name__ == "__main__":
    main()
