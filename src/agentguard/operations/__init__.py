# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which requests can an SDK send, and what does each of them do?

The tables are data: one for each SDK, one row for each pair of verb and path template.
"""

from agentguard.operations.table import (
    Allowed,
    Match,
    Operation,
    OperationTable,
    closest,
    is_operation_name,
    needs_pairs,
    table_of,
)

__all__ = [
    "Allowed",
    "Match",
    "Operation",
    "OperationTable",
    "closest",
    "is_operation_name",
    "needs_pairs",
    "table_of",
]
