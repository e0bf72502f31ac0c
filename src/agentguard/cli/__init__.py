# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can an operator, an approver and an auditor do from a shell?

``main`` reads the arguments; each group of commands has a module. Every command takes
``--json``. Exit codes: 0 done; 1 the answer is no (a policy with errors, a log that was changed,
an approver who did not confirm); 2 the command was called wrongly or cannot be carried out;
3 the log is whole as far as it goes, and something is missing from it.
"""

from agentguard.cli.main import main

__all__ = ["main"]
