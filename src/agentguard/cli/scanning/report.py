# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a person, or a program that reads JSON, see a scan?

INVARIANT: what is printed holds where something is and what it is, never a value
(tests/cli/test_scan_command.py).
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentguard.cli.output import visible
from agentguard.cli.scanning.places import Place
from agentguard.cli.scanning.progress import size_of
from agentguard.cli.scanning.sources import STDIN, Passed, PassedOver

_WHY = {
    Passed.BINARY: ("binary file", "binary files"),
    Passed.EXCLUDED: ("excluded path", "excluded paths"),
    Passed.LINK: ("symbolic link", "symbolic links"),
    Passed.SPECIAL: ("special file", "special files"),
    Passed.TOO_LARGE: ("file over the size limit", "files over the size limit"),
    Passed.UNREADABLE: ("unreadable path", "unreadable paths"),
}
_BOLD, _RED, _YELLOW, _DIM, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


@dataclass(slots=True, kw_only=True)
class Scan:
    """What a scan has found so far.

    Attributes:
        by: what looked: the policy or the built-in classes, and the profile.
        found: the name of a file with a place in it, in order.
        passed: what was not looked at.
        unplaced: files whose members could not be told apart, for classes that go by names.
        known: how many findings the baseline knew.
        files, bytes: how much was looked at.
    """

    by: str
    found: list[tuple[str, Place]] = field(default_factory=list)
    passed: list[PassedOver] = field(default_factory=list)
    unplaced: list[str] = field(default_factory=list)
    known: int = 0
    files: int = 0
    bytes: int = 0

    @property
    def complete(self) -> bool:
        """Whether all that was asked for could be looked at."""
        read = all(each.why is not Passed.UNREADABLE for each in self.passed)
        return read and not self.unplaced

    def as_json(self) -> dict[str, Any]:
        """Return the scan as JSON."""
        return {
            "looked_with": self.by,
            "files": self.files,
            "bytes": self.bytes,
            "complete": self.complete,
            "known": self.known,
            "members_not_looked_at": self.unplaced,
            "findings": [_plain(name, place) for name, place in self.found],
            "passed_over": [{"path": each.name, "why": each.why.value} for each in self.passed],
        }


def _plain(name: str, place: Place) -> dict[str, Any]:
    return {
        "path": name,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "start": place.start,
        "end": place.end,
        "length": place.length,
        "class": place.data_class,
        "detector": place.detector,
    }


class Paint:
    """Colours for a terminal that shows them; ``NO_COLOR`` switches them off."""

    def __init__(self, *, on: bool | None = None) -> None:
        """Choose.

        Args:
            on: whether to colour, by default where standard output is a terminal.
        """
        able = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._on = (able and not os.environ.get("NO_COLOR")) if on is None else on

    def __call__(self, style: str, text: str) -> str:
        """Return *text* in a style, where there are any."""
        return f"{style}{text}{_PLAIN}" if self._on else text


def line_of(name: str, place: Place, paint: Paint, *, secret: bool) -> str:
    """Return one finding as a line."""
    shown = "<stdin>" if name == STDIN else visible(name)
    where = f"{shown}:{place.line}:{place.column}:"
    return (
        f"{paint(_BOLD, where)} {paint(_RED if secret else _YELLOW, place.data_class)}"
        f" {paint(_DIM, f'{visible(place.detector)}, {place.length} characters')}"
    )


def table(scan: Scan) -> Iterator[str]:
    """Return the summary of a scan: findings and files of each class, and what was passed over."""
    findings = Counter(place.data_class for _, place in scan.found)
    files = Counter(data_class for _, data_class in {(n, p.data_class) for n, p in scan.found})
    if findings:
        width = max(map(len, findings))
        yield ""
        yield f"{'class':<{width}}  findings  files"
        for data_class, count in sorted(findings.items(), key=lambda row: (-row[1], row[0])):
            yield f"{data_class:<{width}}  {count:>8}  {files[data_class]:>5}"
        yield ""
    touched = len({name for name, _ in scan.found})
    known = f", {scan.known} known to the baseline" if scan.known else ""
    total = _counted(sum(findings.values()), "finding", "findings")
    yield (
        f"{total} in {touched} of {_counted(scan.files, 'file', 'files')}"
        f" ({size_of(scan.bytes)}){known}; looked with {scan.by}"
    )
    passed = Counter(each.why for each in scan.passed)
    if passed:
        told = (_counted(passed[why], *_WHY[why]) for why in Passed if passed[why])
        yield f"not looked at: {', '.join(told)}"

    if scan.unplaced:
        large = _counted(len(scan.unplaced), "large JSON file", "large JSON files")
        yield f"names and paths of members were not looked at in {large}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
