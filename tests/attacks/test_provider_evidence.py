# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does data reach a provider that has not shown what its class needs?

The story: a class passes in clear because a contract allows it. The contract ends, another provider
is asked with the same client code, or the data takes another way than the text of a message: an
image, an embedding, a file, a line of a batch, the address of a request.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import DeniedByPolicy, Guard
from agentguard.audit.entries import entry_fields
from agentguard.telemetry import PROVIDER_TIER
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import AuditEntry, EntryType, Reason

if TYPE_CHECKING:
    from tests.attacks.conftest import Twin

MAIL = "jane.doe@customers.example"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)
POLICY = """\
version = 1
name = "evidence"

[deployment]
store = "STORE"

[[identity]]
id = "agent:a"

[[provider]]
id = "near"
hosts = ["localhost:*"]
region = "eu"
[[provider.evidence]]
tier = "contracted"
kind = "dpa"
sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
reviewed_by = "user:cso"
expires = EXPIRES

[[provider]]
id = "far"
hosts = ["127.0.0.1:*"]
extra_fields = ["note"]
[[provider.evidence]]
tier = "planned"
kind = "published plan"
sha256 = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
reviewed_by = "user:cso"
expires = FAR

[egress]
needs = { pii = "contracted", image = "contracted", project = "assured" }
unlabelled = "planned"

[[class]]
name = "email"
action = "label"

[[class]]
name = "image"
action = "label"

[[class]]
name = "project"
action = "label"
labelled = true

[[rule]]
id = "ask"
who = "agent:a"
provider = ["near", "far"]
model = "*"
operation = ["inference", "read", "delete", "upload", "remote-run", "state"]
references = ["file", "url"]
then = "allow"
"""
Started = Callable[..., Guard]


@pytest.fixture
def started(tmp_path: Path, tracing: TracerProvider) -> Iterator[Started]:
    """Give what makes a guard whose near provider's contract ends in so many days."""
    today = datetime.now(UTC).date()
    with ExitStack() as guards:

        def starting(days: int = 30, *, plan: int = 30) -> Guard:
            path = tmp_path / f"agentguard{days}-{plan}.toml"
            text = POLICY.replace("EXPIRES", str(today + timedelta(days=days)))
            text = text.replace("STORE", f"{path.stem}.db")
            path.write_text(text.replace("FAR", str(today + timedelta(days=plan))))
            guard = guards.enter_context(Guard.from_file(path, tracer_provider=tracing))
            guards.enter_context(guard.identity("agent:a"))
            return guard

        yield starting


