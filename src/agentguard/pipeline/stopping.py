# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Has an operator stopped what a call is about?

Asked before anything is done for a call, once more right before its intent is written, and for
every event of a stream. No policy can do without it.

INVARIANT: where the answer cannot be had, the call counts as stopped
(tests/attacks/test_stopping.py).
INVARIANT: the operator's reason is in no error (same file).
"""

from datetime import UTC, datetime

from agentguard.errors import Stopped
from agentguard.pipeline.steps import FindStop, Flow, Progress, Stage, StopUnknown, perform
from agentguard.vocabulary import Call, Caller, Reason, Stop, StopScope

_WHAT = {
    StopScope.ALL: "everything",
    StopScope.WHO: "an identity that stands behind this call",
    StopScope.TOOL: "this tool",
    StopScope.PERSON: "everything for this person",
    StopScope.SESSION: "this session",
    StopScope.TENANT: "everything for this tenant",
}


def refuse_if_stopped(progress: Progress, caller: Caller, call: Call) -> Flow[None]:
    """Refuse a call that is about something stopped.

    Raises:
        Stopped: it is, or that is not known.
    """
    before, problem, found = progress.stage, "", None
    if not progress.dispatched:
        progress.stage = Stage.STOP
    try:
        found = yield from perform(FindStop(caller, call))
    except StopUnknown as unknown:
        problem = str(unknown)
    if problem:
        progress.reason = Reason.STOPPED
        raise Stopped(
            f"what is stopped cannot be read, which counts as stopped: {problem}",
            remedy="make the ledger readable again, or make a new guard: see [ledger]",
        )
    progress.stage = before
    if found is not None:
        progress.reason, progress.notes["stop"] = Reason.STOPPED, found.scope.value
        raise _stopped(found)


def _stopped(stop: Stop) -> Stopped:
    since = datetime.fromtimestamp(stop.since, UTC)
    option = "" if stop.scope is StopScope.ALL else " ID"
    return Stopped(
        f"{stop.by} stopped {_WHAT[stop.scope]} at {since:%Y-%m-%dT%H:%M:%SZ}",
        by=stop.by,
        since=since,
        remedy=f"it goes on after 'agentguard resume --{stop.scope.value}{option}';"
        " 'agentguard stops' says why it was stopped",
    )
