# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the policy decide its cases as expected, and does every rule have one?"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.cli.policies.told import lines_of, plain_explanation
from agentguard.config import load_document
from agentguard.policy import PolicyDocument
from agentguard.review.cases import Judged, Verdict, judge


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy test``."""
    command = verbs.add_parser(
        "test",
        parents=[shared],
        help="decide the cases beside the policy; a rule that decides none fails",
        epilog="exit codes: 0 all is as expected and every rule is exercised, 1 it is not,"
        " 2 the cases or the policy cannot be used",
    )
    command.add_argument("file", nargs="?", help="the policy file (default: --config)")
    command.add_argument(
        "--cases", metavar="FILE", help="the cases (default: NAME.tests.toml beside the policy)"
    )
    command.set_defaults(run=_test)


def _test(options: argparse.Namespace) -> int:
    # Deferred: the reader brings pydantic, which other commands do not need.
    from agentguard.config.cases import Cases, cases_beside, load_cases

    policy = options.file or options.config
    document = load_document(policy)
    path = options.cases or str(cases_beside(policy))
    if not Path(path).exists():
        raise CommandFailed(
            f"there are no cases at {path}: write them there, or name a file with --cases"
        )
    cases: Cases = load_cases(path)
    cases.refuse_strays(document)
    verdict = judge(document, cases.expectations)
    if options.json:
        print_json(_plain(document, verdict, path))
    else:
        for line in _lines(document, verdict):
            print(visible(line))
    return 0 if verdict.passed else 1


def _lines(document: PolicyDocument, verdict: Verdict) -> Iterator[str]:
    failed = [each for each in verdict.judged if each.problem is not None]
    for each in failed:
        yield f"FAILED  {each.expectation.name}: {each.problem}"
        if each.explanation is not None:
            yield from (f"        {line}" for line in lines_of(document, each.explanation))
    for rule in verdict.unexercised:
        yield f"NO CASE rule {rule!r} decides no case: add one that it decides"
    rules = len(document.rules)
    yield (
        f"{len(verdict.judged) - len(failed)} of {len(verdict.judged)} cases as expected,"
        f" {rules - len(verdict.unexercised)} of {rules} rules exercised"
    )


def _plain(document: PolicyDocument, verdict: Verdict, path: str) -> dict[str, Any]:
    return {
        "cases_file": path,
        "passed": verdict.passed,
        "cases": [_plain_case(document, each) for each in verdict.judged],
        "unexercised": list(verdict.unexercised),
    }


def _plain_case(document: PolicyDocument, judged: Judged) -> dict[str, Any]:
    explanation = judged.explanation
    return {
        "name": judged.expectation.name,
        "expected": judged.expectation.effect.value,
        "problem": judged.problem,
        "explanation": None if explanation is None else plain_explanation(document, explanation),
    }
