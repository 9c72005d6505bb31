"""What `easel doctor --aws --trial` finds by running the stack, in ways that buy nothing.

Every model is planned for through the API, as a request with `dry_run`. Each step is given the id of what is
not there: it starts, reads the table with its own role, and says so. A workflow is given a request to refuse.
Where there is a sandbox route, one picture of it is made, at no price: its record, its image and its count in
the usage stay, and nothing else is written. Only a picture that is bought shows the way to a vendor.

It costs some Lambda seconds and nine state transitions; the dashboard counts the steps' refusals as errors.
"""

import json
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from easel_client.catalogue import Model
from easel_client.client import Easel
from easel_client.command.account import Account
from easel_client.command.findings import Finding, fail, ok, warn
from easel_client.errors import EaselError

SIDE = 384  # pixels of an input image, at least
NOBODY = "0" * 26
NOT_FOUND, REFUSED = "NotFoundError", "Easel.InvalidRequest"
STEPS: Mapping[str, str] = {
    "Submit": "gen", "Poll": "gen", "Persist": "gen", "Settle": "gen", "Deliver": "msg", "Prepare": "bat",
    "Feed": "bat", "Collect": "bat",
}  # fmt: skip
WORKFLOW_SECONDS, LOOK_SECONDS = 60.0, 1.0
PROMPT = "a red fox in snow"
SANDBOX = "sandbox"  # the model of the sandbox route
PICTURE_SECONDS = 60.0
Ask = Mapping[str, Any]


def _plans(account: Account) -> Iterator[Finding]:
    try:
        easel = Easel(profile=account.profile)
        models = easel.models()
    except EaselError as error:
        yield fail("dry runs", error.message, error.advice)
        return
    if easel.connection.url != account.outputs["ApiUrl"]:  # a domain of its own, or another deployment
        yield warn("dry runs", f"go to {easel.connection.url}, whose key is in use", "Is it this stack's?")
    for model in models:
        if model.ready:
            yield _plan(easel, model)


def _plan(easel: Easel, model: Model) -> Finding:
    """The first of a model's kinds of request that some route would serve."""
    refusal = EaselError("No route would serve it.")
    for given in ({}, {"images": [picture()]}, {"lora": {"weights": "https://example.com/a.safetensors"}}):
        try:
            plan = easel.plan(PROMPT, model=model.id, **given)
        except EaselError as error:
            refusal = error
            continue
        if plan.routes:
            route = plan.routes[0]
            price = route.estimated_usd or route.price
            return ok("dry run", f"{model.id}: {route.route}, {price}")
    return fail(
        "dry run", f"{model.id}: {refusal.message}", refusal.advice or f"See `easel models {model.id}`."
    )


def _steps(account: Account) -> Iterator[Finding]:
    functions = dict(account.resources("AWS::Lambda::Function"))
    for step, kind in STEPS.items():
        given = {"id": f"{kind}_{NOBODY}"} | ({"key": "000001.jsonl"} if kind == "bat" else {})
        answer = account.client("lambda").invoke(
            FunctionName=functions[f"{step}Function"], Payload=json.dumps(given).encode()
        )
        told = json.loads(answer["Payload"].read() or b"null")
        error = told.get("errorType") if isinstance(told, dict) else None
        if error == NOT_FOUND:
            yield ok("step", f"{step} starts and reads the table")
        else:
            yield fail("step", f"{step} says {error or told}", f"Look at its log, {step}Logs.")


def _workflow(account: Account) -> Iterator[Finding]:
    aws = account.client("stepfunctions")
    arn = aws.start_execution(
        stateMachineArn=account.outputs["GenerateStateMachineArn"], input=json.dumps({"request": {}})
    )["executionArn"]
    ends = time.monotonic() + WORKFLOW_SECONDS
    while (told := aws.describe_execution(executionArn=arn))["status"] == "RUNNING":
        if time.monotonic() > ends:
            yield fail("workflow", f"still runs after {WORKFLOW_SECONDS:.0f} s", f"Look at {arn}.")
            return
        time.sleep(LOOK_SECONDS)
    if told.get("error") == REFUSED:
        yield ok("workflow", "refuses a request without a prompt, as it should")
    else:
        text = f"ended as {told['status']} with {told.get('error')}"
        yield fail("workflow", text, f"Look at {arn}.")


def _picture(account: Account) -> Iterator[Finding]:
    """One of the sandbox route's, asked for, waited for and loaded as any other."""
    try:
        easel = Easel(profile=account.profile)
        if not any(model.id == SANDBOX and model.ready for model in easel.models()):
            how = "Deploy with SandboxRoute=on: pictures of the model sandbox cost nothing."
            yield warn("picture", "none was made: the stack, or this key, has no sandbox route", how)
            return
        made = easel.generate(PROMPT, model=SANDBOX, wait=False)
        ended = easel.wait(made, timeout_seconds=PICTURE_SECONDS)
        (image,) = ended.images
        told = f"{image.width}x{image.height}, {len(image.bytes())} bytes as announced"
    except EaselError as error:
        yield fail("picture", error.message, error.advice or "Look at its workflow, and at the steps' logs.")
        return
    yield ok("picture", f"made in {ended.seconds or 0:.1f} s for {ended.receipt.usd.billed}: {told}")


def picture() -> bytes:
    """The smallest that an edit takes, as a PNG: all black."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((SIDE + 1) * SIDE))
    blocks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in blocks
    )


CHECKS: Mapping[str, Callable[[Account], Iterator[Finding]]] = {
    "dry runs": _plans,
    "step": _steps,
    "workflow": _workflow,
    "picture": _picture,
}
