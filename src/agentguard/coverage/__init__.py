# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is guarded in this process, what is refused, and what passes the guard by?

``values`` is what is told; ``measuring`` gathers it from the parts, ``installed`` from the SDKs,
``writers`` from the audit log.
"""

from agentguard.coverage.values import (
    Coverage,
    FunctionCoverage,
    LiveClients,
    OperationCoverage,
    SurfaceCoverage,
)

__all__ = [
    "Coverage",
    "FunctionCoverage",
    "LiveClients",
    "OperationCoverage",
    "SurfaceCoverage",
]
