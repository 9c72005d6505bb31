"""What `easel doctor` finds."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Whether it is as it should be."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `advice` says what to do."""

    verdict: Verdict
    subject: str
    text: str
    advice: str = ""


def ok(subject: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(Verdict.OK, subject, text)


def warn(subject: str, text: str, advice: str = "") -> Finding:
    """It works, but somebody should look."""
    return Finding(Verdict.WARN, subject, text, advice)


def fail(subject: str, text: str, advice: str = "") -> Finding:
    """It does not work."""
    return Finding(Verdict.FAIL, subject, text, advice)
