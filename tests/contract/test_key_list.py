"""The list of API keys: what every book must do, in memory and in DynamoDB as moto plays it."""

from typing import Any

import pytest

from easel.aws import key_book
from easel.domain.tenancy import BookedKey
from tests.contract.key_shelves import HOUR, Shelf, Table


def test_page_has_every_key_by_tenant_and_age_or_those_of_one_tenant(shelf: Shelf) -> None:
    made = []
    for tenant in ("b", "a", "ab", "a"):
        made.append(shelf.book.create(tenant)[1])
        shelf.pass_time(HOUR)
    assert [one.key for one in shelf.all()] == [made[1], made[3], made[2], made[0]]
    assert [one.key for one in shelf.all("a")] == [made[1], made[3]]
    assert shelf.all("nobody") == []


@pytest.mark.parametrize("tenant", [None, "b"])
def test_pages_follow_each_other_and_split_no_key(
    shelf: Shelf, tenant: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_book, "PAGE_KEYS_MAX", 2)
    monkeypatch.setattr(shelf.book, "page_keys_max", 2, raising=False)
    for name in ("a", "b", "b", "c", "b"):
        _, key = shelf.book.create(name)
        shelf.book.rotate(key.id, HOUR)
    whole: list[BookedKey] = []
    cursor = None
    for _ in range(5):
        page = shelf.book.page(tenant, cursor)
        assert 0 < len(page.keys) <= 2
        whole += page.keys
        cursor = page.cursor
        if cursor is None:
            break
    assert [one.key.tenant for one in whole] == (["b"] * 3 if tenant else ["a", "b", "b", "b", "c"])
    assert len({one.key.id for one in whole}) == len(whole)
    assert all(one.former for one in whole)


def test_page_that_would_begin_after_the_tenants_end_is_not_asked_for(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table.client, "get_paginator", None, raising=False)  # DynamoDB refuses the query
    assert table.book.page("b", "c/key_1").keys == []


def test_index_is_read_to_its_end(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {table.book.create("acme")[1].id for _ in range(5)}
    client = table.client._client
    call = client._make_api_call

    def two_at_a_time(name: str, arguments: dict[str, Any]) -> Any:
        return call(name, arguments | ({"Limit": 2} if name == "Query" else {}))

    monkeypatch.setattr(client, "_make_api_call", two_at_a_time)
    assert {one.key.id for one in table.all()} == made
