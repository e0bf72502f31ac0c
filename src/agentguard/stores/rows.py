# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an approval request become a row, and a row a request?

What was asked is one canonical JSON text that never changes; only the state beside it does.

INVARIANT: a request read back equals the one written, to the microsecond
(tests/stores/test_rows.py).
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from agentguard.canonical import canonical_bytes, freeze, instant, parse_instant
from agentguard.stores.failures import StoreFailure
from agentguard.vocabulary import Answer, ApprovalRequest, ApprovalState, Doubt, Impact, Vote

Row = tuple[object, ...]

REQUEST_COLUMNS = "id, question, state, version, decided_at, claimed_by, lease_until"
VOTE_COLUMNS = "request_id, approver, answer, at, signature"

_TEXTS = (
    "id",
    "nonce",
    "call_id",
    "tool",
    "definition",
    "rule",
    "policy",
    "profile",
    "session_key",
    "salt",
    "received",
    "resolved",
    "shown",
)
_MICROSECOND = timedelta(microseconds=1)


def question_of(request: ApprovalRequest) -> bytes:
    """Return what was asked, as canonical JSON."""
    question: dict[str, object] = {name: getattr(request, name) for name in _TEXTS}
    question |= {
        "impact": request.impact,
        "chain": request.chain,
        "requesters": request.requesters,
        "created_at": instant(request.created_at),
        "decide_by": instant(request.decide_by),
        "execute_within": request.execute_within // _MICROSECOND,
        "need": request.need,
    }
    if request.doubts:
        question["doubts"] = [[each.argument, each.told] for each in request.doubts]
    return canonical_bytes(freeze(question))


def standing_of(request: ApprovalRequest) -> Row:
    """Return where a request stands: state, version, decided, claimed by, lease."""
    return (
        str(request.state),
        request.version,
        _written(request.decided_at),
        request.claimed_by,
        _written(request.lease_until),
    )


def vote_row(vote: Vote) -> Row:
    """Return a vote as a row of ``VOTE_COLUMNS``."""
    return (vote.request_id, vote.approver, str(vote.answer), instant(vote.at), vote.signature)


def vote_of(row: Row) -> Vote:
    """Return the vote in a row of ``VOTE_COLUMNS``.

    Raises:
        StoreFailure: the row is not a vote.
    """
    request_id, approver, answer, at, signature = row
    try:
        return Vote(
            request_id=str(request_id),
            approver=str(approver),
            answer=Answer(str(answer)),
            at=parse_instant(str(at)),
            signature=str(signature),
        )
    except ValueError:
        pass
    raise StoreFailure("a vote in the store cannot be read")


def request_of(row: Row, votes: Iterable[Vote]) -> ApprovalRequest:
    """Return the request in a row of ``REQUEST_COLUMNS``, with its votes.

    Raises:
        StoreFailure: the row is not a request, or two columns contradict each other.
    """
    id_, question, state, version, decided_at, claimed_by, lease_until = row
    try:
        asked = json.loads(question)  # type: ignore[arg-type]  # a wrong type is caught below
        request = ApprovalRequest(
            **{name: _text(asked, name) for name in _TEXTS},
            impact=Impact(asked["impact"]),
            chain=tuple(asked["chain"]),
            requesters=tuple(asked["requesters"]),
            created_at=parse_instant(asked["created_at"]),
            decide_by=parse_instant(asked["decide_by"]),
            execute_within=asked["execute_within"] * _MICROSECOND,
            need=asked["need"],
            doubts=tuple(_doubt(each) for each in asked.get("doubts", ())),
            state=ApprovalState(str(state)),
            version=version,  # type: ignore[arg-type]  # an integer column
            decided_at=_read(decided_at),
            claimed_by=claimed_by,  # type: ignore[arg-type]  # a text column
            lease_until=_read(lease_until),
            votes=tuple(votes),
        )
    except (ValueError, TypeError, KeyError):
        request = None
    if request is None or request.id != id_:
        raise StoreFailure("an approval request in the store cannot be read")
    return request


def _text(asked: Mapping[str, object], name: str) -> str:
    value = asked[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _doubt(doubt: object) -> Doubt:
    if not isinstance(doubt, list) or not all(isinstance(each, str) for each in doubt):
        raise TypeError("doubts")
    argument, told = doubt
    return Doubt(argument=argument, told=told)


def _written(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def _read(text: object) -> datetime | None:
    return None if text is None else parse_instant(str(text))
