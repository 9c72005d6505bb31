"""`make key`: the key with which a deployment's first administrator begins, made with AWS rights."""

import pytest

from easel.aws.keys import DynamoApiKeys
from easel.domain.tenancy import ALL_SCOPES, USUAL_SCOPES, ApiKey, Scope
from easel.domain.tenants import Limits
from local import keys
from tests.unit.local.aws_stack import NAME, AwsStack


class Desk(AwsStack):
    """Keys are made there."""

    def make(self, *words: str) -> ApiKey:
        """What the functions know of the key whose secret, and nothing else, was printed."""
        assert keys.main(["--stack", NAME, *words]) == 0
        printed = self.capsys.readouterr()
        assert printed.err == ""
        key = DynamoApiKeys(self.dynamodb, self.table).find(printed.out.removesuffix("\n"))
        assert key is not None
        return key


@pytest.fixture
def desk(account: None, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(capsys)


def test_made_key_has_no_limits_and_may_do_everything_but_administer(desk: Desk) -> None:
    key = desk.make("--tenant", "acme")
    assert (key.tenant, key.scopes, key.limits, key.models, key.routes) == (
        "acme", USUAL_SCOPES, Limits(), None, None,
    )  # fmt: skip
    assert Scope.ADMIN not in USUAL_SCOPES


def test_administrators_key_is_made_where_that_is_said(desk: Desk) -> None:
    assert desk.make("--tenant", "default", "--admin").scopes == ALL_SCOPES


@pytest.mark.parametrize("tenant", ["ac.me", "a/b", "", "x" * 65])
def test_name_that_is_no_tenants_is_refused_in_a_line_and_nothing_is_written(desk: Desk, tenant: str) -> None:
    assert keys.main(["--stack", NAME, "--tenant", tenant]) == 1
    printed = desk.capsys.readouterr()
    assert printed.err.startswith("easel: tenant must be")
    assert (printed.err.count("\n"), printed.out) == (1, "")
    assert desk.dynamodb.scan(TableName=desk.table)["Count"] == 0


def test_stack_that_there_is_none_of_is_said_to_be_none(desk: Desk) -> None:
    assert keys.main(["--stack", "nowhere", "--tenant", "acme"]) == 1
    assert "nowhere" in desk.capsys.readouterr().err


def test_without_a_running_local_stack_it_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_AWS_PORT", "1")
    assert keys.main(["--tenant", "acme"]) == 1
    assert "make run" in capsys.readouterr().err
