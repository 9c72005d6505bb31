"""Usage and health in the console: what was spent, how routes fare, and what is left of a key's limits."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from local.stack import LocalStack
from tests.browser.conftest import PHONE, Console
from tests.integration.easel_caller import EaselCaller

MULE, POOL = "mulerouter/qwen-image-max", "aimlapi/qwen-image"
PRICES = {MULE: Decimal("0.075"), POOL: Decimal("0.0455")}


@pytest.fixture(scope="module")
def today() -> date:
    """When these tests begin: the suite may have begun on the day before."""
    return datetime.now(UTC).date()


@pytest.fixture(scope="module")
def shop(stack: LocalStack, caller: EaselCaller, today: date) -> EaselCaller:
    """A tenant with a budget, that used two routes on many of the last 80 days."""
    order = {"tenant": "chart-shop", "name": "studio", "limits": {"usd_per_month": "40", "concurrency": 5}}
    made = caller.call("POST", "/v1/keys", order)
    assert made.status == 201, made.body
    for back in range(0, 80, 3):
        day = today - timedelta(days=back)
        used(stack, "chart-shop", day, MULE, succeeded=4, failed=1)
        used(stack, "chart-shop", day, POOL, succeeded=2, possibly=1)
    return EaselCaller(stack.url, made.body["secret"])


def used(stack: LocalStack, tenant: str, day: date, route: str, *, succeeded: int, **more: int) -> None:
    """Write a day's usage as the end of that many generations would have."""
    failed, possibly = more.get("failed", 0), more.get("possibly", 0)
    price = PRICES[route]
    numbers = {
        "generations": succeeded + failed, "succeeded": succeeded, "failed": failed,
        "asks": succeeded + failed, "images": succeeded,
        "billed": price * succeeded, "usd_billed": price * succeeded,
        "possibly_billed": price * possibly, "usd_possibly_billed": price * possibly,
    }  # fmt: skip
    item: dict[str, Any] = {
        "pk": {"S": f"usage#{tenant}"},
        "sk": {"S": f"{day.isoformat()}#{route.partition('/')[2]}#{route}#0"},
        "currency": {"S": "USD"},
        **{name: {"N": str(number)} for name, number in numbers.items()},
    }
    stack.aws.client("dynamodb").put_item(TableName=stack.outputs["TableName"], Item=item)


def test_spend_is_drawn_by_day_and_told_to_the_keyboard(
    console: Console, shop: EaselCaller, today: date
) -> None:
    page = console("#/usage", key=shop.key)
    columns = page.locator(".column")
    expect(columns).to_have_count(30)
    assert page.locator(".column path").count() == 3 * len(range(0, 30, 3))
    last = columns.last
    last.focus()
    expect(last).to_have_accessible_name(
        f"{today:%A, %B} {today.day}: $0.437, {MULE} $0.30, {POOL} $0.091, possibly billed $0.0455"
    )
    expect(page.locator(".chart-tip")).to_contain_text("$0.437")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(columns.nth(26)).to_be_focused()
    page.keyboard.press("Home")
    expect(columns.first).to_be_focused()


def test_totals_and_the_table_say_what_the_api_says(console: Console, shop: EaselCaller, today: date) -> None:
    page = console("#/usage?days=7", key=shop.key)
    expect(page.locator(".column")).to_have_count(7)
    told = shop.call("GET", f"/v1/usage?from={today - timedelta(days=6)}").body
    billed = Decimal(told["totals"]["usd"]["billed"]["amount"])
    expect(page.locator(".total").filter(has_text="Possibly")).to_contain_text("$0.137")
    expect(page.locator(".total").first.locator("dd").first).to_have_attribute("title", f"${billed}")
    page.get_by_text("Figures as a table").click()
    rows = page.get_by_role("table").locator("tbody tr")
    expect(rows).to_have_count(len(told["data"]))
    amounts = [Decimal(text) for text in rows.locator("td:nth-child(10)").all_inner_texts()]
    assert sum(amounts) == billed


def test_the_period_is_kept_in_the_address(console: Console, shop: EaselCaller) -> None:
    page = console("#/usage", key=shop.key)
    expect(page.locator(".column")).to_have_count(30)
    page.get_by_role("radio", name="90 days").check()
    expect(page.locator(".column")).to_have_count(90)
    page.reload()
    expect(page.locator(".column")).to_have_count(90)
    expect(page.get_by_role("radio", name="90 days")).to_be_checked()


