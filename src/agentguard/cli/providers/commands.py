# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which providers does the policy know, and what stands for an API key in it?

INVARIANT: no key is printed, and none is taken as an argument, where other processes could read
it (tests/cli/test_providers_command.py).
"""

import argparse
import getpass
import os
import sys
from datetime import UTC, date, timedelta
from typing import Any

from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.cli.providers.listing import lines_of, plain_register, register_of
from agentguard.clients.credentials import fingerprint_of
from agentguard.config import load_policy
from agentguard.config.durations import duration
from agentguard.wiring import now

WITHIN = "30d"


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``providers [list | fingerprint]``."""
    command = commands.add_parser(
        "providers",
        parents=[shared],
        help="the register of providers, with what is about to expire",
        description="list (the default) prints the register. fingerprint prints what stands for an"
        " API key in the policy; the key is read from an environment variable or from standard"
        " input, and is not shown.",
        epilog="exit codes: 0 done, 1 evidence has ended or ends within the time and was not"
        " renewed, 2 called wrongly or not possible",
    )
    command.add_argument(
        "what",
        nargs="?",
        choices=["list", "fingerprint"],
        default="list",
        help="what to print (default: list)",
    )
    command.add_argument(
        "--within", metavar="TIME", help=f"list: how far ahead to look (default: {WITHIN})"
    )
    command.add_argument("--on", metavar="DAY", help="list: as on this day (default: today, UTC)")
    command.add_argument(
        "--env", metavar="NAME", help="fingerprint: the environment variable that holds the key"
    )
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.what == "fingerprint":
        if options.within is not None or options.on is not None:
            raise CommandFailed("--within and --on go with list")
        return _fingerprint(options)
    if options.env is not None:
        raise CommandFailed("--env goes with fingerprint")
    return _list(options)


def _list(options: argparse.Namespace) -> int:
    day, ahead = _day(options.on), _ahead(options.within or WITHIN)
    policy, _ = load_policy(options.config)
    register = register_of(policy, day, ahead)
    if options.json:
        print_json(plain_register(register))
    else:
        print("\n".join(visible(line) for line in lines_of(register)))
    return 1 if register.due else 0


def _day(text: str | None) -> date:
    if text is None:
        return now().astimezone(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandFailed("--on must be a day, such as 2026-12-31") from None


def _ahead(text: str) -> timedelta:
    ahead = duration(text)
    if ahead is None:
        raise CommandFailed("--within must be a length of time, such as 30d")
    return ahead


def _fingerprint(options: argparse.Namespace) -> int:
    key = _key(options.env).strip()
    if not key:
        raise CommandFailed("there is no key: it is empty")
    fingerprint = fingerprint_of(key)
    if options.json:
        print_json({"fingerprint": fingerprint})
    else:
        print(fingerprint)
    return 0


def _key(variable: str | None) -> str:
    if variable is not None:
        if variable not in os.environ:
            raise CommandFailed(f"the environment variable {variable!r} is not set")
        return os.environ[variable]
    if sys.stdin.isatty():
        return getpass.getpass("API key (not shown): ")
    return sys.stdin.read()
