# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which form does the stream of an operation's answer have?

An operation without a form is not streamed: a text that grows over events of an unknown form
could not be checked as a whole.
"""

from agentguard.integrations.openai.stream_chat import ChatForm, CompletionForm
from agentguard.integrations.openai.stream_responses import ResponsesForm
from agentguard.redaction import StreamForm
from agentguard.vocabulary import ModelCall

# Their events carry a type and grow by ``delta`` as those of responses do.
TYPED = frozenset(
    {
        "/responses", "/responses/{}", "/audio/transcriptions", "/audio/speech",
        "/images/generations", "/images/edits",
    }
)  # fmt: skip


def form_of(call: ModelCall) -> StreamForm | None:
    """Return a form for one stream of a call's answer, None when it cannot be checked."""
    if call.path == "/chat/completions":
        return ChatForm()
    if call.path == "/completions":
        return CompletionForm()
    return ResponsesForm() if call.path in TYPED else None