def test_on_a_phone_ninety_days_are_drawn_by_week(console: Console, shop: EaselCaller) -> None:
    page = console("#/usage?days=90", key=shop.key, size=PHONE)
    expect(page.get_by_role("heading", name="Spend by week")).to_be_visible()
    expect(page.locator(".column")).to_have_count(13)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_who_used_nothing_is_told_so(console: Console, caller: EaselCaller) -> None:
    made = caller.call("POST", "/v1/keys", {"tenant": "idle-shop", "name": "idle"})
    page = console("#/usage", key=made.body["secret"])
    expect(page.get_by_text("Nothing was made in these 30 days")).to_be_visible()
    expect(page.get_by_text("Nothing limits what this key may spend")).to_be_visible()


def test_limits_are_shown_with_what_is_used_of_them(console: Console, shop: EaselCaller) -> None:
    page = console("#/usage", key=shop.key)
    expect(
        page.get_by_role("progressbar", name="Spend this month, this key: $0.00 of $40.00")
    ).to_be_visible()
    expect(page.get_by_role("progressbar", name="At work now, this key: 0 of 5")).to_be_visible()


def test_a_key_that_may_not_see_usage_still_sees_health(console: Console, caller: EaselCaller) -> None:
    order = {"tenant": "chart-shop", "name": "reader", "scopes": ["read"]}
    page = console("#/usage", key=caller.call("POST", "/v1/keys", order).body["secret"])
    expect(page.get_by_text("This key may not read this.")).to_be_visible()
    expect(page.locator(".vendor")).to_have_count(5)  # four, and the sandbox


def in_words(seconds: float) -> str:
    """As the console writes it."""
    minutes, left = divmod(round(seconds), 60)
    if minutes:
        return f"{minutes} min {left} s" if left else f"{minutes} min"
    return f"{seconds:.1f}".removesuffix(".0") + " s" if seconds < 10 else f"{left} s"


def test_health_says_success_and_seconds_of_each_route(console: Console, shop: EaselCaller) -> None:
    page = console("#/usage", key=shop.key)
    row = page.locator(".route-row").filter(has=page.get_by_text(MULE, exact=True))
    expect(row).to_contain_text("80.0 % of 50")
    expected = route_of(shop, MULE)["health"]["expected_seconds"]
    typical, slow = in_words(expected["typical"]), in_words(expected["slow"])
    expect(row.locator(".route-seconds")).to_have_text(f"Typically {typical} to {slow}")
    expect(page.locator(".verdict")).to_have_text("All 20 configured routes can be used.")


def test_health_names_what_fails_waits_or_has_no_key(console: Console, shop: EaselCaller) -> None:
    page = console("#/create", key=shop.key)
    page.route("**/v1/models", answer_with(lambda route: WORSE.get(route["name"], {})))
    page.goto(page.url.replace("create", "usage"))
    expect(page.locator(".verdict")).to_contain_text(f"{MULE} is failing")
    expect(state(page, MULE)).to_contain_text("Failing")
    expect(state(page, MULE)).to_contain_text("5 failures in a row")
    expect(state(page, "pixeldojo/qwen-image-max")).to_contain_text("Paused")
    expect(page.locator(".vendor").filter(has_text="AI/ML API")).to_contain_text("Not configured")


WORSE: dict[str, dict[str, Any]] = {
    MULE: {"health": {"state": "failing", "failures_in_a_row": 5}},
    "pixeldojo/qwen-image-max": {"health": {"state": "paused"}},
    POOL: {"ready": False},
}


def answer_with(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Route], None]:
    """Passes /v1/models on, each route with changes."""

    def answer(route: Route) -> None:
        response = route.fetch()
        told = response.json()
        for offered in (one for model in told["data"] for one in model["routes"]):
            changes = dict(change(offered))
            offered["health"] |= changes.pop("health", {})
            offered |= changes
        route.fulfill(response=response, json=told)

    return answer


def state(page: Page, route: str) -> Any:
    """The part of a route's row that says its state."""
    return page.locator(".route-row").filter(has=page.get_by_text(route, exact=True)).locator(".route-state")


def route_of(caller: EaselCaller, name: str) -> dict[str, Any]:
    """A route as /v1/models tells it."""
    models = caller.call("GET", "/v1/models").body["data"]
    return next(route for model in models for route in model["routes"] if route["name"] == name)
