# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What would a candidate policy have made of the calls that were recorded?

Values of arguments are shown where they are asked for, and nowhere else.

INVARIANT: a replay changes nothing, and its exit code is no approval
(tests/cli/test_replay_command.py).
"""

import argparse
import json
from typing import Any

from agentguard.cli.output import print_json, shortened, visible
from agentguard.cli.recorded import add_since, moment, open_records, plain_arguments
from agentguard.config import load_policy
from agentguard.pipeline import needs_of
from agentguard.policy import Policy
from agentguard.review.facts import DecidedCall, Ruling
from agentguard.review.replaying import Group, Replay, Summary, summary
from agentguard.vocabulary import ToolCall

CHANGED, NOT_ALL_DECIDED = 1, 3


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy replay``."""
    command = verbs.add_parser(
        "replay",
        parents=[shared],
        help="decide recorded calls again under another policy",
        description="Decides the calls that the policy of --config decided again, under a"
        " candidate, and tells whose decision changes. A passing replay is evidence about these"
        " calls, never an activation token.",
        epilog="exit codes: 0 no decision changes, 1 one does, 2 it could not be done, 3 none does"
        " but some calls could not be decided again, or there are none",
    )
    command.add_argument("candidate", metavar="CANDIDATE", help="the other policy file")
    add_since(command)
    command.add_argument(
        "--show-values", action="store_true", help="print the arguments of the examples, too"
    )
    command.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> int:
    since = moment(options.since, "--since")
    policy, _ = load_policy(options.candidate)
    records = open_records(options.config)
    replay = Replay(policy, needs_of(policy))
    decided = records.decided(since)
    found = summary(None if each is None else replay(each) for each in decided)
    if options.json:
        print_json(_plain(found, policy, options))
    else:
        _print(found, policy, options)
    if found.groups:
        return CHANGED
    return NOT_ALL_DECIDED if found.missing or not found.recorded else 0


def _plain(found: Summary, policy: Policy, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "candidate": {"file": options.candidate, "name": policy.name, "digest": policy.digest},
        "recorded": found.recorded,
        "same": found.same,
        "same_by_another_rule": found.otherwise,
        "changed": [_plain_group(group, options) for group in found.groups],
        "not_decided": dict(found.missing),
        "in_shadow": dict(found.shadow),
    }


def _plain_group(group: Group, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "change": group.change.value,
        "actor": group.actor,
        "target": group.target,
        "was": _plain_ruling(group.was),
        "would_be": _plain_ruling(group.now),
        "calls": group.calls,
        "persons": list(group.persons),
        "sessions": group.sessions,
        "example": _plain_example(group.example, shown=options.show_values),
    }


def _plain_ruling(ruling: Ruling) -> dict[str, str | None]:
    return {
        "effect": ruling.effect.value,
        "rule": ruling.rule,
        "reason": None if ruling.reason is None else ruling.reason.value,
        "approval": ruling.profile,
    }


def _plain_example(decided: DecidedCall, *, shown: bool) -> dict[str, Any]:
    example: dict[str, Any] = {
        "call_id": decided.call.id,
        "at": decided.at.isoformat(timespec="seconds"),
        "chain": list(decided.chain.ids),
        "environment": decided.environment,
    }
    if shown:
        example["arguments"] = plain_arguments(decided)
    elif isinstance(decided.call, ToolCall):
        example["argument_names"] = sorted(decided.call.resolved)
    return example


def _print(found: Summary, policy: Policy, options: argparse.Namespace) -> None:
    changed = sum(group.calls for group in found.groups)
    print(f"{found.recorded} recorded calls under {visible(policy.name)} ({policy.digest[:19]})")
    print(f"{changed:>9} are decided otherwise")
    print(f"{found.same:>9} are decided alike")
    if found.otherwise:
        print(f"{found.otherwise:>9} are decided alike, by another rule or for another reason")
    for why, calls in sorted(found.missing.items()):
        print(visible(f"{calls:>9} cannot be decided again: {why}"))
    for rule, calls in sorted(found.shadow.items()):
        named = f"rule {rule!r}" if rule else "that no rule allows them"
        print(visible(f"{calls:>9} would be decided otherwise out of shadow: {named}"))
    for group in found.groups:
        _print_group(group, options)
    if not found.recorded:
        print("there is nothing to decide again, which says nothing about the candidate")


def _print_group(group: Group, options: argparse.Namespace) -> None:
    print()
    print(visible(f"{group.change.value}: {group.actor} {group.target}, {group.calls} calls"))
    print(visible(f"    was       {_told(group.was)}"))
    print(visible(f"    would be  {_told(group.now)}"))
    persons = shortened(group.persons) or "nobody"
    print(visible(f"    for       {persons}, in {group.sessions} sessions"))
    example = group.example
    names = ""
    if options.show_values:
        names = f" {json.dumps(plain_arguments(example), sort_keys=True, ensure_ascii=False)}"
    elif isinstance(example.call, ToolCall):
        names = f" ({', '.join(sorted(example.call.resolved))})"
    when = example.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    print(visible(f"    example   {example.call.id} at {when}{names}"))


def _told(ruling: Ruling) -> str:
    words = [ruling.effect.value]
    words += [f"by rule {ruling.rule!r}"] if ruling.rule is not None else []
    words += [f"({ruling.reason.value})"] if ruling.reason is not None else []
    words += [f"asking {ruling.profile!r}"] if ruling.profile is not None else []
    return " ".join(words)
