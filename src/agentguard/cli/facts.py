# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of what decisions were made on, and how is it erased?

Counts by who called what, never values. An erasure is written into the audit log, by what was
chosen and how many calls it took, without the name of a session or a person; the entries about the
calls stay.

INVARIANT: an option without an id erases nothing (tests/cli/test_facts_command.py).
"""

import argparse
from collections import Counter
from typing import Any

from agentguard.cli.erasures import chosen_by, write_down
from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.cli.recorded import WHEN, Records, moment, open_records
from agentguard.stores import FactsSelection, StillLogged
from agentguard.vocabulary import AuditEntry, EntryType, ToolCall
from agentguard.wiring import now


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``facts list | erase``."""
    group = commands.add_parser(
        "facts", help="see what is kept of what decisions were made on, and erase it"
    )
    verbs = group.add_subparsers(required=True, metavar="COMMAND")
    listing = verbs.add_parser(
        "list", parents=[shared], help="count what is kept, by who called what"
    )
    listing.set_defaults(run=_list)
    erase = verbs.add_parser(
        "erase",
        parents=[shared],
        help="erase what is kept",
        description="Erase the facts of every call to which all of the options apply. The audit"
        " log keeps its entries and verifies as before.",
    )
    erase.add_argument("--session", metavar="ID", help="of this session")
    erase.add_argument("--tenant", metavar="ID", help="whose the session is")
    erase.add_argument("--person", metavar="ID", help="made for this person, as user:alice")
    erase.add_argument("--before", metavar="WHEN", help=f"decided before then: {WHEN}")
    erase.add_argument("--all", action="store_true", help="of all calls")
    erase.set_defaults(run=_erase)


def _list(options: argparse.Namespace) -> int:
    counts, missing = Counter[tuple[str, str]](), 0
    first: dict[tuple[str, str], str] = {}
    last: dict[tuple[str, str], str] = {}
    for decided in open_records(options.config).decided():
        if decided is None:
            missing += 1
            continue
        call = decided.call
        key = decided.chain.actor.id, call.tool if isinstance(call, ToolCall) else call.pair
        counts[key] += 1
        day = decided.at.strftime("%Y-%m-%d")
        first.setdefault(key, day)
        last[key] = day
    rows = [
        {"actor": key[0], "target": key[1], "calls": count, "first": first[key], "last": last[key]}
        for key, count in sorted(counts.items())
    ]
    if options.json:
        print_json({"kept": rows, "without_facts": missing})
        return 0
    for row in rows:
        line = f"{row['actor']:<28} {row['target']:<28} {row['calls']:>9}"
        print(visible(f"{line}  {row['first']} to {row['last']}"))
    if not rows:
        print("nothing is kept")
    if missing:
        print(f"of {missing} further calls only the audit entry is left")
    return 0


def _erase(options: argparse.Namespace) -> int:
    by = _chosen(options)
    records = open_records(options.config)
    problem = None
    try:
        gone = records.store.erase(_selection(options, records))
    except StillLogged as failure:
        gone, problem = sum(failure.gone.values()), str(failure)
    details = {"by": by, "calls": str(gone)}
    entry = AuditEntry(type=EntryType.FACTS_ERASED, at=now(), details=details)
    write_down(records.deployment, entry, create=False)
    if problem is not None:
        raise CommandFailed(problem)
    if options.json:
        print_json({"erased": gone})
    else:
        print(f"erased the facts of {gone} calls")
    return 0


def _chosen(options: argparse.Namespace) -> str:
    """Say what an erasure goes by."""
    chosen = {
        "session": options.session is not None,
        "person": options.person is not None,
        "age": options.before is not None,
        "all": options.all,
    }
    by = chosen_by(chosen)
    if not by:
        raise CommandFailed("say what to erase: --session, --person, --before or --all")
    if options.all and by != "all":
        raise CommandFailed("--all goes alone: what else is chosen would narrow it")
    if "" in (options.session, options.tenant, options.person):
        raise CommandFailed(
            "--session, --tenant and --person need an id: an empty one names nobody"
        )
    if options.tenant is not None and options.session is None:
        raise CommandFailed("--tenant says whose the session is: it goes with --session")
    return by


def _selection(options: argparse.Namespace, records: Records) -> FactsSelection:
    return records.keeper.selection(
        session=options.session,
        tenant=options.tenant or records.settings.tenant,
        person=options.person,
        before=moment(options.before, "--before"),
    )
