"""`make restore`: lost records come home, and nothing is bought twice, overwritten or let in again."""

from typing import Any

import pytest

from easel.aws.key_book import DynamoKeyBook
from easel.aws.table import DynamoGenerations, to_item
from easel.domain.generation import Generation
from easel.runtime import SystemClock
from local import restore
from tests.contract.table import make_table
from tests.fakes.lives import MULE, delivered, ended, queued
from tests.unit.local.aws_stack import NAME, AwsStack


class Stack(AwsStack):
    """Its table is empty; beside it is one that a backup was restored to."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(capsys)
        self.backup = make_table(self.dynamodb)
        self.store = DynamoGenerations(self.dynamodb, self.table, 90, SystemClock())

    def backed_up(self, generation: Generation) -> Generation:
        self.dynamodb.put_item(TableName=self.backup, Item=to_item(generation, 4_000_000_000))
        return generation

    def restore(self, *words: str) -> str:
        """What was printed."""
        assert restore.main(["--stack", NAME, "--from", self.backup, *words]) == 0
        return self.capsys.readouterr().out


@pytest.fixture
def stack(account: None, capsys: pytest.CaptureFixture[str]) -> Stack:
    return Stack(capsys)


def over(**changes: Any) -> Generation:
    return ended(delivered(queued("acme"), MULE)).having(announced=True, **changes)


def test_lost_record_is_put_back_as_it_was_and_one_that_is_there_stays(stack: Stack) -> None:
    lost, known = stack.backed_up(over()), stack.backed_up(over())
    newer = known.having(version=known.version + 1)
    stack.store.create(newer, None)
    assert "1  gen: put back" in stack.restore()
    assert stack.store.get(lost.id) is None
    told = stack.restore("--sure")
    assert "1  gen: put back" in told
    assert "1  gen: there already" in told
    assert (stack.store.get(lost.id), stack.store.get(known.id)) == (lost, newer)
    assert "2  gen: there already" in stack.restore("--sure")


def test_what_was_at_work_then_is_left_out_for_it_may_have_been_bought_since(stack: Stack) -> None:
    working = stack.backed_up(queued("acme"))
    untold = stack.backed_up(ended(delivered(queued("acme"), MULE)))
    assert "2  gen: at work then, left out" in stack.restore("--sure")
    assert stack.store.get(working.id) is stack.store.get(untold.id) is None


def test_places_that_were_taken_then_stay_free(stack: Stack) -> None:
    for sk in ("now", "2026-11"):
        item = {"pk": {"S": "account#tenant acme"}, "sk": {"S": sk}, "running": {"N": "3"}}
        stack.dynamodb.put_item(TableName=stack.backup, Item=item)
    told = stack.restore("--sure")
    assert "1  account: of what was at work then, left out" in told
    assert "1  account: put back" in told
    (kept,) = stack.dynamodb.scan(TableName=stack.table)["Items"]
    assert kept["sk"] == {"S": "2026-11"}


def test_keys_come_back_only_where_that_is_said(stack: Stack) -> None:
    secret, key = DynamoKeyBook(stack.dynamodb, stack.backup, SystemClock()).create("acme")
    assert "2  of other kinds, left out" in stack.restore("--sure")
    book = DynamoKeyBook(stack.dynamodb, stack.table, SystemClock())
    assert list(book.page().keys) == []
    stack.restore("--keys", "--sure")
    assert [one.key.id for one in book.page().keys] == [key.id]
    assert secret not in stack.capsys.readouterr().out


def test_table_that_there_is_none_of_is_told(stack: Stack) -> None:
    assert restore.main(["--stack", NAME, "--from", "nowhere"]) == 1
    assert "easel: there is no table nowhere" in stack.capsys.readouterr().err


def test_without_a_table_it_says_which_is_wanted(stack: Stack) -> None:
    with pytest.raises(SystemExit):
        restore.main(["--stack", NAME, "--from", ""])
    assert "FROM=" in stack.capsys.readouterr().err
