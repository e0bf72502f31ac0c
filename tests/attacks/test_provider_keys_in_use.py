# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a request leave with an API key that is somebody else's, or another provider's?

The story: keys lie about. An agent finds the key of another one in its environment, a shared
helper makes a copy of a client with its own key, a program that gives out keys gives another one
than before, and a hook of the HTTP client puts one on once everything has been decided.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import Guard, WrongKey
from agentguard.audit.entries import entry_fields
from agentguard.clients.credentials import fingerprint_of
from agentguard.testing import Answer, LoopbackProvider
from agentguard.vocabulary import AuditEntry, EntryType, Outcome, Reason

if TYPE_CHECKING:
    from tests.attacks.conftest import Twin

MINE, SHARED, THEIRS, ELSEWHERE = "sk-mine-0001", "sk-shared-02", "sk-theirs-03", "sk-elsewhere-4"
UNLISTED = "sk-unlisted-5"
POLICY = f"""\
version = 1
name = "keys"

[deployment]
store = "guard.db"

[[identity]]
id = "agent:a"

[[identity]]
id = "agent:b"

[[provider]]
id = "listed"
hosts = ["127.0.0.1:*"]
headers = ["authorization", "x-note"]
extra_fields = ["note"]

[[provider.key]]
fingerprint = "{fingerprint_of(MINE)}"
who = "agent:a"

[[provider.key]]
fingerprint = "{fingerprint_of(SHARED)}"
who = "agent:*"

[[provider.key]]
fingerprint = "{fingerprint_of(THEIRS)}"
who = "agent:b"

[[provider]]
id = "open"
hosts = ["localhost:*"]
headers = ["x-note"]
extra_fields = ["note"]

[[provider]]
id = "elsewhere"
hosts = ["api.elsewhere.example"]

[[provider.key]]
fingerprint = "{fingerprint_of(ELSEWHERE)}"
who = "agent:*"

[[rule]]
id = "chat"
who = "agent:*"
provider = ["listed", "open"]
model = "*"
operation = ["inference", "read"]
then = "allow"
"""
SAID: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def keys(tmp_path: Path, tracing: TracerProvider) -> Iterator[Guard]:
    """A guard whose policy lists keys at two of three providers, acting as agent:a."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path, tracer_provider=tracing) as guard, guard.identity("agent:a"):
        yield guard


@pytest.fixture
def asked(keys: Guard, provider: LoopbackProvider) -> Iterator[Callable[..., Any]]:
    """Give what asks the provider with a client made as the arguments say."""
    with ExitStack() as clients:

        def asking(**given: Any) -> Any:
            base_url = provider.base_url
            if given.pop("open", False):
                base_url = base_url.replace("127.0.0.1", "localhost")
            extra = given.pop("extra", {})
            made = {"api_key": MINE, "base_url": base_url, "max_retries": 0, **given}
            client = clients.enter_context(OpenAI(**made))
            return keys.wrap(client).chat.completions.create(**SAID, **extra)

        yield asking


def made(**given: Any) -> OpenAI:
    """A client that tries again, with either HTTP library."""
    return OpenAI(max_retries=2, **given)


def chat(client: Any) -> Any:
    """Ask, with whichever client."""
    return client.chat.completions.create(**SAID)


def streamed(client: Any) -> Any:
    """Ask for a stream, with whichever client."""
    return client.chat.completions.create(**SAID, stream=True)


@pytest.mark.parametrize("key", [MINE, SHARED])
def test_a_key_that_is_listed_for_the_caller_is_used(
    asked: Callable[..., Any], provider: LoopbackProvider, key: str
) -> None:
    """The caller's own key and one that is shared reach the provider, asked for or held."""
    asked(api_key=key)
    asked(api_key=lambda: key)
    asked(api_key=UNLISTED, default_headers={"Authorization": f"Bearer {key}"})
    assert len(provider.journal) == 3


STORIES: dict[str, dict[str, Any]] = {
    "of another identity": {"api_key": THEIRS},
    "of another provider": {"api_key": ELSEWHERE},
    "of nobody": {"api_key": UNLISTED},
    "of another identity, asked for": {"api_key": lambda: THEIRS},
    "of another provider, asked for": {"api_key": lambda: ELSEWHERE},
    "of nobody, asked for": {"api_key": lambda: UNLISTED},
    "none": {"api_key": lambda: "", "default_headers": {"Authorization": ""}},
    "in a header of the client": {"default_headers": {"Authorization": f"Bearer {THEIRS}"}},
    "in a header of one request": {"extra": {"extra_headers": {"Authorization": THEIRS}}},
    # It signs nobody in there by any table, and some servers take keys from where they find them.
    "of another identity, in a note": {"extra": {"extra_headers": {"X-Note": THEIRS}}},
    "of another identity, in the address": {"extra": {"extra_query": {"note": THEIRS}}},
    "of another provider, in a note": {"extra": {"extra_headers": {"X-Note": ELSEWHERE}}},
    "of another provider, in the address": {"extra": {"extra_query": {"note": ELSEWHERE}}},
    "of another provider, at one without keys": {"api_key": ELSEWHERE, "open": True},
    "of another provider, asked for there": {"api_key": lambda: THEIRS, "open": True},
    "of another provider, as a password": {
        "open": True,
        "http_client": lambda: httpx.Client(auth=("user", ELSEWHERE)),
    },
    "put on by the HTTP client": {"http_client": lambda: httpx.Client(auth=("", THEIRS))},
}


