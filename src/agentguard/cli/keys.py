# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does an approver's key lie?

INVARIANT: a private key is written with access for its owner alone and never overwritten
(tests/cli/test_approvals_command.py).
"""

import getpass
import os
import re
from pathlib import Path

from agentguard.cli.output import CommandFailed
from agentguard.signing import new_key, public_key


def key_path(approver: str) -> Path:
    """Return where the key of an approver lies by default."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    name = re.sub(r"[^A-Za-z0-9._-]", "-", approver)
    return Path(base) / "agentguard" / f"{name}.pem"


def enrolled(path: Path, *, passphrase: bytes | None = None, reuse: bool = False) -> str:
    """Make an approver's key and return its public part.

    Args:
        path: where the private key goes.
        passphrase: encrypts the key, if given.
        reuse: take the key that lies there already, instead of failing.

    Raises:
        CommandFailed: a key lies there already, or it cannot be written.
    """
    if path.exists():
        if reuse:
            return _public_part(path)
        raise CommandFailed(f"a key lies at {path} already; it is never overwritten")
    private, public = new_key(passphrase)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(private)
    except OSError as error:
        problem = f"no key can be written at {path} ({type(error).__name__})"
    else:
        return public
    raise CommandFailed(problem)


def _public_part(path: Path) -> str:
    """Return the public part of a key that lies there already."""
    try:
        return public_key(private_key(path))
    except ValueError:
        problem = f"the public part of the key at {path} cannot be read without its passphrase"
    raise CommandFailed(f"{problem}; name it with --public-key")


def private_key(path: Path) -> bytes:
    """Read a private key file.

    Raises:
        CommandFailed: there is none.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"no key can be read at {path} ({type(error).__name__})"
    raise CommandFailed(f"{problem}; make one with 'agentguard approvals enroll'")


def unlocked(path: Path) -> tuple[bytes, bytes | None]:
    """Read a private key, asking for its passphrase if it has one.

    Raises:
        CommandFailed: there is none, or it cannot be read.
    """
    private = private_key(path)
    passphrase = None
    if b"ENCRYPTED" in private:
        passphrase = getpass.getpass(f"passphrase of {path}: ").encode()
    try:
        public_key(private, passphrase)
    except ValueError:
        problem = f"{path} cannot be read as a private key, or the passphrase is wrong"
    else:
        return private, passphrase
    raise CommandFailed(problem)
