# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What was written down, and is it still what was written?

``entries`` gives the bytes and the hash of one entry, ``verification`` judges whole streams.
Neither reads nor writes a file; ``agentguard.stores`` does.
"""

from agentguard.audit.entries import (
    FIRST_PREVIOUS,
    NotAnEntry,
    StoredEntry,
    entry_bytes,
    entry_fields,
    entry_hash,
    parse_entry,
    placed_bytes,
)
from agentguard.audit.verification import (
    EntryRange,
    LogRow,
    StreamLog,
    Verdict,
    VerdictState,
    Verification,
    verify,
)

__all__ = [
    "FIRST_PREVIOUS",
    "EntryRange",
    "LogRow",
    "NotAnEntry",
    "StoredEntry",
    "StreamLog",
    "Verdict",
    "VerdictState",
    "Verification",
    "entry_bytes",
    "entry_fields",
    "entry_hash",
    "parse_entry",
    "placed_bytes",
    "verify",
]
