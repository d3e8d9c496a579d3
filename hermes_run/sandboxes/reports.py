"""Read what the supervisor of a session reports. All of it is hostile: commands can write there."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, cast

import msgspec

LINE_BYTES = 200
"""A longer line is noise: no report is."""

Verb: TypeAlias = Literal["begun", "ready", "ended", "here", "lost", "gone"]

_NUMBERS = {b"begun": 0, b"ready": 0, b"ended": 3, b"here": 1, b"lost": 1, b"gone": 1}
_LINE = re.compile(rb"([a-z]{4,5})((?: [0-9]{1,9}){0,3})")


class Report(msgspec.Struct, frozen=True):
    """One line: about which command or group (*number*), its exit *code*, and the *group* left."""

    verb: Verb
    number: int = 0
    code: int = 0
    group: int = 0


class Reports(msgspec.Struct, frozen=True):
    """What was read: reports in order, all else in lines, and the begun line at the end."""

    reports: tuple[Report, ...]
    noise: bytes
    rest: bytes


def read_reports(content: bytes) -> Reports:
    """Take *content*, which begins with the rest of what was read before, apart into reports."""
    *lines, rest = content.split(b"\n")
    if len(rest) > LINE_BYTES:
        lines, rest = [*lines, rest], b""
    found = [(line, read_report(line)) for line in lines]
    return Reports(
        reports=tuple(report for _, report in found if report),
        noise=b"".join(line + b"\n" for line, report in found if not report),
        rest=rest,
    )


def read_report(line: bytes) -> Report | None:
    """Give the report on a line, or nothing where it is none."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    numbers = [int(number) for number in match[2].split()]
    if len(numbers) != _NUMBERS.get(match[1]) or numbers[1:2] > [255]:
        return None
    return Report(cast("Verb", match[1].decode()), *numbers)
