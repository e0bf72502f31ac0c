# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are classes of data recognised, and what happens to them where?"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from agentguard.vocabulary import Action, Profile


class RuleFileFormat(StrEnum):
    """Which scanner a file of rules was written for."""

    GITLEAKS = "gitleaks"
    KINGFISHER = "kingfisher"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSource:
    """How a class is recognised beyond what is built in; it enters the digest.

    Attributes:
        name: the class.
        patterns: patterns of the organisation's own.
        value_digests: SHA-256 of each value written in the policy.
        values_file: the name of a file of values; its content does not enter.
        values_column: the column or member of that file that holds the values.
        environment: names of environment variables; their values do not enter.
        files: patterns of names of files that hold one value each; their content does not enter.
        dotenv: names of dotenv files; their content does not enter.
        keys: names, and globs over names, of members whose value is of the class.
        paths: JSON pointers, with ``*`` for any step, to what is of the class.
    """

    name: str
    patterns: tuple[str, ...] = ()
    value_digests: tuple[str, ...] = ()
    values_file: str | None = None
    values_column: str | None = None
    environment: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    dotenv: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationSpec:
    """What happens to a class before it goes to one provider, instead of its action."""

    data_class: str
    provider: str
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFileSpec:
    """A file of rules of another scanner.

    Attributes:
        file: its name, as written.
        format: which scanner it was written for.
        data_class: what its rules find.
        without: ids of the rules that are left out.
        content: SHA-256 of its text; a file says the same however its lines end.
    """

    file: str
    format: RuleFileFormat
    data_class: str
    without: tuple[str, ...] = ()
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionSpec:
    """How sensitive data is looked for.

    Attributes:
        profile: how much is taken for sensitive.
        explain_placeholders: whether a model is told that placeholders are opaque.
        detectors: names of the detectors that other packages offer and that are asked, too.
        rule_files: files of rules of other scanners, in the order of the file.
        names_model: the model of language that finds names in prose, as written; what is in it
            does not enter the digest. None for none.
    """

    profile: Profile = Profile.BALANCED
    explain_placeholders: bool = False
    detectors: tuple[str, ...] = ()
    rule_files: tuple[RuleFileSpec, ...] = ()
    names_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsSpec:
    """What labels from outside mean.

    Attributes:
        classes: labels with the classes that they stand for, in the order of the file.
        unknown: the class that any other label stands for; None refuses such a label.
        headers: names of headers that carry labels.
    """

    classes: tuple[tuple[str, str], ...] = ()
    unknown: str | None = None
    headers: tuple[str, ...] = ()

    def class_of(self, label: str) -> str | None:
        """Return the class that a label stands for, None for one that is refused."""
        wanted = label.strip().casefold()
        return next(
            (name for known, name in self.classes if known.strip().casefold() == wanted),
            self.unknown,
        )


def value_digest(value: str) -> str:
    """Return what stands for a value of a class in the policy's digest."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
