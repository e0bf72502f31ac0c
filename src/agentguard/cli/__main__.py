# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Run the command line as ``python -m agentguard.cli``."""

import sys

from agentguard.cli.main import main

sys.exit(main())