@pytest.fixture
def client(provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A client of the far provider."""
    with OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as plain:
        yield plain


def near(client: OpenAI) -> OpenAI:
    """The same client, asking the near provider."""
    return client.with_options(base_url=str(client.base_url).replace("127.0.0.1", "localhost"))


def chat(client: Any, content: Any = MAIL, **more: Any) -> Any:
    """Say something to a model."""
    said: Any = [{"role": "user", "content": content}]
    return client.chat.completions.create(model="m", messages=said, **more)


def line(text: str) -> bytes:
    """A line of a batch file."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    asked = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(asked).encode()


WAYS: dict[str, Callable[[Any], Any]] = {
    "message": chat,
    "stream": lambda client: chat(client, stream=True),
    "earlier turn": lambda client: client.chat.completions.create(
        model="m",
        messages=[{"role": "assistant", "content": MAIL}, {"role": "user", "content": "go on"}],
    ),
    "response": lambda client: client.responses.create(model="m", input=MAIL, store=False),
    "embedding": lambda client: client.embeddings.create(model="m", input=[MAIL]),
    "image": lambda client: chat(client, [{"type": "image_url", "image_url": {"url": PIXEL}}]),
    "file": lambda client: client.files.create(file=("a.txt", MAIL.encode()), purpose="user_data"),
    "batch": lambda client: client.files.create(file=("a.jsonl", line(MAIL)), purpose="batch"),
    "field": lambda client: chat(client, "hello", extra_body={"note": MAIL}),
    "address": lambda client: client.models.list(extra_query={"note": MAIL}),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_class_reaches_no_provider_without_evidence(
    started: Started,
    client: OpenAI,
    provider: LoopbackProvider,
    entries: list[AuditEntry],
    spans: InMemorySpanExporter,
    way: Callable[[Any], Any],
) -> None:
    """However it is sent, data that needs a contract does not go to a provider with a plan."""
    guarded = started().wrap(client)
    with pytest.raises(DeniedByPolicy) as caught:
        way(guarded)
    assert caught.value.dispatched is False
    assert provider.connections == 0
    assert entries[-1].reason is Reason.PROVIDER_TIER
    assert entries[-1].details["provider_tier"] == "planned"
    assert "'far'" in str(caught.value)
    told = f"{caught.value!r}{caught.value}{vars(caught.value)}"
    told += "".join(str(dict(entry_fields(entry))) for entry in entries)
    told += "".join(span.to_json() for span in spans.get_finished_spans())
    assert MAIL not in told


def test_with_evidence_it_arrives_as_it_is(
    started: Started, client: OpenAI, provider: LoopbackProvider, entries: list[AuditEntry]
) -> None:
    """At a provider with a contract the class passes, and the entry names tier and register."""
    chat(near(started().wrap(client)))
    assert provider.saw(MAIL)
    intent = next(entry for entry in entries if entry.type is EntryType.INTENT)
    assert intent.details["provider_tier"] == "contracted"
    assert intent.details["register"].startswith("sha256:")
    assert intent.classes == {"email": 1}


def test_a_contract_that_has_ended_stops_counting_by_itself(
    started: Started, client: OpenAI, provider: LoopbackProvider
) -> None:
    """The day after its last day evidence no longer counts, with the policy as it was."""
    with pytest.raises(DeniedByPolicy) as caught:
        chat(near(started(-1).wrap(client)))
    assert "that of 'contracted' ended" in str(caught.value)
    assert provider.connections == 0


def test_text_in_which_nothing_was_found_needs_evidence_as_well(
    started: Started, client: OpenAI, provider: LoopbackProvider
) -> None:
    """Without a plan even an empty word is refused, and listing models is not."""
    guarded = started(plan=-1).wrap(client)
    with pytest.raises(DeniedByPolicy) as caught:
        chat(guarded, "hello")
    assert "unlabelled" in str(caught.value)
    assert provider.connections == 0
    guarded.models.list()
    assert len(provider.journal) == 1


def test_what_the_program_labels_counts_as_its_class(
    started: Started, client: OpenAI, provider: LoopbackProvider
) -> None:
    """A value that the host labels goes nowhere that its class does not go, from then on."""
    guard = started()
    guarded = near(guard.wrap(client))
    chat(guarded, "about Bluebird Nine")
    guard.label("Bluebird Nine", data_class="project")
    with pytest.raises(DeniedByPolicy) as caught:
        chat(guarded, "about Bluebird Nine")
    assert "'project'" in str(caught.value)
    assert len(provider.journal) == 1


def test_a_value_of_two_classes_needs_what_each_of_them_needs(
    started: Started, client: OpenAI, provider: LoopbackProvider
) -> None:
    """An address that is labelled as a project is not let through for being an address."""
    guard = started()
    guard.label(MAIL, data_class="project")
    with pytest.raises(DeniedByPolicy) as caught:
        chat(near(guard.wrap(client)), f"write to {MAIL}")
    assert "'project'" in str(caught.value)
    assert provider.connections == 0


def test_asynchronous_clients_are_held_to_it(
    started: Started, provider: LoopbackProvider, twin: "Twin"
) -> None:
    """Both kinds of client refuse what their provider has not shown enough for."""
    guard = started()
    with pytest.raises(DeniedByPolicy):
        twin.take(lambda plain: chat(guard.wrap(plain)))
    assert provider.connections == 0


def test_the_span_names_the_tier(
    started: Started, client: OpenAI, spans: InMemorySpanExporter
) -> None:
    """The guard's span says how far the provider could be relied on."""
    chat(started().wrap(client), "hello")
    found = [dict(span.attributes or {}) for span in spans.get_finished_spans()]
    assert "planned" in [each.get(PROVIDER_TIER) for each in found]
