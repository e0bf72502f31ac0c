# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does another version of the policy come into force while calls are made?

The file is read and everything is made from it beside what is in force; only then is it exchanged.
A call that has begun ends under the policy that it began under. What belongs to the deployment
and not to the policy is not exchanged: that needs a new guard.

INVARIANT: a file that cannot be used, is not signed, or cannot be written down leaves what is in
force as it is (tests/attacks/test_reloading.py).
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agentguard.config import Settings, load, signature_path, trusted_keys
from agentguard.errors import AgentGuardError, ConfigError, GuardFailure, Problem
from agentguard.stores import StoreFailure, watch
from agentguard.tools import require_hooks
from agentguard.vocabulary import AuditEntry, EntryType
from agentguard.wiring import Parts, now, policed

_LOG = logging.getLogger("agentguard")

SHORTEST_INTERVAL = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """Which policy is in force, and what became of the last file that was read.

    Attributes:
        name, digest: of the policy in force.
        since: when it came into force.
        refused: why the newest file is not in force, None where it is.
        refused_at: when that was found.
    """

    name: str
    digest: str
    since: datetime
    refused: str | None = None
    refused_at: datetime | None = None


class Reloading:
    """Exchanges the policy of one guard.

    Args:
        parts: what the guard is made of.
        settings: what they were made from.
        trusted: the keys of which one must have signed the policy, as the guard was given them.
        environment: the environment that the guard was made for, None for none.
    """

    def __init__(
        self,
        parts: Parts,
        settings: Settings,
        trusted: Iterable[str] | None,
        environment: str | None,
    ) -> None:
        self._parts = parts
        self._settings = settings
        # Those of the environment, too, are asked for as long as the guard lives: programs clear it.
        keys = trusted_keys(None, os.environ) if trusted is None else trusted
        self._trusted = None if keys is None else tuple(keys)
        self._environment = environment
        self._one_at_a_time = threading.Lock()
        policy = settings.policy
        self._state = PolicyState(name=policy.name, digest=policy.digest, since=now())
        self._watching: _Watch | None = None

    @property
    def state(self) -> PolicyState:
        """Which policy is in force, and what became of the last file that was read."""
        return self._state

    def reload(self) -> PolicyState:
        """Read the file again and put what it says in force.

        Returns:
            What is in force now; the same as before where the file says the same.

        Raises:
            ConfigError: the file cannot be used, or changes what needs a new guard; what was in
                force stays in force.
            GuardFailure: the change could not be written down; what was in force stays in force.
        """
        with self._one_at_a_time:
            refusal: AgentGuardError | None = None
            try:
                self._exchange()
            except AgentGuardError as error:
                refusal = error
            if refusal is None:
                return self._state
            self._refused(refusal)
        raise refusal

    def reload_on_change(self, every: timedelta) -> None:
        """Look at the file again and again, in the background, and reload it when it changed.

        A file that is refused is told in the log ``agentguard``, in the audit log and in ``state``.

        Raises:
            ValueError: the interval is too short.
        """
        if every < SHORTEST_INTERVAL:
            raise ValueError(f"the shortest interval is {SHORTEST_INTERVAL.total_seconds()} s")
        self.close()
        self._watching = _Watch(self._settings.path, every, self._reload_quietly)

    def close(self) -> None:
        """Stop looking at the file."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.stop()

    def _reload_quietly(self) -> None:
        try:
            self.reload()
        except AgentGuardError as refusal:
            _LOG.warning("the changed policy is not in force: %s", refusal)

    def _exchange(self) -> None:
        settings = load(self._settings.path, trusted=self._trusted)
        _require_same_deployment(self._settings, settings)
        require_coverage(settings)
        policy, since = settings.policy, self._state.since
        require_hooks(self._parts.enforcer, policy)
        made = policed(settings, self._environment)
        if policy.digest != self._state.digest:
            details = {"replaces": self._state.digest}
            if settings.signed_by is not None:
                details["signed_by"] = settings.signed_by
            self._written(EntryType.POLICY_LOADED, policy.digest, details)
            since = now()
        made.come_into_force(self._parts)
        self._settings = settings
        self._state = PolicyState(name=policy.name, digest=policy.digest, since=since)

    def _written(self, what: EntryType, digest: str, details: dict[str, str]) -> None:
        """Write down a change, durably.

        Raises:
            GuardFailure: it cannot be written.
        """
        entry = AuditEntry(type=what, at=now(), policy=digest, details=details)
        try:
            self._parts.journal.append(entry, durable=True)
        except StoreFailure as error:
            failure = f"the audit log cannot be written: {error}"
        else:
            return
        raise GuardFailure(failure, part="audit")

    def _refused(self, refusal: AgentGuardError) -> None:
        """Note that a file was refused; that it cannot be written down changes nothing."""
        told = str(refusal)
        if told != self._state.refused:
            details = {"error": type(refusal).__name__}
            try:
                self._written(EntryType.POLICY_REFUSED, self._state.digest, details)
            except GuardFailure as failure:
                _LOG.warning("that a policy was refused could not be written down: %s", failure)
        state = self._state
        self._state = PolicyState(
            name=state.name,
            digest=state.digest,
            since=state.since,
            refused=told,
            refused_at=now(),
        )


def _require_same_deployment(old: Settings, new: Settings) -> None:
    """Refuse what a running guard cannot change.

    Raises:
        ConfigError: the store, the vault, the facts or the ledger are to be kept elsewhere or otherwise.
    """
    changed = {
        "deployment": old.deployment != new.deployment,
        "vault": old.vault != new.vault,
        "facts": old.facts != new.facts,
        "ledger": old.ledger != new.ledger,
    }
    problems = [
        Problem(
            file=str(new.path),
            key=key,
            line=None,
            message="cannot change while the guard runs: start a new one",
        )
        for key, differs in changed.items()
        if differs
    ]
    if problems:
        raise ConfigError(problems)


def require_coverage(settings: Settings) -> None:
    """Refuse to go on where a client library that must be guarded is not covered.

    Raises:
        ConfigError: one is not covered.
    """
    if not settings.policy.required_surfaces:
        return
    # Deferred: it brings the client libraries themselves.
    from agentguard.coverage.measuring import missing_coverage

    missing = missing_coverage(settings.policy)
    if missing:
        raise ConfigError(
            Problem(file=str(settings.path), key="coverage.require", line=None, message=each)
            for each in missing
        )


class _Watch:
    """Looks at a file and its signature; goes on in a child after a fork.

    A change counts once two looks in a row see the same, so that no half-written file is read.
    """

    def __init__(self, path: Path, every: timedelta, changed: Callable[[], None]) -> None:
        self._paths = (path, signature_path(path))
        self._every = every.total_seconds()
        self._changed = changed
        self._seen = self._look()
        self._stopped = threading.Event()
        self._start()
        watch(self)

    def stop(self) -> None:
        """Stop, and wait until a reload that is under way has ended."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def before_fork(self) -> None:
        """Do nothing: the thread stays with the parent."""

    def after_in_parent(self) -> None:
        """Do nothing: the thread goes on."""

    def after_in_child(self) -> None:
        """Look at the file in the child as well."""
        if not self._stopped.is_set():
            self._stopped = threading.Event()
            self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="agentguard-policy", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        pending = None
        while not self._stopped.wait(self._every):
            found = self._look()
            if found == self._seen:
                pending = None
            elif found == pending:
                self._seen, pending = found, None
                self._changed()
            else:
                pending = found

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(map(_standing, self._paths))


def _standing(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
