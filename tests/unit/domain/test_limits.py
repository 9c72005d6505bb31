"""Limits: the catalogue's, none, or the deployment's own."""

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.limits import LATE_SECONDS, NO_LIMITS, RouteLimits, configured_limits
from easel.errors import SettingsError

OURS = {"a/m": RouteLimits(per_minute=2), "b/m": NO_LIMITS}


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (NO_LIMITS, 0),
        (RouteLimits(running=2), 0),
        (RouteLimits(per_second=2), 0.5),
        (RouteLimits(per_minute=2), 30),
        (RouteLimits(per_second=2, per_minute=10), 6),
        (RouteLimits(per_second=1, per_minute=600), 1),
    ],
)
def test_spacing_keeps_the_stricter_of_both_rates(limits: RouteLimits, seconds: float) -> None:
    assert limits.spacing_seconds == pytest.approx(seconds + LATE_SECONDS if seconds else 0)


@pytest.mark.parametrize("text", ["", "catalogue"])
def test_catalogues_limits_hold_unless_something_else_is_said(text: str) -> None:
    assert configured_limits(text, OURS) == OURS


def test_limits_that_are_off_are_off_for_every_route() -> None:
    assert configured_limits("off", OURS) == dict.fromkeys(OURS, NO_LIMITS)


def test_own_limits_replace_those_of_the_routes_that_they_name() -> None:
    own = configured_limits('{"b/m": {"per_second": 0.5, "running": 3}}', OURS)
    assert own == {"a/m": OURS["a/m"], "b/m": RouteLimits(per_second=0.5, running=3)}


def test_route_may_be_freed_of_its_limits() -> None:
    assert configured_limits('{"a/m": {}}', OURS)["a/m"] == NO_LIMITS


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("on", "must be catalogue, off, or JSON"),
        ("[]", "must be catalogue, off, or JSON"),
        ("{", "must be catalogue, off, or JSON"),
        ('{"a/m": 3}', "a/m"),
        ('{"a/m": {"per_hour": 3}}', "a/m.per_hour"),
        ('{"a/m": {"per_second": 0}}', "a/m.per_second"),
        ('{"a/m": {"per_minute": -1}}', "a/m.per_minute"),
        ('{"a/m": {"per_minute": Infinity}}', "a/m.per_minute"),
        ('{"a/m": {"running": 0}}', "a/m.running"),
        ('{"a/m": {"running": 1.5}}', "a/m.running"),
        ('{"c/m": {"running": 1}}', "c/m"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused_by_their_name(text: str, named: str) -> None:
    with pytest.raises(SettingsError, match="EASEL_VENDOR_LIMITS") as caught:
        configured_limits(text, OURS)
    assert named in str(caught.value)


def test_catalogue_knows_what_the_vendors_publish() -> None:
    routes = CATALOGUE.routes
    for region in ("intl", "cn"):
        assert routes[f"dashscope-{region}/qwen-image-max"].limits == RouteLimits(per_minute=2)
        plus = routes[f"dashscope-{region}/qwen-image-plus"]
        assert plus.limits == RouteLimits(per_second=2, running=2)
    assert routes["mulerouter/qwen-image-max"].limits == NO_LIMITS


def test_routes_of_one_account_share_one_count() -> None:
    scopes = {route.limit_scope for name, route in CATALOGUE.routes.items() if name.startswith("pixeldojo/")}
    assert scopes == {"pixeldojo"}
