# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is the policy in another language?"""

import argparse
import sys
from pathlib import Path
from typing import Any

from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.config import load_document
from agentguard.policy import compile_policy
from agentguard.review.cedar import CedarPolicy, export_to_cedar

POLICIES, SCHEMA, ENTITIES = "policy.cedar", "policy.cedarschema", "entities.json"


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy export``."""
    command = verbs.add_parser(
        "export",
        parents=[shared],
        help="write the policy in Cedar, with schema and entities",
        epilog="exit codes: 0 exported, 2 the policy is wrong or nothing can be written",
    )
    command.add_argument("file", nargs="?", help="the policy file (default: --config)")
    command.add_argument("--to", choices=["cedar"], required=True, help="the language")
    command.add_argument("--out", metavar="DIR", help=f"write {POLICIES}, {SCHEMA} and {ENTITIES}")
    command.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    path = options.file or options.config
    document = load_document(path)
    digest = compile_policy(document).digest
    exported = export_to_cedar(document)
    head = f"// {visible(document.name)} {digest}\n\n"
    files = {
        POLICIES: head + exported.policies,
        SCHEMA: head + exported.schema,
        ENTITIES: exported.entities,
    }
    written = [] if options.out is None else _write(Path(options.out), files)
    if options.json:
        told = {"policy": digest, "facts": exported.asked_for, "written": written}
        print_json(told if written else told | {"files": files})
        return 0
    if not written:
        print(files[POLICIES])
    for name in written:
        print(f"wrote {name}")
    _tell(exported, path)
    return 0


def _write(folder: Path, files: dict[str, str]) -> list[str]:
    """Write files into a folder, which is made if it is not there.

    Raises:
        CommandFailed: that is not possible.
    """
    problem = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"{folder} cannot be written ({type(error).__name__})"
    if problem is not None:
        raise CommandFailed(problem)
    return [str(folder / name) for name in files]


def _tell(exported: CedarPolicy, path: str) -> None:
    """Say beside the policies what has to be found out for Cedar."""
    if not exported.asked_for:
        return
    print(
        f"{path}: Cedar cannot find out by itself, and denies what it is not told"
        f" in context.facts ({len(exported.asked_for)}):",
        file=sys.stderr,
    )
    for fact in exported.asked_for:
        print(f"  {visible(fact)}", file=sys.stderr)
