# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules does an operator get proposed from recorded calls?

Prints rules with what stands behind them, for somebody to read, change and put into a policy.

INVARIANT: no file is written and nothing is applied (tests/cli/test_learn_command.py).
INVARIANT: no value of a class is printed (same file).
"""

import argparse
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from agentguard.classification import build_classifier
from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.cli.recorded import add_since, moment, open_records
from agentguard.config import load, load_document
from agentguard.errors import ConfigError
from agentguard.pipeline import needs_of
from agentguard.policy import Glob, PolicyDocument
from agentguard.review.learning import LEAST_SUPPORT, Learner, proven
from agentguard.review.learning_text import proposal_text
from agentguard.review.learning_values import Classes
from agentguard.review.lessons import Lessons, Proof, Proposal, Subject, Support
from agentguard.vocabulary import Reason
from agentguard.wiring import classifier_of

NOTHING_LEARNED = 1

# Refusals that say nothing about what somebody tried to do.
HARMLESS = frozenset(
    {
        Reason.APPROVAL_PENDING,
        Reason.APPROVAL_TIMEOUT,
        Reason.GUARD_ERROR,
        Reason.IDENTITY_REQUIRED,
        Reason.IDENTITY_EXPIRED,
    }
)


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy learn``."""
    command = verbs.add_parser(
        "learn",
        parents=[shared],
        help="propose least rules from recorded calls",
        description="Proposes, for each agent and tool, a rule with the narrowest constraints"
        " that the recorded calls satisfy. It writes no file and applies nothing: what was usual"
        " is not yet what is right.",
        epilog="exit codes: 0 rules are proposed, 1 none is, 2 it could not be done",
    )
    command.add_argument("--identity", metavar="ID", help="of this agent or service alone")
    add_since(command)
    command.add_argument(
        "--least",
        type=int,
        default=LEAST_SUPPORT,
        metavar="N",
        help=f"propose nothing from fewer calls (default, and least: {LEAST_SUPPORT})",
    )
    command.set_defaults(run=_learn)


def _learn(options: argparse.Namespace) -> int:
    if options.least < LEAST_SUPPORT:
        raise CommandFailed(f"from fewer than {LEAST_SUPPORT} calls nothing is learned")
    since = moment(options.since, "--since")
    document = load_document(options.config)
    if options.identity not in {None, *(each.id for each in document.identities)}:
        raise CommandFailed("the policy declares nobody of that id")
    records = open_records(options.config)
    classes, whole = _classes(options.config, document)
    learner = Learner(
        document,
        marked=records.store.marked_sessions(HARMLESS),
        classes=classes,
        agent=options.identity,
        least=options.least,
    )
    for decided in records.decided(since):
        learner.take(decided)
    lessons = learner.lessons()
    proof = proven(document, lessons, needs_of)
    if options.json:
        print_json(_plain(lessons, proof, whole=whole))
    else:
        for line in _told(lessons, proof, whole=whole):
            print(line)
        for proposal in lessons.proposals:
            print()
            print(proposal_text(proposal), end="")
    return 0 if lessons.proposals else NOTHING_LEARNED


def _classes(config: str, document: PolicyDocument) -> tuple[Classes, bool]:
    """Return what may not be told, and whether the organisation's own values are known here."""
    globs = [Glob(key) for source in document.class_sources for key in source.keys]
    try:
        classifier, whole = classifier_of(load(config)), True
    except ConfigError:
        classifier, whole = build_classifier(profile=document.detection.profile), False

    @lru_cache(maxsize=65536)
    def holds(text: str) -> bool:
        return bool(classifier.findings(text))

    return Classes(text=holds, name=_named(globs)), whole


def _named(globs: list[Glob]) -> Callable[[str], bool]:
    return lambda name: any(glob.matches(name) for glob in globs)


def _told(lessons: Lessons, proof: Proof, *, whole: bool) -> Iterator[str]:
    """Yield what stands above the rules, as comments."""
    yield f"# {len(lessons.proposals)} rules are proposed; nothing is written and nothing applies"
    yield f"# they let happen {proof.let_happen} of the {proof.calls} calls they were learned from"
    if not whole:
        yield (
            "# look at this: the values of your own classes are not known on this machine, so"
            " that such a value may stand below"
        )
    for why, calls in sorted(lessons.left_out.items()):
        yield visible(f"# nothing was learned from {calls} calls: {why}")
    for subject, calls in sorted(lessons.too_few.items()):
        yield visible(f"# nothing is proposed for {_subject(subject)}: {calls} calls are too few")


def _subject(subject: Subject) -> str:
    words = [subject.agent, subject.tool or subject.provider]
    words += [f"in {subject.environment}"] if subject.environment else []
    words += [] if subject.for_somebody else ["for nobody"]
    return " ".join(words)


def _plain(lessons: Lessons, proof: Proof, *, whole: bool) -> dict[str, Any]:
    return {
        "proposals": [_plain_proposal(each) for each in lessons.proposals],
        "learned_from": proof.calls,
        "let_happen": proof.let_happen,
        "own_classes_known": whole,
        "left_out": dict(lessons.left_out),
        "too_few": [
            {"agent": subject.agent, "target": subject.tool or subject.provider, "calls": calls}
            for subject, calls in sorted(lessons.too_few.items())
        ],
    }


def _plain_proposal(proposal: Proposal) -> dict[str, Any]:
    return {
        "id": proposal.rule.id,
        "toml": proposal_text(proposal),
        "calls": proposal.calls,
        "persons": proposal.persons,
        "sessions": proposal.sessions,
        "days": proposal.days,
        "cautions": list(proposal.cautions),
        "constraints": [_plain_support(each) for each in proposal.support],
    }


def _plain_support(support: Support) -> dict[str, Any]:
    return {
        "name": support.name,
        "how": support.how,
        "calls": support.calls,
        "values": support.values,
        "persons": support.persons,
        "days": support.days,
        "caution": support.caution,
    }
