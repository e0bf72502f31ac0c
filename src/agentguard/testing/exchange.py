# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does an API of the provider know when it replies?

The request, parsed, and what of the provider a reply may use.
It decides nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentguard.testing.answers import Answer, Responder
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply
from agentguard.testing.stored_files import StoredFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A valid request on its way to its reply.

    Attributes:
        received: the request as it arrived.
        request: its parsed body.
        path: its path, without query and without what stands before the API's own paths.
        matched: the parts of the path that vary, in order.
        number: counts the requests of one provider; the ids in a reply are made of it.
        created: the time, seconds since the epoch.
        files: what was uploaded so far.
        respond: gives the answer to a request that lies inside this one, as in a batch.
    """

    received: Received
    request: Mapping[str, Any] = field(repr=False)
    path: str = field(repr=False)
    matched: tuple[str, ...] = field(repr=False, default=())
    number: int
    created: int
    files: StoredFiles
    respond: Responder


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one endpoint reads requests and writes answers.

    Attributes:
        parse: returns the parsed body; raises RequestInvalid for one that the API refuses. It is
            given the fields beyond the documented ones that are taken.
        reply: writes the answer.
        model: whether a model writes the answer, so that the script and the responder give it.
    """

    parse: Callable[[Received, frozenset[str]], Mapping[str, Any]]
    reply: Callable[[Exchange, Answer], Reply]
    model: bool = False
