# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may stand in a policy file, for an editor?"""

import argparse
from typing import Any

from agentguard.cli.output import print_json


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy schema``."""
    command = verbs.add_parser(
        "schema",
        parents=[shared],
        help="print the JSON Schema of policy files, for editors",
        epilog="exit codes: 0 printed, 2 called wrongly",
    )
    command.set_defaults(run=_schema)


def _schema(_options: argparse.Namespace) -> int:
    # Deferred: the models bring pydantic, which other commands may not need.
    from agentguard.config.json_schema import json_schema

    print_json(json_schema())
    return 0
