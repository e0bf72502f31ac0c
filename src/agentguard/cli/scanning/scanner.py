# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is found in each source, and what could not be looked at?

Opens one source after the other and notes on the scan what became of it. A source that cannot be
read does not end the scan; the scan is then incomplete, and says so. A detector that fails ends it.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agentguard.cli.output import CommandFailed
from agentguard.cli.scanning.baseline import Baseline
from agentguard.cli.scanning.members import is_cut_json, joined, placed_findings
from agentguard.cli.scanning.places import Place, Window, places, windows
from agentguard.cli.scanning.progress import Progress
from agentguard.cli.scanning.reading import NotText, pieces
from agentguard.cli.scanning.report import Scan
from agentguard.cli.scanning.sources import STDIN, Passed, PassedOver, Source
from agentguard.redaction import NOTHING_PLACED, PlacedClasses
from agentguard.vocabulary import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """Looks at sources and keeps the score.

    Attributes:
        find: what finds, sorted and without overlaps.
        told: the classes that are told.
        placed: the classes that belong to names and paths of members.
        scan: where it is noted.
        progress: told of every step.
        baseline: gives every finding its mark, and knows some of them.
    """

    find: Callable[[str], Sequence[Finding]]
    told: frozenset[str]
    placed: PlacedClasses = NOTHING_PLACED
    scan: Scan
    progress: Progress
    baseline: Baseline | None = None

    def over(self, sources: Iterable[Source | PassedOver]) -> Iterator[tuple[str, Place]]:
        """Return what is found and not known yet, as it is found."""
        for source in sources:
            if isinstance(source, PassedOver):
                self.scan.passed.append(source)
                continue
            self.progress.begin(source.name)
            why = None
            try:
                yield from self._in(source)
            except NotText:
                why = Passed.BINARY
            except OSError:
                why = Passed.UNREADABLE
            if why is None:
                self.scan.files += 1
            else:
                self.scan.passed.append(PassedOver(source.name, why))
        self.scan.bytes = self.progress.bytes

    def _in(self, source: Source) -> Iterator[tuple[str, Place]]:
        with _opened(source.path) as stream:
            cuts = self._noted(windows(pieces(stream, self.progress.read)), source.name)
            for place in places(cuts, self._found, self._mark(source.name)):
                if place.data_class not in self.told:
                    continue
                if self.baseline is not None and place.mark in self.baseline.known:
                    self.scan.known += 1
                    continue
                self.scan.found.append((source.name, place))
                self.progress.found += 1
                yield source.name, place

    def _noted(self, cuts: Iterable[Window], name: str) -> Iterator[Window]:
        """Note a file that is one JSON text and too large for its members to be told apart."""
        first = None
        for window in cuts:
            if first is not None and window.start and self.placed and is_cut_json(first):
                self.scan.unplaced.append(name)
            first = None if window.start else window.text
            yield window

    def _found(self, text: str) -> Sequence[Finding]:
        try:
            found = self.find(text)
            return joined(found, placed_findings(text, self.placed)) if self.placed else found
        except Exception as error:  # noqa: BLE001 - a detector may come from anywhere
            # What it says may hold the text.
            failed = type(error).__name__
        raise CommandFailed(f"a detector failed ({failed}); nothing can be said of what is left")

    def _mark(self, name: str) -> Callable[[str, str], str]:
        baseline = self.baseline
        if baseline is None:
            return lambda _class, _value: ""
        # Where the command is run changes nothing for what comes through a pipe.
        place = str(baseline.folder / STDIN) if name == STDIN else name
        return lambda data_class, value: baseline.mark(place, data_class, value)


def _opened(path: Path | None) -> "nullcontext[BinaryIO] | BinaryIO":
    return nullcontext(sys.stdin.buffer) if path is None else path.open("rb")
