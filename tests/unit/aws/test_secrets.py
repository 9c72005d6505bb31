"""The vendors' keys: read seldom, checked, never quoted."""

import json
from typing import Any

import pytest

from easel.aws import secrets
from easel.aws.secrets import SecretVendorKeys
from easel.errors import SettingsError

PLANTED = "PLANTED-KEY"


class Secret:
    """A client of Secrets Manager with one secret."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reads = 0

    def get_secret_value(self, **asked: Any) -> dict[str, str]:
        self.reads += 1
        assert asked == {"SecretId": "arn"}
        return {"SecretString": self.text}


def keys_of(text: str) -> dict[str, str]:
    return dict(SecretVendorKeys(Secret(text), "arn").get())


def test_keys_are_those_of_the_secret() -> None:
    assert keys_of('{"mulerouter": "a", "aimlapi": "b"}') == {"mulerouter": "a", "aimlapi": "b"}


def test_endpoints_that_need_no_key_of_the_secrets_have_theirs_whatever_it_says() -> None:
    keys = SecretVendorKeys(Secret('{"mulerouter": "a", "sandbox": "b"}'), "arn", {"sandbox": "none"})
    assert keys.get() == {"mulerouter": "a", "sandbox": "none"}


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_empty_key_is_no_key(empty: str) -> None:
    assert keys_of(json.dumps({"mulerouter": "a", "aimlapi": empty})) == {"mulerouter": "a"}


def test_line_end_that_came_with_the_key_is_not_part_of_it() -> None:
    assert keys_of(json.dumps({"mulerouter": " sk-1\n"})) == {"mulerouter": "sk-1"}


@pytest.mark.parametrize(
    "text",
    [
        f"{PLANTED}",
        f'["{PLANTED}"]',
        f'"{PLANTED}"',
        f'{{"mulerouter": {{"key": "{PLANTED}"}}}}',
        f'{{"mulerouter": "{PLANTED}", "aimlapi": 1}}',
        "null",
    ],
)
def test_secret_of_another_form_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        keys_of(text)
    assert "PLANTED" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("damaged", ["key\\nX-Injected: 1", "ключ", "key\\u00e9", " "])
def test_key_that_no_header_may_have_counts_as_missing_and_harms_no_other_endpoint(damaged: str) -> None:
    assert keys_of(f'{{"mulerouter": "{damaged}", "aimlapi": "good"}}') == {"aimlapi": "good"}


def test_secret_is_read_again_after_a_while_so_that_a_rotation_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("easel.aws.secrets.time.monotonic", lambda: now[0])
    secret = Secret('{"mulerouter": "old"}')
    keys = SecretVendorKeys(secret, "arn")
    secret_was = [dict(keys.get()) for _ in range(3)]
    assert secret_was == [{"mulerouter": "old"}] * 3
    assert secret.reads == 1
    secret.text = '{"mulerouter": "new"}'
    now[0] += secrets.CACHE_SECONDS + 1
    assert keys.get() == {"mulerouter": "new"}


def test_deployment_without_keys_has_none() -> None:
    assert keys_of("{}") == {}
