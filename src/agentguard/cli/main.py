# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which command was asked for?"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from agentguard.cli import (
    approvals,
    audit,
    budgets,
    coverage,
    definitions,
    facts,
    gateway,
    init,
    operations,
    policies,
    providers,
    scan,
    stopping,
    vault,
)
from agentguard.cli.output import CommandFailed
from agentguard.errors import AgentGuardError
from agentguard.guard import CONFIG_VARIABLE, DEFAULT_FILE
from agentguard.stores import ChangeLost, StoreFailure

FAILED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    # Names of files hold letters that a terminal or a pipe may have no bytes for.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = options.run(options)
        # Here and not at exit, where a reader that has gone away could not be told quietly.
        sys.stdout.flush()
    except ChangeLost:
        problem = "the approval request changed in the meantime; look at it again"
    except (CommandFailed, AgentGuardError, StoreFailure) as failure:
        problem = str(failure)
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has enough; closing stdout must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    else:
        return code
    print(f"agentguard: {problem}", file=sys.stderr)
    return FAILED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="agentguard",
        description="Operate the guard: policies, approvals and the audit log.",
        epilog="exit codes: 0 done, 1 the answer is no, 2 called wrongly or not possible,"
        " 3 something is missing: the audit log has gaps, or calls could not be decided again",
    )
    top.add_argument("--version", action="version", version=version("agentguard"))
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--config",
        metavar="FILE",
        default=os.environ.get(CONFIG_VARIABLE, DEFAULT_FILE),
        help=f"the policy file (default: ${CONFIG_VARIABLE} or {DEFAULT_FILE})",
    )
    shared.add_argument("--json", action="store_true", help="print JSON")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for module in (
        init,
        policies,
        providers,
        approvals,
        audit,
        budgets,
        facts,
        coverage,
        definitions,
        gateway,
        operations,
        scan,
        stopping,
        vault,
    ):
        module.add_commands(commands, shared)
    return top
