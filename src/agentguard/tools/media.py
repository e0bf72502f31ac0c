# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which parts of a result are no text, and may they pass?

A part counts as what it is said to be. It passes where the policy labels its class, in calls and in
results; otherwise a text stands in its place.

INVARIANT: what is of no class that the policy labels does not pass (tests/tools/test_media.py).
"""

from agentguard.classification.classes import AUDIO, BINARY, IMAGE, PDF, VIDEO
from agentguard.policy import Policy
from agentguard.vocabulary import Action

WITHHELD = "[a part of the answer was withheld: it is no text, and the policy does not let it pass]"


def media_class(mime: object) -> str:
    """Return the class of what is said to be of a media type, such as ``image/png``."""
    said = mime.strip().lower() if isinstance(mime, str) else ""
    if said.partition(";")[0] == "application/pdf":
        return PDF
    kind = said.partition("/")[0]
    return kind if kind in (IMAGE, AUDIO, VIDEO) else BINARY


def media_passes(policy: Policy, name: str) -> bool:
    """Say whether media of a class may pass unread."""
    known = policy.classes.get(name)
    return known is not None and (known.action, known.in_results) == (Action.LABEL,) * 2
