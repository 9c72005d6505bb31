"""Telling webhooks: the step Deliver."""

import os
from collections.abc import Callable

from easel.aws.clients import client
from easel.aws.secrets import SecretText
from easel.domain.webhooks import SCHEDULE_SECONDS, schedule_of
from easel.public_http import PublicHttp
from easel.runtime import SystemClock, fact_log
from easel.settings import loopback_webhooks, setting
from easel.signatures import SigningKeys, keys_of
from easel.steps.deliver import Deliverer
from easel.wiring.ending import deliveries, tenants
from easel.wiring.records import images, store
from easel.wiring.trust import tls


def webhook_schedule() -> tuple[int, ...]:
    """Seconds after each failed attempt to tell a webhook. Raises SettingsError."""
    text = os.environ.get("EASEL_WEBHOOK_SCHEDULE")
    return schedule_of(text) if text else SCHEDULE_SECONDS


def signing_keys() -> Callable[[str], SigningKeys]:
    """The keys by which webhooks are signed, by tenant."""
    secret = SecretText(client("secretsmanager"), setting("EASEL_SIGNING_SECRET"))
    default_tenant = setting("EASEL_DEFAULT_TENANT")
    return lambda tenant: keys_of(tenant, secret.get(), default_tenant)


def deliverer() -> Deliverer:
    """The Deliver step."""
    posts, clock = PublicHttp(loopback_webhooks(), tls()), SystemClock()
    tell = fact_log().tell
    return Deliverer(
        store(), deliveries(), tenants(), images(), posts, signing_keys(), clock, tell, webhook_schedule()
    )
