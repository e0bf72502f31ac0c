# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the spans of the MCP SDK say, and what of the trace does a server get?

The SDK makes a span of each request, with the name of the tool and what the server said of an
error, and sends the context of the trace and all baggage along. Around a guarded message its span
is not recorded, and there is no baggage; the guard makes a span of its own.

INVARIANT: no baggage is sent, and no text of a server stands in a span
(tests/attacks/frameworks/test_mcp_observed.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import baggage, context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags


@contextmanager
def unrecorded() -> Iterator[None]:
    """Keep the SDK's spans of what happens in the block from being recorded."""
    inside = trace.get_current_span().get_span_context()
    plain = baggage.clear()
    if inside.is_valid:
        unsampled = SpanContext(
            inside.trace_id, inside.span_id, is_remote=False, trace_flags=TraceFlags(0)
        )
        plain = trace.set_span_in_context(NonRecordingSpan(unsampled), plain)
    token = context.attach(plain)
    try:
        yield
    finally:
        context.detach(token)
