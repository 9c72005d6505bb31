"""An AWS account with a stack of Easel in it, as `easel doctor --aws` looks at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

NEEDED = ("ApiUrl", "TableName", "VendorKeysSecretArn", "ImageBucketName", "InboxBucketName")


@dataclass
class Account:
    """How its services are called, and what is known of the stack once that was looked at."""

    client: Callable[[str], Any]
    stack: str
    region: str
    profile: str | None = None
    number: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def is_easel(self) -> bool:
        """Whether the stack has what every stack of Easel has."""
        return all(name in self.outputs for name in NEEDED)

    def resources(self, kind: str) -> Iterator[tuple[str, str]]:
        """The logical and the physical names of the stack's resources of a type."""
        pages = (
            self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.stack)
        )
        for page in pages:
            for one in page["StackResourceSummaries"]:
                if one["ResourceType"] == kind:
                    yield one["LogicalResourceId"], one["PhysicalResourceId"]
