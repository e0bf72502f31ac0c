# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a conversation told of a call, and what does it answer before one?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agentguard.canonical import freeze
from agentguard.identity import Identities
from agentguard.pipeline import Response
from agentguard.pipeline.hearing import (
    hear_call,
    hear_end,
    hear_failure,
    origins_told,
    said_in,
    states_told,
    where_from,
)
from agentguard.policy import (
    ArgumentSpec,
    FlowSpec,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.policy.constraints import Anything
from agentguard.policy.document import IdentitySpec
from agentguard.session import Session
from agentguard.vocabulary import (
    Action,
    Attachment,
    Call,
    Circumstances,
    DataClass,
    Decision,
    Doubt,
    Effect,
    HostedTool,
    Impact,
    Kind,
    ModelCall,
    Origins,
    Reference,
    Remember,
    Speaker,
    TellDoubts,
    ToolCall,
    Utterance,
)

KEY = b"k" * 32
READ = ToolCall(id="c", tool="read", definition="d", received={}, resolved={})
SEND = replace(READ, tool="send", resolved={"to": "bob@corp.example", "body": "hi"})
CLASSES = (
    DataClass(name="email", family="pii", action=Action.LABEL),
    DataClass(name="phone", family="pii", action=Action.LABEL),
    DataClass(name="api_key", family="secret", action=Action.REDACT),
)
PEOPLE = Identities(lambda: "session")
AFTER = FlowSpec(id="after", tools=("send",), after=("untrusted",), effect=Effect.DENY)
FROM_USER = RuleSpec(
    id="send",
    effect=Effect.ALLOW,
    who=("agent:a",),
    tools=("send",),
    arguments=(
        ArgumentSpec(name="to", constraint=Anything(), origins=frozenset({"user", "tool:book"})),
        ArgumentSpec(name="body", constraint=Anything()),
    ),
)


def progress(*flows: FlowSpec, rules: tuple[RuleSpec, ...] = (FROM_USER,), **attempt: Any) -> Any:
    """Return how far a call of agent:a has come under a policy with these rules and flows."""
    document = PolicyDocument(
        name="hearing",
        identities=(IdentitySpec(id="agent:a"), IdentitySpec(id="agent:b")),
        tools=(
            ToolSpec(name="read", impact=Impact.READ_ONLY, returns=frozenset({"pii"})),
            ToolSpec(name="book", impact=Impact.READ_ONLY, trusted=("/*",)),
            ToolSpec(name="send", impact=Impact.IRREVERSIBLE, targets=("to",), verbs=("send",)),
            ToolSpec(name="web", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"})),
        ),
        providers=(ProviderSpec(id="loopback", hosts=("127.0.0.1:*",)),),
        classes=CLASSES,
        rules=rules,
        flows=flows,
    )
    policy = compile_policy(document)
    caller = PEOPLE.narrowed("agent:a")
    core: Any = SimpleNamespace(
        policy=policy, needs=SimpleNamespace(named={"send": frozenset({"to"})})
    )
    made = {"caller": caller, "inside_tool": False, **attempt}
    return SimpleNamespace(
        core=core,
        attempt=SimpleNamespace(**made),
        call=None,
        session=None,
        decided=None,
        decision=None,
        approval=None,
        classes={},
        answered={},
    )


def request(*utterances: Utterance, payload: Any = "bob@corp.example", **more: Any) -> ModelCall:
    """Return a request in which these say something."""
    return ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="http://127.0.0.1:1",
        model="m",
        payload=freeze(payload),
        utterances=utterances,
        **more,
    )


BY_USER = request(Utterance(pointer="", speaker=Speaker.USER))


def tell(made: Any, call: Call, session: Session) -> None:
    """Tell the conversation what is about to leave."""
    made.decided = (call, Circumstances(), Decision(effect=Effect.ALLOW, policy="p"))
    hear_call(made, session)


def origin(made: Any, session: Session, call: ToolCall = SEND) -> Origins:
    """Return where the recipient of a call comes from."""
    (found,) = where_from(made, call, session)[0]["to"]
    return found


def end(made: Any, call: ToolCall, content: object, session: Session, claim: Any = None) -> None:
    """Tell the conversation what a tool returned."""
    made.call = call
    hear_end(made, Response(content=content), session, claim)


def test_a_policy_that_asks_nothing_hears_nothing() -> None:
    """Without origins and flows nothing is heard, nothing is found out, and nothing is certain."""
    made, session = progress(rules=()), Session(KEY)
    tell(made, BY_USER, session)
    assert where_from(made, SEND, session) == ({}, None)
    assert not session.talk.complete
    asking = progress(AFTER)
    tell(asking, BY_USER, session)
    assert where_from(asking, SEND, session)[1] is None


def test_only_what_is_asked_is_found_out() -> None:
    """Rules make the origins of the arguments known that they name; the state needs a flow."""
    made, session = progress(), Session(KEY)
    tell(made, BY_USER, session)
    origins, conversation = where_from(made, SEND, session)
    assert origins.keys() == {"to"}
    assert origins["to"][0].words == {"user"}
    assert conversation is None
    assert where_from(made, READ, session) == ({}, None)
    assert where_from(progress(AFTER), SEND, session)[1] is not None


@pytest.mark.parametrize(
    ("attempt", "kind", "words", "untrusted"),
    [
        ({}, Kind.INFERENCE, {"user"}, False),
        ({}, Kind.SOCKET, {"user"}, False),
        ({}, Kind.REMOTE_RUN, set(), True),
        ({}, Kind.UPLOAD, set(), True),
        ({"inside_tool": True}, Kind.INFERENCE, set(), False),
        ({"behind": True}, Kind.INFERENCE, set(), False),
    ],
)
def test_who_is_believed_to_be_the_user(
    attempt: dict[str, bool], kind: Kind, words: set[str], *, untrusted: bool
) -> None:
    """The user speaks to the first agent, in a conversation, and not in the code of a tool."""
    made, session = progress(inside_tool=attempt.get("inside_tool", False)), Session(KEY)
    if attempt.get("behind"):
        with PEOPLE.block("agent:a"):
            made.attempt.caller = PEOPLE.narrowed("agent:b")
    tell(made, replace(BY_USER, kind=kind), session)
    found = origin(made, session)
    assert (set(found.words), found.untrusted) == (words, untrusted)


def test_a_person_who_calls_through_an_agent_is_heard_by_it() -> None:
    """The person in front of the first agent is nobody behind whom it would stand."""
    made, session = progress(), Session(KEY)
    made.attempt.caller = PEOPLE.narrowed("agent:a", on_behalf_of="user:alice")
    tell(made, BY_USER, session)
    assert origin(made, session).words == {"user"}


UNSEEN = [
    {"references": frozenset({Reference.FILE})},
    {"references": frozenset({Reference.STORED_RESPONSE})},
    {"attachments": (Attachment(pointer="", data_class="image", label="[image]", content=b""),)},
    {
        "hosted_tools": (
            HostedTool(type="web_search", arguments={}, pointer="/tools/0", removable=True),
        )
    },
]


@pytest.mark.parametrize("more", UNSEEN)
def test_what_a_request_brings_and_nobody_reads_is_untrusted(more: dict[str, Any]) -> None:
    """Images, files and what tools at the provider find make the conversation untrusted."""
    made, session = progress(AFTER), Session(KEY)
    tell(made, BY_USER, session)
    assert "untrusted" not in (where_from(made, SEND, session)[1] or ())
    tell(made, replace(BY_USER, **more), session)
    assert "untrusted" in (where_from(made, SEND, session)[1] or ())


def test_a_tool_at_the_provider_is_decided_on_what_its_own_request_brings() -> None:
    """What a request holds has been read once it is decided, and any class may be in it."""
    flow = FlowSpec(id="web", tools=("web",), after=("untrusted",), effect=Effect.DENY)
    made, session = progress(flow), Session(KEY)
    tool = HostedTool(type="web_search", arguments={}, pointer="/tools/0", removable=True)
    asked = replace(BY_USER, hosted_tools=(tool,))
    assert where_from(made, BY_USER, session) == ({}, None)
    state = where_from(made, asked, session)[1] or frozenset()
    assert {"untrusted", "class:email", "family:pii"} <= state


def test_keeping_a_response_brings_nothing() -> None:
    """What a provider is asked to keep, or to make in the background, tells the model nothing."""
    made, session = progress(AFTER), Session(KEY)
    references = frozenset({Reference.STORE, Reference.BACKGROUND})
    tell(made, replace(BY_USER, references=references), session)
    assert where_from(made, SEND, session)[1] == frozenset()


def test_classes_are_remembered_with_their_families() -> None:
    """What a call, a result or an answer holds is part of the state, and what a tool declares."""
    made, session = progress(AFTER), Session(KEY)
    made.classes = {"email": 1}
    tell(made, BY_USER, session)
    state = where_from(made, SEND, session)[1] or frozenset()
    family = made.core.policy.classes["email"].family
    assert {"class:email", f"family:{family}"} <= state
    assert "class:phone" not in state
    made.classes = {}
    end(made, READ, "nothing", session)
    declared = {n for n, each in made.core.policy.classes.items() if each.family == "pii"}
    state = where_from(made, SEND, session)[1] or frozenset()
    assert {f"class:{name}" for name in declared} <= state
    made.call, made.answered = BY_USER, {"api_key": 1}
    hear_end(made, Response(content={}), session, None)
    assert "class:api_key" in (where_from(made, SEND, session)[1] or frozenset())


def test_a_result_that_repeats_what_its_call_asked_about_says_nothing_new() -> None:
    """What a tool only gives back of its own arguments is no untrusted content that names it."""
    made, session = progress(), Session(KEY)
    made.classes = {}
    end(made, replace(READ, tool="book"), ["bob@corp.example"], session)
    about = replace(READ, resolved={"address": "bob@corp.example"})
    end(made, about, {"bob@corp.example": "likes coffee"}, session)
    assert origin(made, session).words == {"tool:book"}
    end(made, READ, {"bob@corp.example": "likes coffee"}, session)
    assert origin(made, session).words == frozenset()


def test_a_trusted_result_is_relied_on_until_something_was_not_heard() -> None:
    """An address of the book counts as its; once something passed unheard it does not."""
    made, session = progress(), Session(KEY)
    end(made, replace(READ, tool="book"), ["bob@corp.example"], session)
    assert origin(made, session).words == {"tool:book"}
    session.talk.complete = False
    assert origin(made, session).words == frozenset()


def test_what_was_forgotten_is_not_known_as_anything() -> None:
    """A session of which something was erased relies on nothing that was said before."""
    made, session = progress(AFTER), Session(KEY)
    tell(made, BY_USER, session)
    session.talk.forget()
    assert origin(made, session).words == frozenset()
    assert where_from(made, SEND, session)[1] is None


def test_an_error_whose_text_cannot_be_had_makes_the_conversation_incomplete() -> None:
    """Code in an exception that raises costs what is certain, and nothing else."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("payload")

    made, session = progress(AFTER), Session(KEY)
    made.call, made.session = READ, session
    hear_failure(made, Broken())
    assert where_from(made, SEND, session)[1] is None


@pytest.mark.parametrize("remember", Remember)
def test_consent_is_remembered_as_the_policy_says(remember: Remember) -> None:
    """Nothing, the value, or everything that its source names counts as approved later."""
    made, session = progress(), Session(KEY)
    end(made, READ, "write to bob@corp.example or eve@corp.example", session)
    circumstances = Circumstances(origins=where_from(made, SEND, session)[0])
    doubts = (Doubt(argument="to", told="only seen elsewhere"), Doubt(argument="", told="unasked"))
    duty = TellDoubts(doubts=doubts, remember=remember)
    decision = Decision(effect=Effect.APPROVE, policy="p", obligations=(duty,))
    made.decision, made.decided = decision, (SEND, circumstances, decision)
    made.approval = SimpleNamespace(doubts=doubts)
    end(made, SEND, "sent", session, claim=made.approval)
    eve = replace(SEND, resolved={"to": "eve@corp.example"})
    approved = frozenset({"approved"})
    assert origin(made, session).words == (
        approved if remember is not Remember.NOTHING else frozenset()
    )
    assert origin(made, session, eve).words == (
        approved if remember is Remember.SOURCE else frozenset()
    )


def test_consent_follows_only_what_the_person_was_told_of() -> None:
    """Of a list, what a value came from that was in no doubt is not followed with the others."""
    made, session = progress(), Session(KEY)
    tell(made, BY_USER, session)
    end(made, READ, "bob@corp.example, and carol@corp.example too", session)
    end(made, READ, "eve@corp.example, and dave@corp.example too", session)
    both = replace(SEND, resolved={"to": ("bob@corp.example", "eve@corp.example")})
    circumstances = Circumstances(origins=where_from(made, both, session)[0])
    doubts = (Doubt(argument="to", told="only seen in the second"),)
    duty = TellDoubts(doubts=doubts, remember=Remember.SOURCE)
    decision = Decision(effect=Effect.APPROVE, policy="p", obligations=(duty,))
    made.decision, made.decided = decision, (both, circumstances, decision)
    made.approval = SimpleNamespace(doubts=doubts)
    end(made, both, "sent", session, claim=made.approval)
    words = [
        origin(made, session, replace(SEND, resolved={"to": f"{name}@corp.example"})).words
        for name in ("dave", "carol")
    ]
    assert words == [{"approved"}, frozenset()]


def test_what_was_not_heard_takes_the_word_from_addresses_too() -> None:
    """An address in a text keeps its place among what is judged, without the tool's word."""
    made, session = progress(), Session(KEY)
    end(made, replace(READ, tool="book"), ["bob@corp.example"], session)
    assert origin(made, session).addresses == (frozenset({"tool:book"}),)
    session.talk.complete = False
    assert origin(made, session).addresses == (frozenset(),)


def test_a_computed_value_is_one_until_something_was_not_heard() -> None:
    """A number stands nowhere after a request was heard, and not once something passed unheard."""
    computed = FlowSpec(
        id="computed", tools=("send",), arguments_from=("nowhere",), effect=Effect.DENY
    )
    made, session = progress(computed), Session(KEY)
    call = replace(SEND, resolved={"to": 777.25})
    assert not origin(made, session, call).nowhere
    tell(made, BY_USER, session)
    assert origin(made, session, call).nowhere
    assert not origin(progress(), session, call).nowhere
    session.talk.complete = False
    assert not origin(made, session, call).nowhere


def test_what_a_call_writes_is_not_a_trusted_tool_s_afterwards() -> None:
    """What a changing tool was called with is not relied on because another tool reads it."""
    made = progress()
    book = replace(READ, tool="book")
    for first, words in ((replace(SEND, tool="book"), {"tool:book"}), (SEND, set[str]())):
        session = Session(KEY)
        tell(made, first, session)
        end(made, book, ["bob@corp.example"], session)
        assert origin(made, session).words == words


def test_an_error_is_of_the_classes_that_its_tool_declares() -> None:
    """A tool that fails may tell in its error what it would have returned."""
    made, session = progress(AFTER), Session(KEY)
    made.call, made.session = READ, session
    hear_failure(made, ValueError("the number of the patient"))
    assert "class:phone" in (where_from(made, SEND, session)[1] or frozenset())


def test_what_is_told_of_origins_names_arguments_of_the_policy_alone() -> None:
    """Other arguments are told together, and no value of any is told."""
    made = progress()
    origins = {
        "to": (
            Origins(words=frozenset({"user"}), carries=True),
            Origins(untrusted=True, carries=True),
        ),
        "secret-name": (Origins(),),
        "flag": (),
    }
    circumstances = Circumstances(origins=origins, conversation=frozenset({"untrusted", "tool:a"}))
    made.call, made.decided = SEND, (SEND, circumstances, None)
    assert origins_told(made) == ("others=unknown", "to=untrusted/user(carries)")
    assert states_told(made) == ("tool:a", "untrusted")
    made.decided = (SEND, Circumstances(now=datetime.now(UTC) + timedelta(0)), None)
    assert origins_told(made) == states_told(made) == ()


def test_the_innermost_speaker_speaks() -> None:
    """A part inside another is said by its own speaker, and the rest by the one around."""
    call = request(
        Utterance(pointer="/a", speaker=Speaker.TOOL, tool="read"),
        Utterance(pointer="/a/b", speaker=Speaker.TOOL),
        Utterance(pointer="/a/c~1d", speaker=Speaker.USER),
        Utterance(pointer="/a/c~1d/0", speaker=Speaker.MODEL),
        payload={"a": {"b": 1, "c/d": [2, 3], "e": 4}, "f": 5},
    )
    assert list(said_in(call)) == [
        (Speaker.TOOL, "read", 1),
        (Speaker.MODEL, None, 2),
        (Speaker.USER, None, 3),
        (Speaker.TOOL, "read", 4),
    ]
