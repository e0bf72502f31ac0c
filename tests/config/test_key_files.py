# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""When does a key file prove anything?"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from agentguard.config.key_files import public_key_of_file
from agentguard.errors import IdentityRequired
from agentguard.signing import new_key


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    """Write a file with a mode."""
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refusal(path: Path) -> str:
    """Return what a refused key file is told, which holds neither its path nor its content."""
    with pytest.raises(IdentityRequired) as caught:
        public_key_of_file(path)
    told = str(caught.value)
    assert "canary" not in told
    assert caught.value.__context__ is None or "canary" not in str(caught.value.__context__)
    return told


def test_a_key_that_only_its_owner_can_read_is_read(tmp_path: Path) -> None:
    """The public part is the one that a policy lists."""
    private, public = new_key()
    for mode in (0o600, 0o400):
        assert public_key_of_file(written(tmp_path / f"{mode}", private, mode)) == public
    assert public_key_of_file(str(tmp_path / "384")) == public


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644, 0o666])
def test_a_key_that_others_can_reach_proves_nothing(tmp_path: Path, mode: int) -> None:
    """Whoever can read or change the file could be the identity, too."""
    told = refusal(written(tmp_path / "canary.pem", new_key()[0], mode))
    assert "open to others" in told
    assert "chmod 600" in told


def test_a_link_to_a_key_counts_as_the_file_that_it_leads_to(tmp_path: Path) -> None:
    """The mode of the file that is read decides."""
    target = written(tmp_path / "target.pem", new_key()[0], 0o644)
    link = tmp_path / "canary.pem"
    link.symlink_to(target)
    assert "open to others" in refusal(link)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_key_of_another_user_proves_nothing(
    shared_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    """A process that can read everything is not everybody."""
    path = shared_folder / "canary.pem"
    with unprivileged():
        written(path, new_key()[0])
    assert "belongs to another user" in refusal(path)


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    """Text, half a key, a key with a passphrase, and keys of other kinds or too long."""
    other = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    contents = [
        b"",
        b"canary",
        new_key()[0][:-40],
        new_key(b"canary-passphrase")[0],
        other,
        new_key()[0] + b"\n" * 20_000,
    ]
    for content in contents:
        assert "holds no key" in refusal(written(tmp_path / "canary.pem", content))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, a missing file, a name that is none; a pipe is not waited for."""
    os.mkfifo(tmp_path / "canary-pipe", 0o600)
    assert "no regular file" in refusal(tmp_path / "canary-pipe")
    for path in (tmp_path, tmp_path / "canary-missing", Path("canary\0")):
        assert "cannot be read" in refusal(path)
