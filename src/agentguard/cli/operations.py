# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can an SDK ask of its provider, and does the table say what the installed one can?"""

import argparse
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from agentguard.cli.output import CommandFailed, print_json
from agentguard.operations import Operation, table_of
from agentguard.operations.checked import FILE, numbers_of
from agentguard.operations.table import SDKS, read_rows
from agentguard.vocabulary import Kind


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``operations list | regenerate``."""
    group = commands.add_parser("operations", help="what the SDKs can ask of their providers")
    verbs = group.add_subparsers(required=True, metavar="COMMAND")
    listed = verbs.add_parser(
        "list", parents=[shared], help="print the operations that a policy can name"
    )
    listed.add_argument("--sdk", choices=SDKS, help="only those of this SDK")
    listed.add_argument("--kind", choices=sorted(kind.value for kind in Kind), help="only these")
    listed.set_defaults(run=_list)
    again = verbs.add_parser(
        "regenerate", parents=[shared], help="bring a table up to the installed SDK"
    )
    again.add_argument("--sdk", choices=SDKS, required=True, help="of which SDK")
    again.add_argument(
        "--check", action="store_true", help="write nothing; say what differs and exit with 1"
    )
    again.add_argument(
        "--output", metavar="FILE", help="write there (default: the table of this installation)"
    )
    again.set_defaults(run=_regenerate)


def _list(options: argparse.Namespace) -> int:
    found = [
        (sdk, operation)
        for sdk in ([options.sdk] if options.sdk else SDKS)
        for operation in table_of(sdk)
        if options.kind in (None, operation.kind.value)
    ]
    if options.json:
        print_json([{"sdk": sdk, **asdict(operation)} for sdk, operation in found])
        return 0
    for sdk, operation in found:
        print(f"{sdk:<9}  {operation.kind.value:<10}  {_named(operation)}")
    return 0


def _named(operation: Operation) -> str:
    words = [operation.pair]
    if operation.name:
        words.append(f"({operation.name})")
    if operation.allowed != "rule":
        words.append({"pair": "[by pair only]", "never": "[never]"}[operation.allowed])
    return "  ".join(words)


def _regenerate(options: argparse.Namespace) -> int:
    # What drives an SDK is no part of the guard; it is imported when it is asked for.
    from agentguard.testing import sdk_operations

    rows = read_rows(options.sdk)
    try:
        version = sdk_operations.version_of(options.sdk)
        found = sdk_operations.found_in(options.sdk)
    except ImportError as missing:
        raise CommandFailed(f"{missing.name or options.sdk} has to be installed for this") from None
    except RuntimeError as silent:
        raise CommandFailed(str(silent)) from None
    new = sdk_operations.regenerated(rows, found, version)
    problems = sdk_operations.differences(rows, new)
    if not options.check:
        target = options.output or str(_shipped(f"{options.sdk}.csv"))
        Path(target).write_text(sdk_operations.written(new), encoding="utf-8")
        if not options.output:
            _note_checked(options.sdk, version)
    if options.json:
        print_json({"sdk": options.sdk, "version": version, "differences": problems})
    else:
        for problem in problems:
            print(problem)
        print(f"{options.sdk} {version}: {len(new)} operations, {len(problems)} differences")
    return 1 if problems and options.check else 0


def _shipped(name: str) -> Path:
    return Path(str(files("agentguard.operations") / name))


def _note_checked(sdk: str, version: str) -> None:
    """Add a version to those that the tables were checked against."""
    path = _shipped(FILE)
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    rows = {(name, number) for name, number in (line.split(",") for line in lines)}
    ordered = sorted(rows | {(sdk, version)}, key=lambda row: (row[0], numbers_of(row[1])))
    text = "\n".join([head, *(",".join(row) for row in ordered), ""])
    path.write_text(text, encoding="utf-8")
