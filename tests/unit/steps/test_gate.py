"""The gate: who calls, whether the key allows it, and how often it may ask."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from easel.domain.tenancy import ALL_SCOPES, ApiKey, Quota, Scope
from easel.domain.tenants import Limits, Tenant
from easel.errors import ForbiddenError, LimitReachedError, ReachedLimit, UnauthorizedError
from easel.steps.gate import Gate
from tests.fakes.memory import FakeClock, MemoryQuotas, SetTenants


class Keys:
    """The port `ApiKeys`, by secret."""

    def __init__(self, keys: Mapping[str, ApiKey]) -> None:
        self.keys = keys
        self.anew: list[bool] = []

    def find(self, secret: str, *, anew: bool = False) -> ApiKey | None:
        self.anew.append(anew)
        return self.keys.get(secret)


class Place:
    """A gate with two keys of tenant t, whose secrets are `one` and `two`, and one of tenant other."""

    def __init__(self, *, of_tenant: Limits | None = None, **of_key: Any) -> None:
        self.clock, self.tenants, self.quotas = FakeClock(), SetTenants(), MemoryQuotas()
        self.tenants.set["t"] = Tenant(id="t", limits=of_tenant or Limits())
        keys = {
            "one": ApiKey(id="key_1", tenant="t", prefix="one", **of_key),
            "two": ApiKey(id="key_2", tenant="t", prefix="two", **of_key),
            "three": ApiKey(id="key_3", tenant="other", prefix="three", **of_key),
        }
        self.keys = Keys(keys)
        self.gate = Gate(self.keys, self.tenants, self.quotas, self.clock)

    def ask(self, secret: str = "one") -> Quota | None:
        return self.gate.asking(f"Bearer {secret}").quota

    def refused(self, secret: str = "one") -> ReachedLimit:
        with pytest.raises(LimitReachedError) as caught:
            self.ask(secret)
        assert caught.value.reached is not None
        return caught.value.reached


def quota(owner: str, per_minute: int, left: int, resets: int = 60) -> Quota:
    return Quota(owner=owner, per_minute=per_minute, left=left, resets_in_seconds=resets)


def test_caller_is_the_keys_tenant_with_all_that_is_known_of_the_key() -> None:
    caller = Place().gate.caller("Bearer two", Scope.READ)
    assert caller.tenant == "t"
    assert caller.key is not None
    assert caller.key.id == "key_2"
    assert caller.quota is None


def test_administrators_key_is_looked_up_anew_and_others_need_not_be() -> None:
    place = Place(scopes=ALL_SCOPES)
    for scope in (Scope.ADMIN, Scope.READ):
        place.gate.caller("Bearer one", scope)
    assert place.keys.anew == [True, False]


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer  ", "Basic one", "one", "Bearer four", "Bearerone"]
)
def test_anything_but_a_known_key_is_nobodys(given: str | None) -> None:
    place = Place(of_tenant=Limits(per_minute=1))
    with pytest.raises(UnauthorizedError):
        place.gate.caller(given, Scope.READ)
    with pytest.raises(UnauthorizedError):
        place.gate.asking(given)
    assert place.quotas.counts == {}


@pytest.mark.parametrize("scope", Scope)
def test_key_may_be_used_for_its_scopes_and_for_nothing_else(scope: Scope) -> None:
    assert Place(scopes=frozenset({scope})).gate.caller("Bearer one", scope).tenant == "t"
    place = Place(scopes=ALL_SCOPES - {scope}, limits=Limits(per_minute=1))
    for call in (place.gate.caller, place.gate.asking):
        with pytest.raises(ForbiddenError, match=f"'{scope.value}'"):
            call("Bearer one", scope)
    assert place.quotas.counts == {}, "what is refused is not counted"


def test_key_works_until_it_expires_and_no_longer() -> None:
    place = Place()
    ends = place.clock.now() + timedelta(hours=1)
    place = Place(expires_at=ends)
    place.clock.sleep(3599.9)
    assert place.gate.caller("Bearer one", Scope.READ).tenant == "t"
    place.clock.sleep(0.1)
    with pytest.raises(UnauthorizedError):
        place.gate.caller("Bearer one", Scope.READ)


def test_requests_are_counted_down_and_refused_at_the_end() -> None:
    place = Place(limits=Limits(per_minute=3))
    assert [place.ask() for _ in range(3)] == [quota("key key_1", 3, left) for left in (2, 1, 0)]
    assert place.refused() == ReachedLimit("requests_per_minute", "key key_1", "3", 60)


def test_each_key_has_a_rate_of_its_own() -> None:
    place = Place(limits=Limits(per_minute=1))
    assert place.ask("one") == quota("key key_1", 1, 0)
    assert place.ask("two") == quota("key key_2", 1, 0)
    assert place.refused("one").owner == "key key_1"


def test_all_keys_of_a_tenant_share_its_rate_and_other_tenants_do_not() -> None:
    place = Place(of_tenant=Limits(per_minute=3))
    for secret in ("one", "two", "one"):
        place.ask(secret)
    for secret in ("one", "two"):
        assert place.refused(secret) == ReachedLimit("requests_per_minute", "tenant t", "3", 60)
    assert place.ask("three") is None


def test_narrower_of_two_rates_is_told_and_either_refuses() -> None:
    place = Place(of_tenant=Limits(per_minute=3), limits=Limits(per_minute=2))
    assert place.ask("one") == quota("key key_1", 2, 1)
    assert place.ask("two") == quota("key key_2", 2, 1), "of the tenant's there is as much left"
    assert place.ask("two") == quota("key key_2", 2, 0)
    assert place.refused("two").owner == "key key_2"
    assert place.refused("one").owner == "tenant t"


def test_next_minute_begins_anew() -> None:
    place = Place(limits=Limits(per_minute=1))
    place.clock.sleep(17.25)
    assert place.ask() == quota("key key_1", 1, 0, resets=43)
    place.clock.sleep(42.5)
    assert place.refused().retry_after_seconds == 1
    place.clock.sleep(0.25)
    assert place.ask() == quota("key key_1", 1, 0)


@pytest.mark.parametrize("seconds", [0, 0.5, 29.9, 30, 59.999])
def test_whoever_comes_again_when_told_is_in_the_next_minute(seconds: float) -> None:
    place = Place(limits=Limits(per_minute=1))
    place.clock.sleep(seconds)
    place.ask()
    wait = place.refused().retry_after_seconds
    assert 1 <= wait <= 60
    place.clock.sleep(wait)
    place.ask()


def test_calls_that_ask_for_nothing_are_not_counted() -> None:
    place = Place(limits=Limits(per_minute=1))
    for _ in range(5):
        place.gate.caller("Bearer one", Scope.READ)
        place.gate.known("Bearer one")
    assert place.ask() == quota("key key_1", 1, 0)


def test_other_limits_are_no_rates() -> None:
    place = Place(of_tenant=Limits(usd_per_day=0), limits=Limits(concurrency=1))
    assert [place.ask() for _ in range(3)] == [None, None, None]
