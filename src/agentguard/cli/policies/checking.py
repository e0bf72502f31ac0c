# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can this policy be used, and what is doubtful about it?"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agentguard.cli.output import print_json
from agentguard.config import Remark, Severity, check, load
from agentguard.errors import ConfigError
from agentguard.issuers import open_issuers
from agentguard.wiring import classifier_of, deciders_of, now


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy check``."""
    command = verbs.add_parser(
        "check",
        parents=[shared],
        help="report everything that is wrong or doubtful",
        epilog="exit codes: 0 the policy can be used, 1 it cannot, 2 called wrongly",
    )
    command.add_argument("file", nargs="?", help="the policy file (default: --config)")
    command.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    path = options.file or options.config
    remarks = check(path)
    if all(remark.severity is not Severity.ERROR for remark in remarks):
        remarks = (*remarks, *_missing_here(path))
    errors = sum(remark.severity is Severity.ERROR for remark in remarks)
    if options.json:
        print_json({"file": path, "usable": not errors, "remarks": [_plain(r) for r in remarks]})
        return 1 if errors else 0
    for remark in remarks:
        print(remark)
    warnings = len(remarks) - errors
    verdict = "cannot be used" if errors else "can be used"
    print(f"{path} {verdict}: {_some(errors, 'error')}, {_some(warnings, 'warning')}")
    return 1 if errors else 0


def _missing_here(path: str) -> Iterator[Remark]:
    """Tell what the policy needs beside the file and this machine lacks.

    A policy is checked on machines, too, on which no guard will run: so these are warnings.
    """
    try:
        settings = load(path)
    except ConfigError as error:
        yield from _lacking(path, error)
        return
    policy, folder = settings.policy, settings.path.parent
    for needed in (
        lambda: open_issuers(settings.issuers, policy.declared.values(), folder, now),
        lambda: deciders_of(settings),
        lambda: classifier_of(settings),
    ):
        try:
            needed()
        except ConfigError as error:
            yield from _lacking(path, error)


def _lacking(path: str, error: ConfigError) -> Iterator[Remark]:
    for each in error.problems:
        message = f"no guard can start with it on this machine: {each.message}"
        yield Remark(problem=replace(each, file=path, message=message), severity=Severity.WARNING)


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _plain(remark: Remark) -> dict[str, str | int | None]:
    problem = remark.problem
    return {
        "severity": remark.severity.value,
        "key": problem.key,
        "line": problem.line,
        "message": problem.message,
    }
