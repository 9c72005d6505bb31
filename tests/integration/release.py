"""What an earlier Easel leaves to the one that is deployed over it, as it was recorded in `released/`.

When a release is made, `python -m tests.integration.release` records its template, its state machines and
what its code wrote when it was used: items of the table, an image, and what callers were told of them.
"""

import json
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from local.build import REPOSITORY, Build, build
from local.stack import OWN_KEY_ID, LocalStack
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import EaselCaller

RELEASED = Path(__file__).with_name("released")
BUCKET = "IMAGE-BUCKET"  # stands for its name in what was recorded
KEPT_SECONDS = 30 * 86_400
REQUEST = {"model": "qwen-image-max", "route": "mulerouter/qwen-image-max", "prompt": "a fox"}

Told = dict[str, Any]


def released_build(folder: Path) -> Build:
    """The released template and state machines around today's packages, laid down in `folder`."""
    today = build()
    for package in today.folder.iterdir():
        if package.is_dir():
            (folder / package.name).symlink_to(package)
    for file in RELEASED.glob("*.yaml"):
        shutil.copy(file, folder)
    return Build(folder, f"released {today.fingerprint}")


def put_back(stack: LocalStack) -> None:
    """Give the stack what the release left: items and images, none of which expires soon."""
    table, bucket = stack.outputs["TableName"], stack.outputs["ImageBucketName"]
    client, expiry = stack.aws.client("dynamodb"), {"N": str(int(time.time()) + KEPT_SECONDS)}
    for item in json.loads((RELEASED / "items.json").read_text(encoding="utf-8").replace(BUCKET, bucket)):
        client.put_item(TableName=table, Item=item | ({"expires_at": expiry} if "expires_at" in item else {}))
    for file in (RELEASED / "objects").rglob("*.png"):
        key = str(file.relative_to(RELEASED / "objects"))
        stack.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=file.read_bytes())


def was_told() -> Told:
    """What callers were told, by path."""
    told: Told = json.loads((RELEASED / "told.json").read_text(encoding="utf-8"))
    return told


def lasting(told: Any) -> Any:
    """What was told without addresses, which are new each time, without the bucket's name, and without what
    AWS charges by today's prices and code."""
    if isinstance(told, dict):
        passing = {"url", "aws_estimate"}
        return {
            key: lasting(value) for key, value in told.items() if key not in passing and value is not None
        }
    if isinstance(told, list):
        return [lasting(value) for value in told]
    if isinstance(told, str):
        return "" if told.startswith("http") else re.sub(r"^s3://[^/]+/", f"s3://{BUCKET}/", told)
    return told


def main() -> None:
    """Record."""
    shutil.rmtree(RELEASED, ignore_errors=True)
    RELEASED.mkdir()
    template = (build().folder / "template.yaml").read_text(encoding="utf-8")
    template = re.sub(r"DefinitionUri: \S*/", "DefinitionUri: ", template)
    (RELEASED / "template.yaml").write_text(template, encoding="utf-8")
    for definition in (REPOSITORY / "functions").glob("*.asl.yaml"):
        shutil.copy(definition, RELEASED)
    with tempfile.TemporaryDirectory() as folder, LocalStack(stack_settings(Path(folder))) as stack:
        _write("told.json", {path: lasting(told) for path, told in _use(stack).items()})
        bucket, s3 = stack.outputs["ImageBucketName"], stack.aws.client("s3")
        items = stack.aws.client("dynamodb").scan(TableName=stack.outputs["TableName"])["Items"]
        items = [item for item in items if OWN_KEY_ID not in str(item.get("list_sk"))]  # a stack has its own
        _write("items.json", json.loads(json.dumps(items).replace(bucket, BUCKET)))
        for entry in s3.list_objects_v2(Bucket=bucket, Prefix="images/", MaxKeys=1)["Contents"]:
            file = RELEASED / "objects" / entry["Key"]
            file.parent.mkdir(parents=True)
            file.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())


def _use(stack: LocalStack) -> Told:
    """Use the stack; what it tells in the end, by path."""
    caller = EaselCaller(stack.url, stack.api_key)
    ids = [
        caller.ended(caller.create(REQUEST | more)["id"])["id"]
        for more in (
            {},
            {"prompt": "forbidden-content"},
            {"model": "qwen-image", "route": "aimlapi/qwen-image"},
        )
    ]
    canceled: str = caller.create(REQUEST)["id"]
    caller.call("POST", f"/v1/generations/{canceled}/cancel")
    batch = caller.call("POST", "/v1/batches", {"rows": [REQUEST, REQUEST | {"seed": 7}]}).body["id"]
    while caller.call("GET", f"/v1/batches/{batch}").body["ended_at"] is None:
        time.sleep(0.5)
    key = {"tenant": "team", "name": "of the team", "scopes": ["generate", "read"]}
    assert caller.call("POST", "/v1/keys", key).status == 201
    paths = [f"/v1/generations/{one}{more}" for one in (*ids, canceled) for more in ("", "/events")]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    paths += [f"/v1/batches/{batch}", "/v1/keys?tenant=team", f"/v1/usage?from={day}&to={day}"]
    return {path: caller.call("GET", path).body for path in paths}


def _write(name: str, value: Any) -> None:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    (RELEASED / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
