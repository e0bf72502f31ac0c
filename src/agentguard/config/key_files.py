# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Whose private key lies in this file?

Reads a key to tell its public part, which a policy lists; the private part is not kept.

INVARIANT: a key that others than its owner can read proves nothing, and no error holds a path or
a key (tests/config/test_key_files.py).
"""

import os
import stat
from typing import BinaryIO

from agentguard.errors import IdentityRequired
from agentguard.signing import public_key

_LONGEST = 16_384
_REMEDY = "give a file with an Ed25519 private key in PEM, without a passphrase"


def public_key_of_file(path: str | os.PathLike[str]) -> str:
    """Return the public part of the key in a file, as policies list it.

    Raises:
        IdentityRequired: the file cannot be read, belongs to somebody else, is open to others
            than its owner, or holds no key.
    """
    try:
        # Without waiting for what is no file to be written to.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            problem = _problem_of(file)
            private = b"" if problem else file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: the path may be none
        problem, private = f"cannot be read ({type(error).__name__})", b""
    if problem is not None:
        raise IdentityRequired(f"the key file {problem}", remedy=_REMEDY)
    if len(private) <= _LONGEST:
        try:
            return public_key(private)
        except ValueError:
            pass
    raise IdentityRequired("the key file holds no key that can be read", remedy=_REMEDY)


def _problem_of(file: BinaryIO) -> str | None:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    if os.name != "posix":
        return None
    if status.st_uid != os.geteuid():
        return "belongs to another user than this process runs as"
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return "is open to others than its owner: chmod 600 it"
    return None
