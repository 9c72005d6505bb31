"""The local stack's settings."""

import json
from pathlib import Path

import pytest

from easel.catalogue import CATALOGUE
from local.failure import StackError
from local.settings import SANDBOX_KEY, keep_api_key, keep_webhook_secret, read_env_file, read_settings

NO_FILE = Path("no-such-file")


def test_without_settings_every_vendor_is_its_sandbox() -> None:
    settings = read_settings({}, NO_FILE)
    assert (settings.port, settings.aws_port, settings.data.name) == (3000, 4566, ".easel")
    assert settings.vendors.keys() == CATALOGUE.endpoints.keys()
    assert all(vendor.sandboxed and vendor.key == SANDBOX_KEY for vendor in settings.vendors.values())


@pytest.mark.parametrize("endpoint", CATALOGUE.endpoints.values(), ids=lambda endpoint: endpoint.name)
def test_a_vendors_key_makes_it_real_at_its_own_address(endpoint: object) -> None:
    name, prefix = endpoint.name, endpoint.setting  # type: ignore[attr-defined]
    settings = read_settings({f"{prefix}_API_KEY": "sk-1"}, NO_FILE)
    vendor = settings.vendors[name]
    assert (vendor.key, vendor.base_url, vendor.sandboxed) == ("sk-1", None, False)
    assert sum(not other.sandboxed for other in settings.vendors.values()) == 1


def test_a_base_url_is_used_with_or_without_a_key() -> None:
    settings = read_settings({"MULEROUTER_BASE_URL": "http://127.0.0.1:9/mule/"}, NO_FILE)
    vendor = settings.vendors["mulerouter"]
    assert (vendor.key, vendor.base_url, vendor.sandboxed) == (SANDBOX_KEY, "http://127.0.0.1:9/mule", False)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("EASEL_PORT=4000\nEASEL_AWS_PORT=5000\n")
    settings = read_settings({"EASEL_PORT": "4001"}, file)
    assert (settings.port, settings.aws_port) == (4001, 5000)


def test_the_file_may_have_comments_quotes_and_export(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# keys\n\nexport A=1\nB = 'two words' # why\nC=\"#3\"\nD=four # comment\nE=\n")
    assert read_env_file(file) == {"A": "1", "B": "two words", "C": "#3", "D": "four", "E": ""}


def test_a_line_that_is_no_setting_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\nnonsense\n")
    with pytest.raises(StackError, match="line 2"):
        read_env_file(file)


@pytest.mark.parametrize("value", ["abc", "0", "65536", "-1", "30.5", "٣"])
def test_a_port_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(StackError, match="EASEL_PORT must be a port number from 1 to 65535"):
        read_settings({"EASEL_PORT": value}, NO_FILE)


@pytest.mark.parametrize("value", ["ftp://x", "localhost:8080", "http://", "http://x/?a=1"])
def test_a_base_url_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(StackError, match="DASHSCOPE_CN_BASE_URL must be an http or https URL"):
        read_settings({"DASHSCOPE_CN_BASE_URL": value}, NO_FILE)


@pytest.mark.parametrize(("value", "meant"), [("1", True), ("0", False), ("", False)])
def test_duplicates_are_asked_for(value: str, *, meant: bool) -> None:
    assert read_settings({"EASEL_DUPLICATES": value}, NO_FILE).duplicates is meant


def test_a_switch_that_is_neither_on_nor_off_is_refused_by_name() -> None:
    with pytest.raises(StackError, match="EASEL_DUPLICATES must be 0 or 1, not 'yes'"):
        read_settings({"EASEL_DUPLICATES": "yes"}, NO_FILE)


def test_the_api_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    key = keep_api_key(tmp_path)
    assert key.startswith("ezl_")
    assert len(key) > 40
    assert keep_api_key(tmp_path) == key
    assert (tmp_path / "api-key").stat().st_mode & 0o777 == 0o600


def test_the_webhook_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    secret = keep_webhook_secret(tmp_path)
    assert read_settings({"EASEL_WEBHOOK_SECRET": secret}, NO_FILE).webhook_secret == secret
    assert keep_webhook_secret(tmp_path) == secret
    assert (tmp_path / "webhook-secret").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_is_refused_is_not_quoted() -> None:
    with pytest.raises(StackError) as refused:
        read_settings({"EASEL_WEBHOOK_SECRET": "PLANTED"}, NO_FILE)
    assert "PLANTED" not in str(refused.value)
    secret = "whsec_" + "a" * 40
    assert secret not in repr(read_settings({"EASEL_WEBHOOK_SECRET": secret}, NO_FILE))


def test_webhooks_schedule_is_the_templates_unless_it_is_set() -> None:
    assert read_settings({}, NO_FILE).webhook_schedule is None
    assert read_settings({"EASEL_WEBHOOK_SCHEDULE": "1,2"}, NO_FILE).webhook_schedule == "1,2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EASEL_SANDBOX_LATENCY", "fast"),
        ("EASEL_AWS_PORT", "3000"),
        ("MULEROUTER_BASE_URL", "http://127.0.0.1:99999"),
        ("MULEROUTER_API_KEY", "ключ"),
        ("EASEL_VENDOR_LIMITS", "some"),
        ("EASEL_ROUTING_POLICY", "cheap"),
        ("EASEL_WEBHOOK_SECRET", "secret"),
        ("EASEL_WEBHOOK_SECRET", "whsec_c2hvcnQ="),
        ("EASEL_WEBHOOK_SECRET", "whsec_" + "!" * 40),
        ("EASEL_WEBHOOK_SCHEDULE", "soon"),
        ("EASEL_WEBHOOK_SCHEDULE", "1,1,1,1,1,1,1,1,1,1"),
        ("EASEL_VENDOR_LIMITS", '{"nobody/nothing": {}}'),
        ("EASEL_VENDOR_LIMITS", '{"aimlapi/qwen-image": {"per_second": 0}}'),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(StackError, match=name):
        read_settings({name: value}, NO_FILE)


def test_vendors_limits_hold_for_real_vendors_and_not_for_the_sandbox() -> None:
    sandboxed = json.loads(read_settings({}, NO_FILE).limits)
    assert sandboxed == {route: {} for route in CATALOGUE.routes}
    mixed = json.loads(read_settings({"DASHSCOPE_API_KEY": "sk-real"}, NO_FILE).limits)
    assert set(mixed) == {route for route in CATALOGUE.routes if not route.startswith("dashscope-intl/")}
    keys = {f"{endpoint.setting}_API_KEY": "real" for endpoint in CATALOGUE.endpoints.values()}
    assert read_settings(keys, NO_FILE).limits == "catalogue"
    assert read_settings({"EASEL_VENDOR_LIMITS": "off"}, NO_FILE).limits == "off"


def test_routing_policy_is_balanced_unless_it_is_set() -> None:
    assert read_settings({}, NO_FILE).routing_policy == "balanced"
    assert read_settings({"EASEL_ROUTING_POLICY": "cheapest"}, NO_FILE).routing_policy == "cheapest"
