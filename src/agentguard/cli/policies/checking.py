# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can this policy be used, and what is doubtful about it?"""

import argparse
from typing import Any

from agentguard.cli.output import print_json
from agentguard.config import Remark, Severity, check


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy check``."""
    command = verbs.add_parser(
        "check", parents=[shared], help="report everything that is wrong or doubtful"
    )
    command.add_argument("file", nargs="?", help="the policy file (default: --config)")
    command.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    path = options.file or options.config
    remarks = check(path)
    errors = sum(remark.severity is Severity.ERROR for remark in remarks)
    if options.json:
        print_json({"file": path, "usable": not errors, "remarks": [_plain(r) for r in remarks]})
        return 1 if errors else 0
    for remark in remarks:
        print(remark)
    warnings = len(remarks) - errors
    verdict = "cannot be used" if errors else "can be used"
    print(f"{path} {verdict}: {errors} errors, {warnings} warnings")
    return 1 if errors else 0


def _plain(remark: Remark) -> dict[str, str | int | None]:
    problem = remark.problem
    return {
        "severity": remark.severity.value,
        "key": problem.key,
        "line": problem.line,
        "message": problem.message,
    }
