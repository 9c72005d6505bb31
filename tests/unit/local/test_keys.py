"""`make keys`: keys and tenants' limits made, listed, rotated, changed and revoked in a stack's table."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from easel.aws.key_book import KeyBook
from easel.aws.keys import DynamoApiKeys
from easel.domain.tenancy import ALL_SCOPES, ApiKey, Limits, Scope
from local import keys
from tests.contract.table import make_table


class Desk:
    """The command on a stack on AWS, and what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.client: Any = boto3.client("dynamodb")
        self.table = make_table(self.client)
        template = {
            "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
            "Outputs": {"TableName": {"Value": self.table}},
        }
        boto3.client("cloudformation").create_stack(StackName="easel-dev", TemplateBody=json.dumps(template))

    def run(self, words: str, status: int = 0) -> str:
        """What the command prints, on standard error where it fails."""
        assert keys.main(["--stack", "easel-dev", *words.split()]) == status
        printed = self.capsys.readouterr()
        assert bool(printed.out) is (status == 0)
        return printed.err if status else printed.out

    def make(self, words: str = "--tenant acme") -> tuple[str, ApiKey]:
        """A new key's secret, and what the functions know of it."""
        line, secret, *rest = self.run(f"create {words}").splitlines()
        assert rest == []
        key = self.found(secret)
        assert key is not None
        assert line.startswith(f"{key.id}  tenant {key.tenant}  {key.prefix}...")
        assert secret not in line
        return secret, key

    def found(self, secret: str) -> ApiKey | None:
        return DynamoApiKeys(self.client, self.table).find(secret)

    @property
    def book(self) -> KeyBook:
        return KeyBook(self.client, self.table)


@pytest.fixture
def desk(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Desk(capsys)


def test_made_key_may_do_everything_and_has_no_limits(desk: Desk) -> None:
    _, key = desk.make()
    assert (key.tenant, key.scopes, key.limits, key.models, key.routes) == (
        "acme", ALL_SCOPES, Limits(), None, None,
    )  # fmt: skip


def test_everything_that_a_key_may_be_told_can_be_said_when_it_is_made(desk: Desk) -> None:
    _, key = desk.make(
        "--tenant acme --name shop --scopes read,usage --models qwen-image,qwen-image-max "
        "--routes mulerouter/qwen-image-max --expires-in-days 2 "
        "--concurrency 3 --per-minute 60 --usd-per-day 5 --usd-per-month 99.50"
    )
    assert (key.name, key.scopes) == ("shop", frozenset({Scope.READ, Scope.USAGE}))
    assert (key.models, key.routes) == (("qwen-image", "qwen-image-max"), ("mulerouter/qwen-image-max",))
    given = {"concurrency": 3, "per_minute": 60, "usd_per_day": "5", "usd_per_month": "99.50"}
    assert key.limits == Limits.model_validate(given)
    assert key.expires_at is not None
    assert timedelta(hours=47) < key.expires_at - datetime.now(UTC) < timedelta(hours=49)


def test_plain_prints_the_secret_and_nothing_else(desk: Desk) -> None:
    secret = desk.run("create --plain --tenant acme").removesuffix("\n")
    found = desk.found(secret)
    assert found is not None
    assert found.tenant == "acme"


def test_list_tells_keys_apart_and_never_a_secret(desk: Desk) -> None:
    assert desk.run("list") == "There are no keys.\n"
    secret, key = desk.make("--tenant acme --name shop --usd-per-day 5 --scopes read")
    other, _ = desk.make("--tenant other")
    listed = desk.run("list")
    assert len(listed.splitlines()) == 2
    assert secret not in listed
    assert other not in listed
    (line,) = desk.run("list --tenant acme").splitlines()
    for word in (key.id, key.prefix, "'shop'", "scopes read", "usd_per_day 5"):
        assert word in line


def test_rotated_key_has_two_secrets_for_as_long_as_is_said(desk: Desk) -> None:
    first, key = desk.make()
    line, overlap, second = desk.run(f"rotate {key.id} --overlap-hours 2").splitlines()
    assert key.id in line
    assert overlap == "The former secret works for 2 h more."
    found = desk.found(first)
    assert found is not None
    assert found.works_at(datetime.now(UTC) + timedelta(minutes=119))
    assert not found.works_at(datetime.now(UTC) + timedelta(minutes=121))
    assert desk.found(second) is not None
    assert "until" in desk.run("list")


def test_change_sets_what_is_said_and_leaves_the_rest(desk: Desk) -> None:
    secret, key = desk.make("--tenant acme --name shop --concurrency 3 --usd-per-day 5 --models qwen-image")
    desk.run(f"change {key.id} --concurrency none --per-minute 9 --models none --scopes generate,read")
    found = desk.found(secret)
    assert found is not None
    assert found.limits == Limits.model_validate({"per_minute": 9, "usd_per_day": "5"})
    assert (found.name, found.models, found.scopes) == ("shop", None, frozenset({Scope.GENERATE, Scope.READ}))


def test_revoked_key_works_no_more(desk: Desk) -> None:
    secret, key = desk.make()
    assert key.id in desk.run(f"revoke {key.id}")
    assert desk.found(secret) is None
    assert desk.run("list") == "There are no keys.\n"


def test_tenants_limits_and_webhook_are_set_one_by_one_and_shown(desk: Desk) -> None:
    assert desk.run("tenant acme") == "tenant acme  no limits\n"
    desk.run("tenant acme --usd-per-month 100 --concurrency 5")
    desk.run("tenant acme --webhook https://acme.example/hook")
    shown = desk.run("tenant acme --concurrency none")
    assert shown == "tenant acme  usd_per_month 100  webhook https://acme.example/hook\n"
    assert desk.run("tenant acme --webhook none --usd-per-month none") == "tenant acme  no limits\n"
    assert desk.book.tenant("acme").webhook is None


WRONG = [
    "create --tenant ac.me",
    "create --tenant a/b",
    "create --tenant acme --scopes everything",
    "create --tenant acme --models qwen-image-mx",
    "create --tenant acme --routes mulerouter",
    "create --tenant acme --usd-per-day five",
    "create --tenant acme --usd-per-day -1",
    "create --tenant acme --usd-per-day 0.0000001",
    "create --tenant acme --concurrency 0",
    "create --tenant acme --per-minute 1.5",
    "tenant acme --webhook http://acme.example",
    "tenant acme --concurrency 0",
    "rotate key_01ARYZ6S410000000000000000",
    "change key_01ARYZ6S410000000000000000 --name n",
    "revoke key_01ARYZ6S410000000000000000",
]


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(desk: Desk, words: str) -> None:
    said = desk.run(words, status=1)
    assert said.startswith("easel: ")
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert desk.client.scan(TableName=desk.table)["Count"] == 0


def test_stack_that_there_is_none_of_is_said_to_be_none(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keys.main(["--stack", "nowhere", "list"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_without_a_running_local_stack_it_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_AWS_PORT", "1")
    assert keys.main(["list"]) == 1
    assert "make run" in capsys.readouterr().err
