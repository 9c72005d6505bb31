"""Cuts botocore's data in a built layer to the operations that Easel calls: `cut_botocore.py FOLDER`.

A client reads its service's whole model when it is made: a megabyte for DynamoDB and S3, of which a tenth is
used. What stays is as published, but for the words; so are the rules by which endpoints are found.
"""

import gzip
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Every call that is made in easel/aws; a test compares. A presigned POST is no operation of its own.
OPERATIONS = {
    "dynamodb": {
        "BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem",
    },
    "events": {"PutEvents"},
    "s3": {
        "AbortMultipartUpload", "CompleteMultipartUpload", "CreateBucket", "CreateMultipartUpload",
        "GetObject", "HeadBucket", "HeadObject", "PutObject", "UploadPart",
    },  # botocore's own: HeadBucket asks for a bucket's region, and CreateBucket's endpoint is a form's
    "secretsmanager": {"GetSecretValue"},
    "sqs": {"SendMessage"},
    "stepfunctions": {"DescribeExecution", "StartExecution"},
}  # fmt: skip
WORDS = ("documentation", "documentationUrl", "examples")
Json = dict[str, Any]


def cut_data(data: Path) -> None:
    """Cut botocore's folder `data` in place. Files are left unpacked: a layer is packed as a whole."""
    prefixes = {_cut_service(data / service, names) for service, names in OPERATIONS.items()}
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in OPERATIONS:
            shutil.rmtree(folder)
    endpoints = _read(data / "endpoints.json")
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: one for name, one in services.items() if name in prefixes}
    _write(data / "endpoints.json", endpoints)


def _cut_service(service: Path, names: set[str]) -> str:
    """Cut the newest version's files, remove the older ones, and return the name of the endpoint."""
    *older, newest = sorted(path for path in service.iterdir() if path.is_dir())
    for folder in older:
        shutil.rmtree(folder)
    for path in sorted(newest.iterdir()):
        if path.name.startswith(("examples-", "waiters-")):
            path.unlink()
            continue
        content = _read(path)
        if path.name.startswith("service-2.json"):
            content = cut_model(content, names)
            prefix = str(content["metadata"]["endpointPrefix"])
        elif path.name.startswith("paginators-1.json"):
            pages = content["pagination"]
            content = {"pagination": {name: one for name, one in pages.items() if name in names}}
        path.unlink()
        _write(newest / path.name.removesuffix(".gz"), content)
    return prefix


def cut_model(model: Json, names: set[str]) -> Json:
    """The model of the named operations, with the shapes that they reach."""
    operations = {name: model["operations"][name] for name in sorted(names)}
    waiting, reached = list(_shapes(operations)), set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _shapes(model["shapes"][name])
    shapes = {name: shape for name, shape in model["shapes"].items() if name in reached}
    kept: Json = _without_words({**model, "operations": operations, "shapes": shapes})
    if "clientContextParams" in model:  # of which botocore reads the words, too
        kept["clientContextParams"] = model["clientContextParams"]
    return kept


def _shapes(value: Any) -> Iterator[str]:
    """The names of shapes that a part of a model refers to."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "shape" and isinstance(inner, str):
                yield inner
            else:
                yield from _shapes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _shapes(inner)


def _without_words(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_words(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_words(inner)
        for key, inner in value.items()
        if key not in WORDS or not isinstance(inner, str)  # a member of a shape may bear such a name
    }


def _read(path: Path) -> Json:
    packed = path.read_bytes()
    content: Json = json.loads(gzip.decompress(packed) if path.suffix == ".gz" else packed)
    return content


def _write(path: Path, content: Json) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))


if __name__ == "__main__":
    cut_data(Path(sys.argv[1]) / "botocore" / "data")
