"""The layer's copy of botocore's data: all that Easel calls is there, and does what it did."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import boto3
import botocore
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session
from botocore.stub import Stubber

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "layers" / "easel"))
from cut_botocore import OPERATIONS, cut_data  # noqa: E402

CALLS = {xform_name(name): name for names in OPERATIONS.values() for name in names}
NO_OPERATION = {"get_paginator", "generate_presigned_url", "generate_presigned_post"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data as the layer has them."""
    folder = tmp_path_factory.mktemp("botocore") / "data"
    published = Path(botocore.__file__).with_name("data")
    folder.mkdir()
    for name in (*OPERATIONS, "ec2"):
        shutil.copytree(published / name, folder / name)
    for path in published.glob("*.json"):
        shutil.copy(path, folder)
    cut_data(folder)
    return folder


def client(service: str, data: Path | None, region: str, **config: Any) -> Any:
    """A client of the published data, or of the cut ones alone."""
    session = Session()
    if data:
        loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
        session.register_component("data_loader", loader)
    made = boto3.Session("key", "secret", region_name=region, botocore_session=session)
    return made.client(service, config=Config(**config))  # type: ignore[call-overload]


def test_every_call_of_the_package_is_kept() -> None:
    called = set()
    for path in (ROOT / "layers" / "easel" / "easel" / "aws").glob("*.py"):
        text = path.read_text()
        called |= set(re.findall(r"client\.([a-z_]+)\(", text))
        called |= set(re.findall(r"(?:get_paginator|generate_presigned_url)\(\s*\"(\w+)\"", text))
    assert called - NO_OPERATION <= set(CALLS)
    unused = {CALLS[name] for name in set(CALLS) - called} - {"CreateBucket", "HeadBucket"}
    assert unused == set()


def test_nothing_else_is_left(data: Path) -> None:
    assert {path.name for path in data.iterdir() if path.is_dir()} == set(OPERATIONS)
    for service, names in OPERATIONS.items():
        assert set(client(service, data, "eu-west-1").meta.service_model.operation_names) == names
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < 1024 * 1024


@pytest.mark.parametrize("service", OPERATIONS)
def test_operations_are_those_that_were_published(service: str, data: Path) -> None:
    cut, whole = (client(service, one, "eu-west-1").meta.service_model for one in (data, None))
    for name in OPERATIONS[service]:
        ours, theirs = cut.operation_model(name), whole.operation_model(name)
        assert ours.http == theirs.http
        assert members(ours.input_shape) == members(theirs.input_shape)
        assert members(ours.output_shape) == members(theirs.output_shape)
        assert [one.name for one in ours.error_shapes] == [one.name for one in theirs.error_shapes]


def members(shape: Any, depth: int = 4) -> object:
    """A shape's form, some levels deep."""
    inner = getattr(shape, "members", {})
    if depth == 0 or shape is None:
        return None
    required = sorted(getattr(shape, "required_members", []))
    return (
        shape.type_name,
        shape.serialization,
        required,
        {name: members(one, depth - 1) for name, one in inner.items()},
    )


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize("service", OPERATIONS)
def test_endpoints_are_found_as_before(service: str, region: str, data: Path) -> None:
    cut, whole = (client(service, one, region) for one in (data, None))
    assert cut.meta.endpoint_url == whole.meta.endpoint_url
    assert cut.meta.service_model.signing_name == whole.meta.service_model.signing_name


def test_links_and_forms_are_signed_as_before(data: Path) -> None:
    given = {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}}
    for region in ("us-east-1", "eu-central-1", "cn-north-1"):
        cut, whole = (client("s3", one, region, **given) for one in (data, None))
        where = {"Bucket": "images", "Key": "a/0.png"}
        links = [one.generate_presigned_url("get_object", Params=where).split("?")[0] for one in (cut, whole)]
        assert links[0] == links[1]
        forms = [one.generate_presigned_post(**where) for one in (cut, whole)]
        assert forms[0]["url"] == forms[1]["url"]
        assert set(forms[0]["fields"]) == set(forms[1]["fields"])


def test_calls_are_checked_and_sent_to_where_the_environment_says(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    dynamodb = client("dynamodb", data, "us-east-1")
    assert dynamodb.meta.endpoint_url == "http://127.0.0.1:4566"
    asked = {"TableName": "t", "Key": {"pk": {"S": "a"}}}
    with Stubber(dynamodb) as stubber:
        stubber.add_response("get_item", {"Item": {"pk": {"S": "a"}}}, asked)
        assert dynamodb.get_item(**asked)["Item"] == {"pk": {"S": "a"}}
        stubber.add_client_error("get_item", "ResourceNotFoundException")
        with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
            dynamodb.get_item(**asked)
