# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which requests can an SDK send, and what does each of them do?

The tables are data: one for each SDK, one row for each pair of verb and path template. ``checked`` says for which versions they hold.
"""

from agentguard.operations.checked import checked_versions, is_checked, is_sent_by
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
    "checked_versions",
    "closest",
    "is_checked",
    "is_operation_name",
    "is_sent_by",
    "needs_pairs",
    "table_of",
]
