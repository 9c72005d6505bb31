"""The simulation of scale: its buckets hold back as AWS's do, and it shows the walls that the design had."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.bench.deployment import THROTTLED, WORST, Deployment, Retries, Scenario
from tests.bench.quotas import LARGE, PARTITION, Functions, Quota, Table, TokenBucket
from tests.bench.rates import ceilings
from tests.bench.table_load import STEPS, Weigher, units_of_a_generation
from tests.contract.table import make_table

ROOMY = replace(
    LARGE, starts=Quota(9e3, 9e3, ""), transitions=Quota(9e3, 9e3, ""), table_writes=Quota(9e4, 9e4, ""),
    concurrency=20_000,
)  # fmt: skip


def test_bucket_refuses_what_is_not_there_and_refills() -> None:
    bucket = TokenBucket(Quota(10, 2, "page"))
    assert bucket.take(10, 0)
    assert not bucket.take(1, 0.4)
    assert bucket.take(1, 0.5)
    assert not bucket.take(11, 1000), "it holds ten at most"
    assert bucket.take(10, 1000)
    assert (bucket.asked, bucket.refused, bucket.first) == (33, 12, 0.4)


def test_bucket_that_delays_lets_all_through_in_order() -> None:
    bucket = TokenBucket(Quota(10, 2, "page"))
    assert [bucket.delay(10, 0), bucket.delay(4, 0), bucket.delay(2, 1)] == [0, 2, 2]


def test_functions_stop_at_the_accounts_concurrency_and_grow_by_a_hundred_a_second() -> None:
    functions = Functions(1500)
    assert sum(functions.enter("Poll", 0) for _ in range(1100)) == 1000
    assert sum(functions.enter("Poll", 1) for _ in range(1100)) == 100
    functions.leave("Poll")
    assert functions.enter("Poll", 1), "the environment is there"
    assert sum(functions.enter("Submit", 1) for _ in range(1100)) == 400, "each grows by itself, within 1,500"
    assert functions.most == 1500


def test_index_that_is_full_holds_its_table_back_and_takes_nothing_then() -> None:
    table = Table(Quota(9e4, 9e4, ""), {"open": 1}, Random(1), frozenset({"open"}))
    assert table.write({"gen": 5, "open": 1000}, 0)
    assert not table.write({"gen": 5, "open": 1}, 0)
    assert table.write({"gen": 5}, 0)
    assert table.wholes["table"].asked - table.wholes["table"].refused == 10


def test_retry_is_the_workflows_own() -> None:
    retries = Retries("Poll vendor", Random(1))
    pauses = [retries.pause(THROTTLED) for _ in range(11)]
    assert pauses[-1] is None, "ten times"
    assert all(0 <= (pause or 0) <= 120 for pause in pauses)
    assert Retries("Poll vendor", Random(1)).pause("SettingsError") is None


def test_weigher_counts_as_dynamodb_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        weigher = Weigher(boto3.client("dynamodb", region_name="us-east-1"))
        table = make_table(weigher)

        def took(**attributes: str) -> Mapping[str, float]:
            weigher.units.clear()
            item = {"pk": "gen#1", "sk": "gen", **attributes}
            weigher.put_item(TableName=table, Item={name: {"S": value} for name, value in item.items()})
            return {name: number for name, number in weigher.units.items() if number}

        lists: dict[str, Any] = {"list_pk": "tenant#t", "list_sk": "1"}
        assert took(**lists, text="x" * 1500) == {"gen": 2, "by_tenant": 1}
        assert took(**lists, text="y") == {"gen": 2}, (
            "of the larger one; keys that stay cost the index nothing"
        )
        assert took(**lists, open_pk="open", open_sk="1") == {"gen": 1, "open": 1}
        assert took(**lists, open_pk="open", open_sk="2") == {"gen": 1, "open": 2}, (
            "its old place and the new"
        )
        assert took(**lists) == {"gen": 1, "open": 1}


def test_generation_takes_of_its_tenants_one_key_a_single_unit() -> None:
    units = units_of_a_generation()
    assert tuple(units) == STEPS
    assert sum(step.get("by_tenant", 0) for step in units.values()) == 1


def test_no_key_of_ours_is_over_its_limit_at_a_thousand_images_a_second() -> None:
    own = {one.what: one.images for one in ceilings() if one.what.startswith("our key")}
    limited = own.pop("our key: one owner's limits")
    assert len(own) == 4
    assert min(own.values()) >= 1000
    assert limited > 100


@pytest.mark.parametrize(("keys", "least", "most"), [(1, 0.2, 0.9), (4, 0, 0.01)])
def test_limits_of_one_key_are_a_wall_that_several_keys_with_a_part_each_do_not_have(
    keys: int, least: float, most: float
) -> None:
    played = Deployment(Scenario(100, ROOMY, limited=keys, seconds=30)).run()
    assert least <= played.answers["409"] / played.answers.total() <= most


def test_all_are_made_and_none_is_late_while_there_is_room() -> None:
    played = Deployment(Scenario(20, seconds=10)).run()
    assert played.answers == {"202": played.ends["succeeded"]}
    assert max(played.added) < 1
    assert 20 * 5 < played.functions.most < 20 * 15


def test_callers_meet_5xx_where_executions_are_used_up_and_what_was_accepted_is_made() -> None:
    played = Deployment(Scenario(30, replace(LARGE, concurrency=50), seconds=30)).run()
    assert played.answers["5xx"] > 50
    assert played.ends == {"succeeded": played.answers["202"]}
    assert max(played.added) > 10, "polls waited for an execution"


def test_starts_that_are_put_off_are_accepted_and_made_up_for() -> None:
    played = Deployment(Scenario(50, replace(ROOMY, starts=Quota(20, 10, "")), seconds=10)).run()
    assert played.answers == {"202": played.ends["succeeded"]}
    assert played.late_starts > 50
    assert max(played.added) > 60


@pytest.mark.parametrize("family", ["open", "usage"])
def test_one_key_for_all_would_be_a_wall(family: str) -> None:
    small = Quota(PARTITION.size / 20, PARTITION.per_second / 20, "")  # as 60 a second are to 1,200
    played = Deployment(Scenario(60, ROOMY, {**WORST, family: 1}, seconds=10))
    played.table.partitions[family] = [TokenBucket(small)]
    played.run()
    spread = Deployment(Scenario(60, ROOMY, seconds=10))
    keys = len(spread.table.partitions[family])
    spread.table.partitions[family] = [TokenBucket(small) for _ in range(keys)]
    spread.run()
    assert max(played.added) > 3
    assert max(spread.added) < 1.5