@pytest.mark.parametrize("given", STORIES.values(), ids=STORIES)
def test_no_other_key_is_used(
    asked: Callable[..., Any],
    provider: LoopbackProvider,
    entries: list[AuditEntry],
    spans: InMemorySpanExporter,
    given: dict[str, Any],
) -> None:
    """Whatever puts another key on a request, it is refused before a byte leaves, and untold."""
    made = dict(given)
    if "http_client" in made:
        made["http_client"] = made["http_client"]()
    with pytest.raises(WrongKey) as caught:
        asked(**made)
    assert caught.value.dispatched is False
    assert caught.value.remedy is not None
    assert provider.connections == 0
    assert entries[-1].reason is Reason.WRONG_KEY
    told = f"{caught.value!r}{caught.value}{vars(caught.value)}"
    told += "".join(str(dict(entry_fields(entry))) for entry in entries)
    told += "".join(span.to_json() for span in spans.get_finished_spans())
    assert not [key for key in (MINE, THEIRS, ELSEWHERE, UNLISTED) if key in told]


@pytest.mark.parametrize("way", [chat, streamed])
def test_both_kinds_of_clients_are_looked_at(
    keys: Guard, provider: LoopbackProvider, twin: "Twin", way: Callable[[Any], Any]
) -> None:
    """A client of either kind is refused another's key, for whole answers and for streams."""
    with pytest.raises(WrongKey):
        twin.take(lambda plain: way(keys.wrap(plain)), api_key=THEIRS)
    assert provider.connections == 0
    twin.take(lambda plain: chat(keys.wrap(plain)), api_key=MINE)
    assert len(provider.journal) == 1


def test_clients_of_the_other_sdk_are_looked_at(
    keys: Guard, provider: LoopbackProvider, anthropic_twin: "Twin"
) -> None:
    """Anthropic's key and token are held against the list as well."""

    def way(plain: Any) -> Any:
        message = {"role": "user", "content": "hello"}
        return keys.wrap(plain).messages.create(model="m", max_tokens=9, messages=[message])

    for given in ({"api_key": THEIRS}, {"api_key": None, "auth_token": THEIRS}):
        with pytest.raises(WrongKey):
            anthropic_twin.take(way, **given)
    assert provider.connections == 0
    anthropic_twin.take(way, api_key=MINE)
    anthropic_twin.take(way, api_key=None, auth_token=SHARED)
    assert len(provider.journal) == 2


def test_a_copy_with_another_key_is_another_key(keys: Guard, provider: LoopbackProvider) -> None:
    """A copy of a client that was allowed is refused with a key that is not the caller's."""
    with OpenAI(base_url=provider.base_url, api_key=MINE, max_retries=0) as plain:
        client = keys.wrap(plain)
        chat(client)
        with pytest.raises(WrongKey):
            chat(client.with_options(api_key=THEIRS))
        client.api_key = THEIRS
        with pytest.raises(WrongKey):
            chat(client)
    assert len(provider.journal) == 1


def test_who_hands_on_a_client_does_not_hand_on_the_key(
    keys: Guard, provider: LoopbackProvider
) -> None:
    """The key of the agent that hands on work is not that of the agent behind it."""
    with OpenAI(base_url=provider.base_url, api_key=MINE, max_retries=0) as plain:
        client = keys.wrap(plain)
        with keys.identity("agent:b"), pytest.raises(WrongKey):
            chat(client)
        with keys.identity("agent:b"):
            chat(client.with_options(api_key=THEIRS))
    assert len(provider.journal) == 1


@pytest.mark.parametrize("key", [THEIRS, SHARED, UNLISTED])
def test_a_key_that_changes_after_the_decision_is_not_used(
    asked: Callable[..., Any], provider: LoopbackProvider, entries: list[AuditEntry], key: str
) -> None:
    """A hook that swaps the key of a request that was decided stops it, even for a listed one."""

    def swap(request: Any) -> None:
        request.headers["Authorization"] = f"Bearer {key}"

    with pytest.raises(WrongKey) as caught:
        asked(http_client=httpx.Client(event_hooks={"request": [swap]}))
    assert caught.value.dispatched is False
    assert provider.connections == 0
    assert [entry.type for entry in entries][-2:] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[-1].outcome is Outcome.FAILED
    assert entries[-1].reason is Reason.WRONG_KEY


def test_a_key_that_changes_between_two_tries_is_not_used(
    keys: Guard, provider: LoopbackProvider
) -> None:
    """A request that is tried again is not sent with a key that came in the meantime."""
    provider.script([Answer(status=500), Answer(content="fine")])

    def swap(_: Any) -> None:
        client.api_key = THEIRS

    with (
        httpx.Client(event_hooks={"response": [swap]}) as sending,
        made(base_url=provider.base_url, api_key=MINE, http_client=sending) as client,
        pytest.raises(WrongKey) as caught,
    ):
        chat(keys.wrap(client))
    assert caught.value.dispatched is True
    assert len(provider.journal) == 1


def test_the_entry_names_the_key_by_its_fingerprint(
    asked: Callable[..., Any], entries: list[AuditEntry]
) -> None:
    """What is written down of a call says with which key it was made, and by which register."""
    asked()
    details = next(entry.details for entry in entries if entry.type is EntryType.INTENT)
    assert details["key"] == fingerprint_of(MINE)
    assert details["provider_tier"] == "none"
    assert details["register"].startswith("sha256:")


def test_what_carries_no_content_needs_a_key_as_well(
    keys: Guard, provider: LoopbackProvider
) -> None:
    """Listing models is signed with the caller's key or refused."""
    with OpenAI(base_url=provider.base_url, api_key=THEIRS, max_retries=0) as plain:
        with pytest.raises(WrongKey):
            keys.wrap(plain).models.list()
        keys.wrap(plain).with_options(api_key=MINE).models.list()
    assert len(provider.journal) == 1
