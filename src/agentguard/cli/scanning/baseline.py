# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which findings are known already?

A baseline holds a keyed digest for each finding, of its file, its class and its value, so that a
known finding may move within its file. The key lies in a file of its own: who has the baseline
alone cannot try out which values it holds, and learns no file's name.

INVARIANT: no value and no name of a file is in a baseline (tests/cli/test_scan_baseline.py).
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agentguard.cli.output import CommandFailed

FORM = "agentguard-scan-baseline-1"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Baseline:
    """The marks that are known, and the key that they were made with.

    Attributes:
        folder: what the names of files are taken relative to, so that it may be used anywhere.
    """

    folder: Path
    key: bytes = field(repr=False)
    known: frozenset[str] = frozenset()

    def mark(self, name: str, data_class: str, value: str) -> str:
        """Return what a finding is known by."""
        place = os.path.relpath(Path(name).absolute(), self.folder)
        told = json.dumps([Path(place).as_posix(), data_class, value]).encode("ascii")
        return hmac.new(self.key, told, hashlib.sha256).hexdigest()


def read_baseline(path: Path, key_path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        CommandFailed: it or its key cannot be read.
    """
    try:
        content = json.loads(path.read_bytes())
        known = frozenset(content["marks"])
        usable = content["form"] == FORM and all(isinstance(mark, str) for mark in known)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read ({type(error).__name__})") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        usable, known = False, frozenset()
    if not usable:
        raise CommandFailed(f"{path} is no baseline; write one with --write-baseline")
    key = _key(key_path)
    if key is None:
        raise CommandFailed(f"the key of the baseline is not at {key_path}; see --baseline-key")
    return Baseline(path.absolute().parent, key, known)


def new_baseline(path: Path, key_path: Path) -> Baseline:
    """Return an empty baseline, with the key that lies there or a new one.

    Raises:
        CommandFailed: no key can be read or written.
    """
    key = _key(key_path)
    if key is None:
        key = secrets.token_bytes(KEY_BYTES)
        try:
            descriptor = os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{key.hex()}\n")
        except OSError as error:
            told = f"no key can be written at {key_path} ({type(error).__name__})"
            raise CommandFailed(told) from None
    return Baseline(path.absolute().parent, key)


def write_baseline(path: Path, marks: Iterable[str]) -> None:
    """Write a baseline of these marks.

    Raises:
        CommandFailed: it cannot be written.
    """
    content = {"form": FORM, "marks": sorted(set(marks))}
    try:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="ascii")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written ({type(error).__name__})") from None


def _key(path: Path) -> bytes | None:
    """Return the key that lies there, None when there is no file."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read ({type(error).__name__})") from None
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise CommandFailed(f"{path} is no key: {KEY_BYTES} bytes in hexadecimal are expected")
    return key
