# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an operator get a first policy?"""

import argparse
from pathlib import Path
from typing import Any

from agentguard.cli.keys import enrolled, key_path
from agentguard.cli.output import CommandFailed, print_json
from agentguard.config import load_policy, starter, starter_cases
from agentguard.errors import ConfigError

DEFAULT_APPROVER = "user:carol"


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``init``."""
    command = commands.add_parser(
        "init",
        parents=[shared],
        help="write a commented starter policy with its cases, and an approver's key",
    )
    command.add_argument(
        "--approver",
        default=DEFAULT_APPROVER,
        metavar="ID",
        help=f"who approves (default: {DEFAULT_APPROVER})",
    )
    command.add_argument(
        "--public-key", metavar="KEY", help="the approver's public key, if there is one already"
    )
    command.add_argument("--key", metavar="FILE", help="where the approver's private key goes")
    command.set_defaults(run=_init)


def _init(options: argparse.Namespace) -> int:
    target = Path(options.config)
    if target.exists():
        raise CommandFailed(f"{target} exists already; nothing was written")
    public, written = options.public_key, None
    if public is None:
        written = Path(options.key) if options.key else key_path(options.approver)
        public = enrolled(written, reuse=True)
    _write(target, starter(public, options.approver))
    cases = _write_cases(target)
    if options.json:
        key = None if written is None else str(written)
        print_json({"policy": str(target), "cases": cases, "key": key})
        return 0
    print(f"wrote {target}")
    if cases is not None:
        print(f"wrote {cases}; `agentguard policy test` runs it")
    if written is not None:
        print(f"the key of {options.approver} is {written}")
        print("keep it where the agent's process cannot read it")
    return 0


def _write_cases(policy: Path) -> str | None:
    """Write the cases beside a new policy, and return where; None where there are some already."""
    # Deferred: the reader of cases brings pydantic, which only reading a policy needs.
    from agentguard.config.cases import cases_beside

    target = cases_beside(policy)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(starter_cases())
    except FileExistsError:
        return None
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written ({type(error).__name__})") from None
    return str(target)


def _write(target: Path, text: str) -> None:
    """Write a new policy file, and leave none behind that cannot be used."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written ({type(error).__name__})") from None
    try:
        load_policy(target)
    except ConfigError as error:
        problems = error.problems
    else:
        return
    target.unlink()
    # The lines of a file that is gone say nothing; the approver is all that was filled in.
    told = "; ".join(dict.fromkeys(problem.message for problem in problems))
    raise CommandFailed(f"no policy can be made with this approver: {told}")
