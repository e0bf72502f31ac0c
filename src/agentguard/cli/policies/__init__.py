# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which command on policy files was asked for?"""

import argparse
from typing import Any

from agentguard.cli.policies import (
    cases,
    checking,
    differing,
    explaining,
    exporting,
    learning,
    replaying,
    schema,
    signing,
)

_COMMANDS = (
    checking,
    explaining,
    cases,
    differing,
    replaying,
    learning,
    exporting,
    schema,
    signing,
)


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy`` with its commands."""
    group = commands.add_parser("policy", help="work on policy files")
    verbs = group.add_subparsers(required=True, metavar="COMMAND")
    for module in _COMMANDS:
        module.add_command(verbs, shared)
