# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an operator stop agents, and let them go on?

Writes the ledger that guards read before every call, and then the audit log. A mistake elsewhere
in the policy file does not keep anybody from stopping.

INVARIANT: what was stopped stays so when it cannot be written into the audit log
(tests/cli/test_stop_command.py).
"""

import argparse
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from agentguard.cli.erasures import write_down
from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.config import Deployment, load_places
from agentguard.stores import LedgerStore
from agentguard.vocabulary import AuditEntry, EntryType, Stop, StopScope
from agentguard.wiring import now, open_ledger

_LONGEST_REASON = 500
_ABOUT = {
    StopScope.WHO: ("ID", "every call with this identity in its chain"),
    StopScope.TOOL: ("NAME", "every call of this tool"),
    StopScope.PERSON: ("ID", "every call for this person"),
    StopScope.SESSION: ("KEY", "every call in this session: its id, or its key in the audit log"),
    StopScope.TENANT: ("ID", "every call for this tenant"),
}


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``stop``, ``resume`` and ``stops``."""
    stop = commands.add_parser(
        "stop",
        parents=[shared],
        help="stop agents: their calls are refused from the next second on",
        description="Refuse every call that this is about, in every process that uses the ledger,"
        " within a second and until it is resumed. Calls under way are not taken back.",
    )
    _add_subjects(stop)
    stop.add_argument("--reason", required=True, metavar="TEXT", help="why, for other operators")
    stop.set_defaults(run=_stop)
    resume = commands.add_parser("resume", parents=[shared], help="let go on what was stopped")
    _add_subjects(resume)
    resume.set_defaults(run=_resume)
    listing = commands.add_parser("stops", parents=[shared], help="see what is stopped, and why")
    listing.set_defaults(run=_list)


def _add_subjects(command: argparse.ArgumentParser) -> None:
    subjects = command.add_mutually_exclusive_group(required=True)
    subjects.add_argument("--all", action="store_true", help="every call")
    for scope, (metavar, told) in _ABOUT.items():
        subjects.add_argument(f"--{scope.value}", metavar=metavar, help=told)
    command.add_argument("--by", metavar="ID", help="who does it (default: the name you log in by)")


def _stop(options: argparse.Namespace) -> int:
    scope, key = _subject(options)
    why = options.reason.strip()
    if not why or len(why) > _LONGEST_REASON:
        raise CommandFailed(f"--reason needs 1 to {_LONGEST_REASON} characters")
    stop = Stop(scope=scope, key=key, by=_by(options), since=int(now().timestamp()), why=why)
    with _opened(options) as (ledger, deployment):
        is_new = ledger.stop(stop)
        if is_new:
            _write_down(deployment, EntryType.GUARD_STOPPED, stop)
    _tell(options, "stopped" if is_new else "was stopped already:", stop)
    return 0


def _resume(options: argparse.Namespace) -> int:
    scope, key = _subject(options)
    with _opened(options) as (ledger, deployment):
        before = next((s for s in ledger.stops() if (s.scope, s.key) == (scope, key)), None)
        if not ledger.resume(scope, key):
            print("it is not stopped: 'agentguard stops' says what is", file=sys.stderr)
            return 1
        by, since = _by(options), int(now().timestamp())
        why = "" if before is None else before.why
        resumed = Stop(scope=scope, key=key, by=by, since=since, why=why)
        _write_down(deployment, EntryType.GUARD_RESUMED, resumed)
    _tell(options, "resumed", resumed)
    return 0


def _list(options: argparse.Namespace) -> int:
    with _opened(options) as (ledger, _):
        stops = ledger.stops()
    if options.json:
        print_json([_row(each) for each in stops])
        return 0
    for each in stops:
        print(f"{_subject_of(each):<32} by {visible(each.by)} at {_at(each)}: {visible(each.why)}")
    if not stops:
        print("nothing is stopped")
    return 0


def _subject(options: argparse.Namespace) -> tuple[StopScope, str]:
    if options.all:
        return StopScope.ALL, ""
    named = ((scope, getattr(options, scope.value)) for scope in _ABOUT)
    scope, key = next((scope, key) for scope, key in named if key is not None)
    if not key.strip() or key != key.strip():
        raise CommandFailed(f"--{scope.value} needs a name without blanks around it")
    return scope, key


def _by(options: argparse.Namespace) -> str:
    if options.by is not None:
        if not options.by.strip() or not options.by.isprintable():
            raise CommandFailed("--by needs the id of somebody")
        return str(options.by.strip())
    try:
        return f"user:{getpass.getuser()}"
    except (KeyError, OSError):
        problem = "say who you are: --by user:..."
    raise CommandFailed(problem)


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[LedgerStore, Deployment]]:
    kept, deployment = load_places(options.config)
    ledger = open_ledger(kept)
    try:
        yield ledger, deployment
    finally:
        ledger.close()


def _write_down(deployment: Deployment, type: EntryType, stop: Stop) -> None:  # noqa: A002 - the entry's field
    details = {"scope": stop.scope.value, "subject": stop.key, "by": stop.by, "why": stop.why}
    told = {name: text for name, text in details.items() if text}
    entry = AuditEntry(type=type, at=now(), details=told)
    done = "stopped" if type is EntryType.GUARD_STOPPED else "resumed"
    write_down(deployment, entry, done=done)


def _tell(options: argparse.Namespace, what: str, stop: Stop) -> None:
    if options.json:
        print_json(_row(stop))
    else:
        print(f"{what} {_subject_of(stop)}")


def _row(stop: Stop) -> dict[str, str | None]:
    return {
        "scope": stop.scope.value,
        "subject": stop.key or None,
        "by": stop.by,
        "since": _at(stop),
        "why": stop.why,
    }


def _subject_of(stop: Stop) -> str:
    if stop.scope is StopScope.ALL:
        return "everything"
    return f"{stop.scope.value} {visible(stop.key)}"


def _at(stop: Stop) -> str:
    return f"{datetime.fromtimestamp(stop.since, UTC):%Y-%m-%dT%H:%M:%SZ}"
