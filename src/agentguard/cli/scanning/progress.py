# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How far is a scan?

One line at the end of standard error, rewritten a few times a second, and only where it is a
terminal.
"""

import shutil
import sys
import time

from agentguard.cli.output import visible

_EVERY_SECONDS = 0.1
_ERASE = "\r\x1b[K"


class Progress:
    """Counts what was looked at, and shows it while that goes on."""

    def __init__(self, *, shown: bool | None = None) -> None:
        """Begin to count.

        Args:
            shown: whether to show anything, by default where standard error is a terminal.
        """
        self.files = 0
        self.bytes = 0
        self.found = 0
        self._name = ""
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._next = 0.0
        self._drawn = False

    def begin(self, name: str) -> None:
        """Go on to the next file."""
        self.files += 1
        self._name = name
        self._draw()

    def read(self, size: int) -> None:
        """Count bytes that were read."""
        self.bytes += size
        self._draw()

    def clear(self) -> None:
        """Take the line away, before something else is printed."""
        if self._drawn:
            sys.stderr.write(_ERASE)
            sys.stderr.flush()
            self._drawn = False

    def _draw(self) -> None:
        if not self._shown or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_SECONDS
        line = f"files: {self.files}, read: {size_of(self.bytes)}, findings: {self.found}"
        room = shutil.get_terminal_size().columns - len(line) - 4
        if room > 0:
            line = f"{line}: {visible(self._name)[-room:]}"
        sys.stderr.write(f"{_ERASE}{line}")
        sys.stderr.flush()
        self._drawn = True


def size_of(count: int) -> str:
    """Return a number of bytes as a person reads it."""
    size = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - the step between the units
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
