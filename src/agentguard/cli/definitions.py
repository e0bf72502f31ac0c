# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which definitions of servers' tools are trusted, and which wait for somebody to look at them?

INVARIANT: what is approved is exactly what was shown (tests/cli/test_definitions_command.py).
"""

import argparse
import difflib
import json
import sys
from collections.abc import Iterator
from typing import Any

from agentguard.cli.erasures import write_down
from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.config import Deployment, load_policy
from agentguard.stores import DefinitionStore, KeptDefinition
from agentguard.vocabulary import AuditEntry, EntryType
from agentguard.wiring import now


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``definitions list | show | approve``."""
    group = commands.add_parser(
        "definitions",
        help="see what servers say of their tools, and approve what changed",
        description="The first definition of a tool of an MCP server that a guard sees is trusted."
        " One that changed hides the tool until it is approved here.",
    )
    verbs = group.add_subparsers(required=True, metavar="COMMAND")
    listing = verbs.add_parser("list", parents=[shared], help="list tools and what is trusted")
    listing.set_defaults(run=_list)
    show = verbs.add_parser("show", parents=[shared], help="show what changed")
    show.add_argument("tool", help="its name in the policy, such as SERVER_TOOL")
    show.set_defaults(run=_show)
    approve = verbs.add_parser("approve", parents=[shared], help="trust what was seen last")
    approve.add_argument("tool", help="its name in the policy, such as SERVER_TOOL")
    approve.add_argument("--as", dest="approver", required=True, metavar="ID", help="your id")
    approve.add_argument("--digest", help="of the definition that you reviewed")
    approve.add_argument("--yes", action="store_true", help="do not ask again")
    approve.set_defaults(run=_approve)


def _list(options: argparse.Namespace) -> int:
    store, _ = _opened(options)
    kept = store.kept()
    if options.json:
        print_json([_plain(each) for each in kept])
        return 0
    for each in kept:
        state = "trusted" if each.seen is None else "changed"
        line = f"{each.tool:<32}  {state}  since {each.trusted_at} by {each.trusted_by}"
        print(visible(line))
    if not kept:
        print("no definition of a server's tool was seen yet")
    return 0


def _show(options: argparse.Namespace) -> int:
    store, _ = _opened(options)
    kept = _found(store, options.tool)
    if options.json:
        print_json(_plain(kept))
    else:
        _print(kept)
    return 0


def _approve(options: argparse.Namespace) -> int:
    if options.json and not options.yes:
        raise CommandFailed("with --json nobody is asked; add --yes and --digest to approve")
    if not options.approver.strip() or not options.approver.isprintable():
        raise CommandFailed("--as needs the id of somebody")
    if options.yes and options.digest is None:
        raise CommandFailed("with --yes, --digest says which definition was reviewed")
    store, deployment = _opened(options)
    kept = _found(store, options.tool)
    if kept.seen is None:
        print("nothing changed: the definition that was seen last is trusted", file=sys.stderr)
        return 1
    if options.digest not in (None, kept.seen):
        raise CommandFailed("another definition was seen since; look at it again")
    if not options.json:
        _print(kept)
    if not options.yes and not _confirmed():
        print("nothing was approved")
        return 1
    if not store.approve(kept.tool, kept.seen, by=options.approver, at=now()):
        raise CommandFailed("another definition was seen since; look at it again")
    details = {"by": options.approver, "definition": kept.seen, "before": kept.trusted}
    entry = AuditEntry(
        type=EntryType.DEFINITION_APPROVED, at=now(), target=kept.tool, details=details
    )
    write_down(deployment, entry, done="approved")
    if options.json:
        print_json(_plain(_found(store, kept.tool)))
    else:
        print("approved: the tool may be used as the policy says, once it is listed again")
    return 0


def _opened(options: argparse.Namespace) -> tuple[DefinitionStore, Deployment]:
    _, deployment = load_policy(options.config)
    return DefinitionStore(deployment.store), deployment


def _found(store: DefinitionStore, tool: str) -> KeptDefinition:
    found = [each for each in store.kept() if each.tool == tool]
    if not found:
        raise CommandFailed(f"no definition of a tool {tool!r} was seen yet")
    return found[0]


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise CommandFailed("there is no terminal to ask on; add --yes and --digest")
    return input("trust exactly this definition? [y/N] ").strip().lower() in ("y", "yes")


def _plain(kept: KeptDefinition) -> dict[str, Any]:
    return {
        "tool": kept.tool,
        "trusted": kept.trusted,
        "trusted_at": kept.trusted_at,
        "trusted_by": kept.trusted_by,
        "definition": json.loads(kept.trusted_content),
        "seen": kept.seen,
        "seen_at": kept.seen_at,
        "seen_definition": None if kept.seen_content is None else json.loads(kept.seen_content),
    }


def _print(kept: KeptDefinition) -> None:
    print(f"{'tool':<10} {visible(kept.tool)}")
    print(f"{'trusted':<10} {kept.trusted}")
    print(f"{'since':<10} {kept.trusted_at} by {visible(kept.trusted_by)}")
    before = list(_lines(kept.trusted_content))
    if kept.seen_content is None:
        print("\n".join(before))
        return
    print(f"{'seen':<10} {kept.seen}")
    print(f"{'last':<10} {kept.seen_at}")
    after = list(_lines(kept.seen_content))
    print("\n".join(difflib.unified_diff(before, after, "trusted", "seen", lineterm="", n=2)))


def _lines(content: bytes) -> Iterator[str]:
    """Yield a definition by lines, with each character that nobody would see as an escape."""
    shown = json.dumps(json.loads(content), indent=2, sort_keys=True, ensure_ascii=False)
    yield from map(visible, shown.split("\n"))
