"""What `easel doctor --aws` finds of what the stack is made of."""

import json
from collections.abc import Callable, Iterator, Mapping

from easel_client.command.account import Account
from easel_client.command.doctor_machine import is_easel
from easel_client.command.findings import Finding, fail, ok, warn

CREATE_KEY = "make key TENANT=default STACK={stack} ADMIN=1"
PUT_KEYS = (
    """aws secretsmanager put-secret-value --secret-id {arn} --secret-string '{{"mulerouter": "..."}}'"""
)
SECRET_CHARACTERS_MIN = 24  # a signing secret's; the generated one has 64
FUNCTION = "AWS::Lambda::Function"
DEPLOY = "`make deploy` puts right what was changed by hand."


def _api(account: Account) -> Iterator[Finding]:
    url = account.outputs["ApiUrl"]
    if is_easel(url):
        yield ok("api", f"{url} answers; keep it with `easel login --url {url}`")
    else:
        yield fail("api", f"{url} does not answer", "Look at the api function's log.")


def _functions(account: Account) -> Iterator[Finding]:
    aws, names = account.client("lambda"), dict(account.resources(FUNCTION))
    ailing = []
    for name, physical in names.items():
        found = aws.get_function_configuration(FunctionName=physical)
        states = (found.get("State", "Active"), found.get("LastUpdateStatus", "Successful"))
        if states[0] == "Failed" or states[1] == "Failed":
            ailing.append(f"{name} ({found.get('StateReason') or found.get('LastUpdateStatusReason')})")
    if ailing:
        yield fail(
            "functions", f"{', '.join(ailing)} cannot be invoked", "Deploy again; else look at Lambda."
        )
    else:
        yield ok("functions", f"{len(names)} are there")


def _vendor_keys(account: Account) -> Iterator[Finding]:
    """Which endpoints have a key; never the keys."""
    arn = account.outputs["VendorKeysSecretArn"]
    try:
        known = json.loads(account.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    except (ValueError, KeyError):
        known = None
    if not isinstance(known, Mapping) or not all(isinstance(key, str) for key in known.values()):
        yield fail("vendor keys", "the secret is not a JSON object of strings", f"Put one into {arn}.")
        return
    names = sorted(name for name, key in known.items() if key)
    if names:
        yield ok("vendor keys", ", ".join(names))
    else:
        yield fail("vendor keys", "there is none", PUT_KEYS.format(arn=arn))


def _webhook_secret(account: Account) -> Iterator[Finding]:
    """Whether there is one that is long enough; never the secret."""
    arn = account.outputs["WebhookSecretArn"]
    text = account.client("secretsmanager").get_secret_value(SecretId=arn).get("SecretString", "")
    if len(text) >= SECRET_CHARACTERS_MIN:
        yield ok("webhooks", "there is a secret to sign them with")
    else:
        yield fail("webhooks", "the secret that signs them is too short", f"Put a `whsec_...` into {arn}.")


def _first_key(account: Account) -> Iterator[Finding]:
    """Whether there is any; the table lists them under `keys`."""
    found = account.client("dynamodb").query(
        TableName=account.outputs["TableName"],
        IndexName="by_tenant",
        KeyConditionExpression="list_pk = :list",
        ExpressionAttributeValues={":list": {"S": "keys"}},
        Limit=1,
    )
    if found["Items"]:
        yield ok("api key", "there is at least one")
    else:
        yield fail("api key", "none was made yet", CREATE_KEY.format(stack=account.stack))


def _table(account: Account) -> Iterator[Finding]:
    aws, table = account.client("dynamodb"), account.outputs["TableName"]
    told = aws.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = told.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
        since = recovery.get("EarliestRestorableDateTime")
        yield ok("table", f"can be restored to any second{f' since {since:%Y-%m-%d %H:%M}' if since else ''}")
    else:
        yield fail("table", f"{table} has no point-in-time recovery", DEPLOY)
    expiry = aws.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]
    if expiry not in ("ENABLED", "ENABLING"):
        yield warn("table", f"{table} forgets no record: its time to live is {expiry}", DEPLOY)


def _buckets(account: Account) -> Iterator[Finding]:
    aws = account.client("s3")
    for output in ("ImageBucketName", "InboxBucketName"):
        name = account.outputs[output]
        blocked = aws.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        open_doors = sorted(door for door, shut in blocked.items() if not shut)
        if open_doors or len(blocked) < 4:
            yield fail("bucket", f"{name} may be made public ({', '.join(open_doors)})", DEPLOY)
        elif not aws.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]:
            yield fail("bucket", f"{name} is not encrypted", DEPLOY)
        else:
            yield ok("bucket", f"{name} is private and encrypted")


def _logs(account: Account) -> Iterator[Finding]:
    """Of a function without a group Lambda makes one at its first line, which is kept for ever."""
    aws, kept, lasting = account.client("logs"), set(), []
    for page in aws.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/aws/lambda/"):
        for group in page["logGroups"]:
            kept |= {group["logGroupName"]} if "retentionInDays" in group else set()
    functions = list(account.resources(FUNCTION))
    lasting = [name for name, physical in functions if f"/aws/lambda/{physical}" not in kept]
    if lasting:
        yield warn("logs", f"of {', '.join(lasting)} are kept for ever", DEPLOY)
    else:
        yield ok("logs", f"of {len(functions)} functions are kept for a while only")


def _alarms(account: Account) -> Iterator[Finding]:
    prefix = f"easel-{account.parameters.get('Stage', '')}-"
    pages = account.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    ringing = [alarm for alarm in alarms if alarm["StateValue"] == "ALARM"]
    for alarm in ringing:
        _, _, action = alarm.get("AlarmDescription", "").partition(" Do: ")
        yield warn("alarm", f"{alarm['AlarmName']} rings", action)
    if not alarms:
        yield fail("alarms", f"there is none whose name begins with {prefix}", DEPLOY)
    elif not ringing:
        yield ok("alarms", f"none of {len(alarms)} rings")


def _alarm_topic(account: Account) -> Iterator[Finding]:
    topic = account.outputs["AlarmTopicArn"]
    pages = account.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    arns = [one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]]
    if any(arn.startswith("arn:") for arn in arns):
        yield ok("alarm topic", "somebody is told")
    elif arns:
        yield warn(
            "alarm topic", "nobody is told yet", "Confirm the subscription, by the e-mail that AWS sent."
        )
    else:
        yield warn("alarm topic", "nobody is told", "Deploy with AlarmEmail=you@example.com.")


CHECKS: Mapping[str, Callable[[Account], Iterator[Finding]]] = {
    "api": _api,
    "functions": _functions,
    "vendor keys": _vendor_keys,
    "webhooks": _webhook_secret,
    "api key": _first_key,
    "table": _table,
    "bucket": _buckets,
    "logs": _logs,
    "alarms": _alarms,
    "alarm topic": _alarm_topic,
}
