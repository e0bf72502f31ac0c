# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Problems are told once, in the order of the lines."""

from agentguard.config.positions import Positions
from agentguard.config.report import Report
from agentguard.policy import Flaw

TEXT = """\
[[rule]]
id = "r"
who = []
[[rule]]
id = "r"
"""


def told(report: Report) -> list[str]:
    """The problems as they are shown."""
    return [str(problem) for problem in report.problems]


def test_problems_stand_in_the_order_of_the_lines() -> None:
    """Whatever the order they were found in, problems are told by line, and once."""
    report = Report("f.toml", Positions(TEXT))
    report.add(("rule", 1, "id"), "is declared twice")
    report.add(("rule", 0, "then"), "is needed")
    report.add(("rule", 1, "id"), "is declared twice")
    report.add(("name",), "is needed")
    assert told(report) == [
        "f.toml:1: name: is needed",
        "f.toml:1: rule[0].then: is needed",
        "f.toml:5: rule[1].id: is declared twice",
    ]


def test_a_flaw_that_follows_from_a_problem_is_not_told() -> None:
    """A flaw at, above or below a problem is left out; others at the same place are all told."""
    report = Report("f.toml", Positions(TEXT))
    report.add(("rule", 0, "who"), "must be a list")
    report.add_flaws(
        [
            Flaw(("rule", 0, "who"), "must name somebody"),
            Flaw(("rule", 0), "follows"),
            Flaw(("rule", 0, "who", 1), "follows"),
            Flaw(("rule", 0, "for"), "one"),
            Flaw(("rule", 0, "for"), "two"),
        ]
    )
    assert told(report) == [
        "f.toml:1: rule[0].for: one",
        "f.toml:1: rule[0].for: two",
        "f.toml:3: rule[0].who: must be a list",
    ]
