# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the vault keep, and how is it erased?

Counts by class and age, never values. An erasure is written into the audit log, by what was
chosen and how much it was, without the name of a session or a tenant.
It is written down as well when the erased bytes linger beside the store for a while.

INVARIANT: no value comes from the command line or goes to the terminal
(tests/cli/test_vault_command.py).
INVARIANT: an option without an id erases nothing (same file).
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from agentguard.cli.erasures import chosen_by, write_down
from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.config import Deployment, load_vault
from agentguard.config.durations import EXPECTED, duration
from agentguard.stores import StillLogged, VaultKeeper
from agentguard.vocabulary import AuditEntry, EntryType
from agentguard.wiring import now, vault_keeper


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``vault list | erase``."""
    group = commands.add_parser("vault", help="see how much the vault keeps, and erase it")
    verbs = group.add_subparsers(required=True, metavar="COMMAND")
    listing = verbs.add_parser("list", parents=[shared], help="count what is kept, by class")
    listing.set_defaults(run=_list)
    erase = verbs.add_parser(
        "erase",
        parents=[shared],
        help="erase what is kept",
        description="Erase everything to which all of the options apply. A guard that runs knows"
        " nothing of it from its next call on.",
    )
    erase.add_argument("--session", metavar="ID", help="of this session")
    erase.add_argument("--tenant", metavar="ID", help="of this tenant (default: the policy's)")
    erase.add_argument("--older-than", metavar="AGE", help="hidden at least that long ago, as 30d")
    erase.add_argument("--expired", action="store_true", help="past 'expire_after'")
    erase.add_argument(
        "--value-from-stdin", action="store_true", help="that holds the text on standard input"
    )
    erase.set_defaults(run=_erase)


def _list(options: argparse.Namespace) -> int:
    with _opened(options) as (keeper, _, _tenant):
        ages = keeper.census()
    if options.json:
        print_json(
            [
                {
                    "class": each.data_class,
                    "count": each.count,
                    "oldest": _instant(each.oldest),
                    "newest": _instant(each.newest),
                }
                for each in ages
            ]
        )
        return 0
    for each in ages:
        oldest, newest = _instant(each.oldest), _instant(each.newest)
        print(f"{visible(each.data_class):<24} {each.count:>9}  {oldest} to {newest}")
    if not ages:
        print("nothing is kept")
    return 0


def _erase(options: argparse.Namespace) -> int:
    chosen = {
        "session": options.session is not None,
        "tenant": options.tenant is not None,
        "age": options.older_than is not None,
        "expiry": options.expired,
        "value": options.value_from_stdin,
    }
    by = chosen_by(chosen)
    if not by:
        raise CommandFailed("say what to erase: --session, --tenant, --older-than, --expired")
    if options.value_from_stdin and by != "value":
        raise CommandFailed("a value is erased wherever it is: --value-from-stdin goes alone")
    if "" in (options.session, options.tenant):
        raise CommandFailed("--session and --tenant need an id: an empty one names nobody")
    problem = None
    with _opened(options) as (keeper, deployment, tenant):
        try:
            gone = _erased(options, keeper, tenant)
        except StillLogged as failure:
            gone, problem = failure.gone, str(failure)
        entry = AuditEntry(type=EntryType.VAULT_ERASED, at=now(), classes=gone, details={"by": by})
        write_down(deployment, entry)
    if problem is not None:
        raise CommandFailed(problem)
    if options.json:
        print_json({"erased": dict(gone)})
    else:
        print(f"erased {sum(gone.values())} values")
    return 0


def _erased(
    options: argparse.Namespace, keeper: VaultKeeper, tenant: str | None
) -> Mapping[str, int]:
    if not options.value_from_stdin:
        return keeper.erase(
            session=options.session,
            # A session belongs to a tenant; everything else does not ask for one.
            tenant=options.tenant or (tenant if options.session is not None else None),
            older_than=_age(options.older_than),
            expired=options.expired,
        )
    if sys.stdin.isatty():
        print("type the value and end it with Ctrl-D", file=sys.stderr)
    problem = None
    try:
        return keeper.erase_value(sys.stdin.read().rstrip("\r\n"))
    except ValueError as error:
        problem = str(error)
    raise CommandFailed(problem)


def _age(text: str | None) -> timedelta | None:
    age = None if text is None else duration(text)
    if text is not None and age is None:
        raise CommandFailed(f"--older-than {EXPECTED}")
    return age


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[VaultKeeper, Deployment, str | None]]:
    vault, deployment = load_vault(options.config)
    if vault is None:
        raise CommandFailed("the policy file has no [vault]: nothing is kept beyond a process")
    keeper = vault_keeper(vault)
    try:
        yield keeper, deployment, vault.tenant
    finally:
        keeper.close()


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
