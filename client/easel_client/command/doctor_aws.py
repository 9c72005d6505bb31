"""What `easel doctor --aws` finds in the AWS account of the shell's settings. It only reads."""

from collections.abc import Callable, Iterator
from typing import Any

from easel_client.command import doctor_quotas, doctor_stack, doctor_trial
from easel_client.command.account import NEEDED, Account
from easel_client.command.findings import Finding, fail, ok, warn

STEADY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
# What the template is made of, by botocore's names.
SERVICES = (
    "apigatewayv2", "cloudformation", "cloudwatch", "dynamodb", "events", "lambda", "logs", "s3",
    "secretsmanager", "sns", "sqs", "stepfunctions", "xray",
)  # fmt: skip
# "Lambda SnapStart is available in all commercial Regions except Asia Pacific (New Zealand) and Asia Pacific
# (Taipei)" (https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html, read 2026-11).
WITHOUT_SNAPSTART = ("ap-southeast-6", "ap-east-2")
ARM = "Whether Lambda has arm64 there says aws.amazon.com/lambda/pricing (Arm Price)."
Check = Callable[[Account], Iterator[Finding]]


def findings(stack: str, profile: str | None, *, trial: bool) -> Iterator[Finding]:
    """The SDK, credentials, region, the stack with all that it is made of, quotas; with `trial`, runs of it
    that buy nothing."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import ProfileNotFound
    except ImportError:
        how = "pipx inject easel-client boto3, or install `easel-client[aws]`."
        yield fail("aws sdk", "is not installed", how)
        return
    yield ok("aws sdk", f"boto3 {boto3.__version__}")
    try:
        session = boto3.Session()
    except ProfileNotFound as error:
        yield fail("profile", str(error), "Set AWS_PROFILE to one of `aws configure list-profiles`.")
        return
    if not session.region_name:
        yield fail("region", "is not set", "Set AWS_DEFAULT_REGION, or `region` in the AWS profile.")
        return
    yield region(session)
    config = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 2})

    def client(service: str) -> Any:
        return session.client(service, config=config)  # type: ignore[call-overload,unused-ignore]

    account = Account(client, stack, session.region_name, profile)
    yield from _checked("credentials", _credentials, account)
    if account.number:
        yield from _checked("stack", _stack, account)
    if account.is_easel:
        checks = {**doctor_stack.CHECKS, **doctor_quotas.CHECKS, **(doctor_trial.CHECKS if trial else {})}
        for subject, check in checks.items():
            yield from _checked(subject, check, account)


def _checked(subject: str, check: Check, account: Account) -> Iterator[Finding]:
    """What may not be read, or is not there, is a finding too; the others are looked at all the same."""
    import botocore.exceptions

    try:
        yield from check(account)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        yield fail(subject, _words(error), _advice(subject, account.stack))


def region(session: Any) -> Finding:
    """Whether all is there that the template needs, by the SDK's list, which may be older than the region."""
    name = session.region_name
    partition = session.get_partition_for_region(name)
    known = {one: session.get_available_regions(one, partition_name=partition) for one in SERVICES}
    if missing := [service for service, regions in known.items() if name not in regions]:
        return warn(
            "region", f"{name} is not known to have {', '.join(missing)}", "Is the SDK older than it?"
        )
    return ok("region", f"{name} has all services of the template")


def _credentials(account: Account) -> Iterator[Finding]:
    who = account.client("sts").get_caller_identity()
    account.number = who["Account"]
    yield ok("credentials", f"account {account.number}, {who['Arn']}")


def _stack(account: Account) -> Iterator[Finding]:
    stack = account.client("cloudformation").describe_stacks(StackName=account.stack)["Stacks"][0]
    account.outputs |= {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
    account.parameters |= {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())}
    state = stack["StackStatus"]
    if state not in STEADY:
        yield warn("stack", f"{account.stack} is {state}", "Look at its events in CloudFormation.")
    else:
        yield ok("stack", f"{account.stack} is {state}")
    if missing := [one for one in NEEDED if one not in account.outputs]:
        yield fail("outputs", f"{', '.join(missing)} missing", "Is it a stack of Easel? Deploy it anew.")
    if account.region in WITHOUT_SNAPSTART and account.parameters.get("SnapStart", "None") != "None":
        yield fail("snapstart", f"{account.region} has none", "Deploy with SnapStart=None.")


def _words(error: Exception) -> str:
    told = getattr(error, "response", {}).get("Error", {})
    return f"{told.get('Code')}: {told.get('Message')}" if told else str(error)


def _advice(subject: str, stack: str) -> str:
    return {
        "credentials": "`aws configure`, `aws sso login`, or AWS_PROFILE.",
        "stack": f"`make deploy` makes it; --stack names another one than {stack}. {ARM}",
    }.get(subject, "Has this role the right to read it?")
