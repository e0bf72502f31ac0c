# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do all tests share: a machine without a network, a clean environment, a first policy."""

import gc
import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import certifi
import pytest

from agentguard import Guard
from agentguard.config import starter
from agentguard.signing import new_key
from agentguard.stores import Journal
from agentguard.testing import LoopbackProvider, echo
from agentguard.testing.issuer import LoopbackIssuer
from agentguard.vocabulary import AuditEntry

INTERNET = (socket.AF_INET, socket.AF_INET6)
FOREIGN_VARIABLES = ("AGENTGUARD_", "ANTHROPIC_", "OPENAI_")
NOBODY = 65534
ENDED = count(1)


def on_this_machine(host: str) -> bool:
    """Say whether a host is this machine itself, without asking a name server."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def pytest_collection_finish() -> None:
    """Keep what was collected out of searches for garbage: it stays, and many tests ask for one."""
    gc.collect()
    gc.freeze()
    # Everything is searched when a test asks for it, and seldom else.
    gc.set_threshold(10_000, 20, 100)


def pytest_runtest_logfinish() -> None:
    """Keep out of them what pytest remembers of each test, too."""
    if next(ENDED) % 200 == 0:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Let no test of this process reach beyond the machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            plain = getattr(socket.socket, name)

            def guarded(self: socket.socket, address: Any, _plain: Any = plain) -> Any:
                if self.family in INTERNET and not on_this_machine(str(address[0])):
                    raise RuntimeError("a test tried to reach beyond this machine")
                return _plain(self, address)

            patch.setattr(socket.socket, name, guarded)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let HTTP clients trust one authority, for reading all of them takes each client 20 ms."""
    end = "-----END CERTIFICATE-----\n"
    first, _, _ = Path(certifi.where()).read_text(encoding="utf-8").partition(end)
    path = tmp_path_factory.mktemp("authorities") / "one.pem"
    path.write_text(first + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        patch.delenv("SSL_CERT_DIR", raising=False)
        yield


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's own keys and settings from every test."""
    for name in list(os.environ):
        if name.startswith(FOREIGN_VARIABLES):
            monkeypatch.delenv(name)


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that repeats what the user said."""
    with LoopbackProvider(echo) as running:
        yield running


@pytest.fixture(scope="session")
def approver_key() -> tuple[bytes, str]:
    """The key of user:carol, private and public."""
    return new_key()


@pytest.fixture
def policy_file(tmp_path: Path, approver_key: tuple[bytes, str]) -> Path:
    """The starter policy, with a key that the tests hold."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(approver_key[1]), encoding="utf-8")
    return path


@pytest.fixture
def guard(policy_file: Path) -> Iterator[Guard]:
    """A guard of the starter policy."""
    with Guard.from_file(policy_file) as made:
        yield made


@pytest.fixture
def guard_of(policy_file: Path) -> Iterator[Callable[[str], Guard]]:
    """Give the function that makes a guard of the starter policy with more tables."""
    with ExitStack() as guards:

        def made(tables: str) -> Guard:
            path = policy_file.with_name("more.toml")
            path.write_text(policy_file.read_text() + tables)
            return guards.enter_context(Guard.from_file(path))

        yield made


@pytest.fixture
def issuer() -> Iterator[LoopbackIssuer]:
    """Somebody who issues tokens."""
    with LoopbackIssuer() as running:
        yield running


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[AuditEntry]:
    """The entries that the journals take, in order, whether anybody waits for them or not."""
    taken: list[AuditEntry] = []
    append, offer = Journal.append, Journal.offer

    def appending(journal: Journal, entry: AuditEntry, **options: Any) -> Any:
        taken.append(entry)
        return append(journal, entry, **options)

    def offering(journal: Journal, entry: AuditEntry, **options: Any) -> bool:
        accepted = offer(journal, entry, **options)
        if accepted:
            taken.append(entry)
        return accepted

    monkeypatch.setattr(Journal, "append", appending)
    monkeypatch.setattr(Journal, "offer", offering)
    return taken


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """Give a folder that belongs to the user who writes in ``unprivileged``."""
    folder = Path(tempfile.mkdtemp(prefix="agentguard-"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """Give a block in which file permissions bind us, also when the tests run as root."""

    @contextmanager
    def block() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return block
