# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What would the guard find in these files?

Looks at files, folders and standard input with the classes of a policy, or with the built-in
ones where there is no policy. It changes no file, and prints where something is, never the value.

INVARIANT: whatever the options, the output holds no value that was found
(tests/cli/test_scan_command.py).
"""

import argparse
import os
import sys
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentguard.classification import (
    BUILT_IN_CLASSES,
    NAMED_ONLY,
    Classifier,
    build_classifier,
)
from agentguard.classification.names import NAME_CLASSES
from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.cli.scanning.baseline import (
    Baseline,
    new_baseline,
    read_baseline,
    write_baseline,
)
from agentguard.cli.scanning.progress import Progress
from agentguard.cli.scanning.report import Paint, Scan, line_of, table
from agentguard.cli.scanning.sarif import sarif
from agentguard.cli.scanning.scanner import Scanner
from agentguard.cli.scanning.sources import Passed, Walk
from agentguard.config import load
from agentguard.guard import DEFAULT_FILE
from agentguard.redaction import NOTHING_PLACED, PlacedClasses
from agentguard.vocabulary import Profile
from agentguard.wiring import classifier_of, placed_by

FOUND, FAILED = 1, 2
SECRET = "secret"  # noqa: S105 - the name of a family of classes
# What the text of a file is never of.
_NO_TEXT = frozenset({"media", "answer"})
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``scan``."""
    command = commands.add_parser(
        "scan",
        parents=[shared],
        help="say what the guard would find in files, folders or standard input",
        description="Prints where something is and of which class it is, never the value.",
        epilog="exit codes: 0 nothing found, 1 something found, 2 something could not be looked at",
    )
    command.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="- is stdin")
    command.add_argument(
        "--profile",
        choices=[profile.value for profile in Profile],
        help="how much is taken for sensitive (default: the policy's, or balanced)",
    )
    # Another form than that of --json, which all commands share.
    command.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0 instead")
    command.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="pass these over; repeatable"
    )
    command.add_argument(
        "--max-size", type=_size, metavar="SIZE", help="pass larger files over, such as 10M"
    )
    command.add_argument(
        "--classes", type=_words, metavar="LIST", help="tell only these classes or families"
    )
    command.add_argument(
        "--fail-on", type=_words, metavar="LIST", help="exit with 1 only for these"
    )
    known = command.add_mutually_exclusive_group()
    known.add_argument("--baseline", metavar="FILE", help="leave out what it knows")
    known.add_argument("--write-baseline", metavar="FILE", help="write what is found as known")
    command.add_argument(
        "--baseline-key", metavar="FILE", help="its key (default: the same name with .key)"
    )
    command.set_defaults(run=_scan)


@dataclass(frozen=True, slots=True)
class _Looking:
    """What looks: a classifier, what goes by names, the families of classes, how it is called."""

    classifier: Classifier
    placed: PlacedClasses
    families: dict[str, str]
    by: str

    def chosen(self, words: list[str] | None) -> frozenset[str]:
        """Return the classes that a list of classes and families names; all without a list."""
        text = {name: family for name, family in self.families.items() if family not in _NO_TEXT}
        if words is None:
            return frozenset(text)
        names: set[str] = set()
        for word in words:
            classes = {name for name, family in text.items() if word in (name, family)}
            if not classes:
                raise CommandFailed(f"there is no class or family {word!r} here")
            names |= classes
        return frozenset(names)


def _scan(options: argparse.Namespace) -> int:
    looking = _looking(options)
    failing = looking.chosen(options.fail_on)
    scan = Scan(by=looking.by)
    progress = Progress()
    scanner = Scanner(
        find=looking.classifier.findings,
        told=looking.chosen(options.classes),
        placed=looking.placed,
        scan=scan,
        progress=progress,
        baseline=_baseline(options),
    )
    paint = None if options.json or options.sarif else Paint()
    walk = Walk(exclude=options.exclude, largest=options.max_size)
    for name, place in scanner.over(walk.over(options.paths)):
        if paint is not None:
            progress.clear()
            secret = looking.families.get(place.data_class) == SECRET
            print(line_of(name, place, paint, secret=secret))
    progress.clear()
    if options.write_baseline:
        write_baseline(Path(options.write_baseline), (place.mark for _, place in scan.found))
    _tell(scan, options)
    if not scan.complete:
        return FAILED
    if options.write_baseline:
        return 0
    return FOUND if any(place.data_class in failing for _, place in scan.found) else 0


def _tell(scan: Scan, options: argparse.Namespace) -> None:
    for each in scan.passed:
        if each.why is Passed.UNREADABLE:
            print(f"agentguard: {visible(each.name)} cannot be read", file=sys.stderr)
    if options.sarif:
        print_json(sarif(scan.found, scan.passed, complete=scan.complete))
    elif options.json:
        print_json(scan.as_json())
    else:
        print("\n".join(table(scan)))


def _looking(options: argparse.Namespace) -> _Looking:
    """Return what looks: the policy that was named or lies here, else the built-in classes."""
    if options.config == DEFAULT_FILE and not os.path.lexists(DEFAULT_FILE):
        profile = Profile(options.profile or Profile.BALANCED)
        named = NAMED_ONLY.intersection(options.classes or ())
        _refuse_names(options, "no policy names one")
        return _Looking(
            build_classifier(profile=profile, named=named),
            NOTHING_PLACED,
            {known.name: known.family for known in BUILT_IN_CLASSES},
            f"the built-in classes, profile {profile}",
        )
    settings = load(options.config)
    _refuse_names(options, "the policy has no [[class]] table for it", settings.named)
    detection = settings.policy.detection
    if options.profile is not None:
        detection = replace(detection, profile=Profile(options.profile))
    changed = replace(settings, policy=replace(settings.policy, detection=detection))
    try:
        classifier = classifier_of(changed)
    except ValueError as error:
        raise CommandFailed(str(error)) from None
    return _Looking(
        classifier,
        placed_by(settings.policy),
        {known.name: known.family for known in settings.policy.classes.values()},
        f"the policy {visible(str(options.config))}, profile {detection.profile}",
    )


def _refuse_names(
    options: argparse.Namespace, why: str, named: Container[str] = frozenset()
) -> None:
    """Refuse to look for names where nothing would find any.

    Raises:
        CommandFailed: such a class is asked for.
    """
    for name in (*(options.classes or ()), *(options.fail_on or ())):
        if name in NAME_CLASSES and name not in named:
            raise CommandFailed(f"{name!r} is found by a model of language, and {why}")


def _baseline(options: argparse.Namespace) -> Baseline | None:
    if options.baseline is None and options.write_baseline is None:
        return None
    path = Path(options.baseline or options.write_baseline)
    key = Path(options.baseline_key or f"{path}.key")
    return read_baseline(path, key) if options.baseline else new_baseline(path, key)


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


def _size(text: str) -> int:
    digits = text.upper().removesuffix("B")
    unit = digits[-1:] if digits[-1:].isalpha() else ""
    number = digits.removesuffix(unit)
    if not number.isascii() or not number.isdigit() or unit not in _UNITS:
        raise argparse.ArgumentTypeError("a size is a number with K, M or G, such as 10M")
    return int(number) * _UNITS[unit]
