"""What `easel doctor --aws` finds of the account's quotas, which new accounts have little of.

By Service Quotas, Lambda's and API Gateway's by their codes (docs.aws.amazon.com/apigateway/latest/
developerguide/limits.html links the latter), Step Functions' token buckets by their names (what they are for:
docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
"""

from collections.abc import Callable, Iterator, Mapping

from easel_client.command.account import Account
from easel_client.command.findings import Finding, ok, warn

CONCURRENCY, API_CALLS = "L-B99A9384", "L-8A5B8E43"
TRANSITION, START = "StateTransition throttle token", "StartExecution throttle token"
TRANSITIONS_A_ROW = 6.2  # of a batch, its chunk's share included (README, What bounds a batch)
ROW_SECONDS = 30  # that a usual vendor takes
OTHERS = 50  # of Lambda's executions at a time, for the API and for single generations
ASK = "Ask for more in Service Quotas, or deploy with a lower BatchConcurrency."


def _functions_at_once(account: Account) -> Iterator[Finding]:
    quotas = _quotas(account, "lambda")
    found, rows = quotas.get(CONCURRENCY), int(account.parameters.get("BatchConcurrency", 0))
    if found is None:
        yield _untold("Lambda's concurrent executions")
    elif found < rows + OTHERS:
        text = f"{found:.0f} functions at a time; a batch alone may hold {rows} (BatchConcurrency)"
        yield warn("quota", text, ASK)
    else:
        yield ok("quota", f"{found:.0f} functions at a time")


def _workflows(account: Account) -> Iterator[Finding]:
    quotas, rows = _quotas(account, "states"), int(account.parameters.get("BatchConcurrency", 0))
    needed = rows / ROW_SECONDS
    buckets = ((TRANSITION, "state transitions", TRANSITIONS_A_ROW), (START, "executions", 1.0))
    for bucket, what, a_row in buckets:
        rate, burst = quotas.get(f"{bucket} refill rate per second"), quotas.get(f"{bucket} bucket size")
        if rate is None or burst is None:
            yield _untold(f"Step Functions' {what}")
            continue
        text = f"{rate:.0f} {what} a second, {burst:.0f} at once: {rate / a_row:.0f} images a second"
        if rate / a_row < needed:
            yield warn("quota", f"{text}; BatchConcurrency may want {needed:.0f}", ASK)
        else:
            yield ok("quota", text)


def _calls(account: Account) -> Iterator[Finding]:
    found = _quotas(account, "apigateway").get(API_CALLS)
    yield _untold("API Gateway's rate") if found is None else ok("quota", f"{found:.0f} API calls a second")


def _quotas(account: Account, service: str) -> dict[str, float]:
    """Values by code and by name: this account's own, where it has any, over AWS's defaults."""
    client, known = account.client("service-quotas"), {}
    for call in ("list_aws_default_service_quotas", "list_service_quotas"):
        for page in client.get_paginator(call).paginate(ServiceCode=service):
            for one in page["Quotas"]:
                known[one["QuotaCode"]] = known[one["QuotaName"]] = float(one["Value"])
    return known


def _untold(what: str) -> Finding:
    return warn("quota", f"{what} are not told by Service Quotas", "Look in its console.")


CHECKS: Mapping[str, Callable[[Account], Iterator[Finding]]] = {
    "functions at a time": _functions_at_once,
    "workflows": _workflows,
    "api calls": _calls,
}
