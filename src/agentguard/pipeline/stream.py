# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is an answer that comes in pieces checked, before any piece is released?

Step 8 of a call whose answer is a stream of events: one step pulls an event, one releases what
was checked. What stands in an event is read by ``redaction``.

INVARIANT: nothing is released that was not checked (tests/pipeline/test_stream.py).
"""

from agentguard.budgets import joined, usage_of
from agentguard.errors import ContentRefused, GuardFailure
from agentguard.pipeline.hearing import hear_event
from agentguard.pipeline.said import echoes_of
from agentguard.pipeline.steps import (
    Emit,
    Flow,
    Progress,
    Pull,
    Stage,
    keep_vault,
    perform,
    required,
)
from agentguard.pipeline.stopping import refuse_if_stopped
from agentguard.redaction import (
    AnswerBlocked,
    AnswerUncheckable,
    Released,
    StreamCheck,
    StreamForm,
)
from agentguard.session import Session
from agentguard.vocabulary import Action, HideClasses, Reason


def streamed(progress: Progress, form: StreamForm, session: Session) -> Flow[None]:
    """Check every event and release it; the stream ends with the last one.

    Raises:
        ContentRefused: the answer holds a class that may not be in an answer.
        Stopped: an operator stopped what the call is about.
        Exception: what the provider's stream broke off with, unchanged.
    """
    classifier, classes = progress.core.classifier, required(progress, HideClasses).classes
    handled = {name for name, each in classes.items() if each.in_answers is not Action.LABEL}
    check = StreamCheck(
        form,
        find=session.answer_finder(classifier),
        classes=classes,
        vault=session.vault,
        ahead=classifier.reach(handled),
        openings=classifier.openings(handled),
        echoes=echoes_of(progress, session),
    )
    ended, progress.streams = False, True
    while not ended:
        progress.stage = Stage.DISPATCH
        try:
            event = yield from perform(Pull())
        except GuardFailure:  # what came was no event that can be checked
            progress.stage = Stage.RESULT
            raise
        progress.stage = Stage.RESULT
        ended = event is None
        yield from _refuse_if_stopped(progress)
        if event is not None and progress.core.policy.asks_provenance:
            hear_event(progress, event.content)
        if event is not None and progress.held is not None:
            progress.usage = joined(progress.usage, usage_of(event.content))
        released: list[Released] = []
        refusal: ContentRefused | None = None
        try:
            released = check.finish() if event is None else check.feed(event)
        except (AnswerBlocked, AnswerUncheckable) as error:
            refusal = answer_refused(progress, error)
        progress.answered = dict(check.counts)
        if refusal is not None:
            raise refusal
        yield from keep_vault(progress, session)
        if released:
            yield from perform(Emit(tuple(released)))


def _refuse_if_stopped(progress: Progress) -> Flow[None]:
    caller, call = progress.attempt.caller, progress.call
    if caller is not None and call is not None:
        yield from refuse_if_stopped(progress, caller, call)


def answer_refused(
    progress: Progress, problem: AnswerBlocked | AnswerUncheckable
) -> ContentRefused:
    """Return the refusal of an answer that holds a blocked class, or cannot be checked."""
    if isinstance(problem, AnswerBlocked):
        progress.reason = Reason.CLASS_BLOCKED
        return ContentRefused(
            "the answer holds data that may not be in one", classes=(problem.data_class,)
        )
    return ContentRefused(str(problem))
