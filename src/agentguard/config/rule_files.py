# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules of other scanners does a policy bring along?

Reads the files that ``[[detection.rule_file]]`` tables name. What is in them belongs to the policy:
the digest of their text enters the policy's own, so they must lie wherever the policy is read.
Rules are made only where a guard or a check needs them.

INVARIANT: a rule that cannot be used refuses the policy, and is told with the name of its file
(tests/config/test_rule_file_tables.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from agentguard.classification.engine import Rule
from agentguard.classification.rule_files import RuleFileFlawed, gitleaks_rules, kingfisher_rules
from agentguard.config.document import Tell
from agentguard.config.sources import text_of
from agentguard.policy import RuleFileFormat, RuleFileSpec, value_digest

Loader = Callable[..., tuple[Rule, ...]]

LOADERS: Mapping[RuleFileFormat, Loader] = MappingProxyType(
    {RuleFileFormat.GITLEAKS: gitleaks_rules, RuleFileFormat.KINGFISHER: kingfisher_rules}
)


def rule_files(
    specs: tuple[RuleFileSpec, ...], folder: Path, tell: Tell, *, with_rules: bool
) -> tuple[tuple[RuleFileSpec, ...], tuple[Rule, ...]]:
    """Return the files with their digests, and their rules.

    Args:
        specs: the tables, in the order of the file.
        folder: the folder that names of files are relative to.
        tell: takes each problem with its path.
        with_rules: whether the rules are wanted; without, only the files are read.
    """
    read: list[RuleFileSpec] = []
    rules: list[Rule] = []
    for index, spec in enumerate(specs):
        path = ("detection", "rule_file", index, "file")
        problem, text = text_of(folder / spec.file) if spec.file else (None, "")
        read.append(replace(spec, content=value_digest(text)))
        if problem is not None:
            tell(path, f"file {spec.file!r} {problem}")
        elif with_rules and spec.file:
            try:
                rules += _rules(spec, text)
            except RuleFileFlawed as flawed:
                for each in flawed.problems:
                    tell(path, f"file {spec.file!r}: {each}")
    return tuple(read), tuple(rules)


def _rules(spec: RuleFileSpec, text: str) -> list[Rule]:
    """Return the rules of a text; their names say where they come from.

    Raises:
        RuleFileFlawed: a rule cannot be used.
    """
    load = LOADERS[spec.format]
    made = load(text, data_class=spec.data_class, without=frozenset(spec.without))
    return [replace(rule, name=f"{spec.format}:{rule.name}") for rule in made]
