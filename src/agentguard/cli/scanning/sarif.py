# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a scan look to tools that read SARIF 2.1.0?

Each detector of a class is a rule, each place a result; what was not looked at is told as a
notification. No value and no text of a file is in it.
"""

import os
import urllib.parse
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

from agentguard.classification import BUILT_IN_CLASSES
from agentguard.cli.scanning.places import Place
from agentguard.cli.scanning.sources import STDIN, Passed, PassedOver

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SECRETS = frozenset(known.name for known in BUILT_IN_CLASSES if known.family == "secret")
_FAILED = frozenset({Passed.UNREADABLE})


def sarif(
    found: Iterable[tuple[str, Place]], passed: Iterable[PassedOver], *, complete: bool
) -> dict[str, Any]:
    """Return a scan as a SARIF log.

    Args:
        found: the name of a file with a place in it.
        passed: what was not looked at.
        complete: whether all that was asked for could be looked at.
    """
    rules: dict[tuple[str, str], int] = {}
    results = [_result(name, place, rules) for name, place in found]
    driver = {
        "name": "agentguard",
        "version": version("agentguard"),
        "rules": [_rule(data_class, detector) for data_class, detector in rules],
    }
    told = [_notification(each) for each in passed]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {"executionSuccessful": complete, "toolExecutionNotifications": told},
        ],
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _id(data_class: str, detector: str) -> str:
    return f"{data_class}/{detector}"


def _level(data_class: str) -> str:
    return "error" if data_class in _SECRETS else "warning"


def _rule(data_class: str, detector: str) -> dict[str, Any]:
    return {
        "id": _id(data_class, detector),
        "shortDescription": {"text": f"{data_class} found by {detector}"},
        "defaultConfiguration": {"level": _level(data_class)},
        "properties": {"tags": ["security", data_class]},
    }


def _result(name: str, place: Place, rules: dict[tuple[str, str], int]) -> dict[str, Any]:
    rule = (place.data_class, place.detector)
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    location = {"artifactLocation": {"uri": _uri(name)}, "region": region}
    return {
        "ruleId": _id(*rule),
        "ruleIndex": rules.setdefault(rule, len(rules)),
        "level": _level(place.data_class),
        "message": {"text": f"{place.data_class} of {place.length} characters"},
        "locations": [{"physicalLocation": location}],
    }


def _notification(each: PassedOver) -> dict[str, Any]:
    return {
        "level": "error" if each.why in _FAILED else "note",
        "message": {"text": f"not looked at: {each.why.value}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(each.name)}}}],
    }


def _uri(name: str) -> str:
    if name == STDIN:
        return "stdin:"
    path = PurePath(name)
    if path.is_absolute():
        return path.as_uri()
    # A name may hold bytes that are no UTF-8.
    return urllib.parse.quote(os.fsencode(path.as_posix()))
