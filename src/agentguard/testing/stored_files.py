# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which files lie at the provider?

Keeps what was uploaded, so that it can be read back and a batch can be run.
It knows no API: how a file is described is written there.
"""

import threading
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file at the provider.

    Attributes:
        id: what names it.
        filename: the name that it was given.
        purpose: what it was uploaded for.
        content_type: the media type that it was given.
        content: its bytes.
        created: when it came, seconds since the epoch.
    """

    id: str
    filename: str = field(repr=False)
    purpose: str = field(repr=False)
    content_type: str = field(repr=False)
    content: bytes = field(repr=False)
    created: int


class StoredFiles:
    """The files of one provider; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stored: dict[str, StoredFile] = {}
        self._removed: set[str] = set()
        self._numbered = 0

    def add(
        self,
        content: bytes,
        *,
        filename: str,
        purpose: str,
        created: int,
        content_type: str = "application/octet-stream",
    ) -> StoredFile:
        """Keep a file under a new id."""
        with self._lock:
            self._numbered += 1
            stored = StoredFile(
                id=f"file-{self._numbered}",
                filename=filename,
                purpose=purpose,
                content_type=content_type,
                content=content,
                created=created,
            )
            self._stored[stored.id] = stored
            return stored

    def get(self, file_id: str) -> StoredFile | None:
        """Return a file, None for one that was never here or is gone."""
        with self._lock:
            return self._stored.get(file_id)

    def is_gone(self, file_id: str) -> bool:
        """Say whether a file was removed."""
        with self._lock:
            return file_id in self._removed

    def every(self) -> tuple[StoredFile, ...]:
        """Return the files in the order in which they came."""
        with self._lock:
            return tuple(self._stored.values())

    def remove(self, file_id: str) -> None:
        """Forget a file, known or not."""
        with self._lock:
            if self._stored.pop(file_id, None) is not None:
                self._removed.add(file_id)
