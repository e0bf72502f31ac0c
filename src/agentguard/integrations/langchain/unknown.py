# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a model of LangChain whose provider's client is not known?

It is refused, unless ``[coverage] partial`` of the policy says ``warn``. Then clients of known SDKs
that it holds are guarded; where it holds none, what LangChain hands to it is taken through the
guard as one model call, and its answers come whole, also where the program asks for a stream. What
else such a class sends, and where to, nobody knows: that is why the coverage is partial.

The policy knows such a model's provider by a host that stands for the package of its class, such as
``langchain-google-genai.langchain.invalid``, a name that no real host can have.

INVARIANT: the model is handed what was admitted and nothing else, and what it returns is checked
(tests/frameworks/langchain/test_langchain_unknown.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLanguageModel, BaseLLM
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult, Generation, LLMResult

from agentguard.canonical import thaw
from agentguard.clients.generic import model_call
from agentguard.enforcement import Crossing
from agentguard.errors import GuardFailure, UnguardedPath
from agentguard.integrations.langchain import messages
from agentguard.integrations.langchain.clients import (
    clients_in,
    guard_clients,
    inherited_slots,
)
from agentguard.integrations.langchain.models import is_guarded, run_members, swapped
from agentguard.integrations.langchain.observers import SURFACE
from agentguard.operations import Operation
from agentguard.pipeline import Response
from agentguard.tools import Wrapping, full_name, note_partial, require_partial
from agentguard.vocabulary import Boundary, Call, Kind, ModelCall, Speaker, Utterance

DOMAIN = "langchain.invalid"
# Set by LangChain, or by the one method that is left.
_OWN = frozenset({"messages", "model", "prompt", "stop", "stream", "run_manager"})
_COUNTING = ("get_num_tokens", "get_num_tokens_from_messages", "get_token_ids")
_PYDANTIC = ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


def guarded_in_part(model: BaseLanguageModel[Any], wrapping: Wrapping) -> Any:
    """Guard a model whose class is not known as far as that is possible, and return it.

    Raises:
        ConfigError: the policy refuses such models.
        TypeError: it is no model of a kind that is known.
    """
    if is_guarded(model, wrapping):
        return model
    kind = type(model)
    if not isinstance(model, BaseChatModel | BaseLLM):
        raise TypeError(f"objects of type {kind.__name__} cannot be guarded")
    require_partial(
        wrapping.enforcer,
        f"models of class {full_name(kind)} cannot be guarded in full, since their provider's"
        " client is not known: use one that is",
    )
    slots, held = inherited_slots(kind), clients_in(model)
    members = run_members(kind, wrapping)
    if slots is not None:
        guard_clients(model, slots, wrapping)
    elif held:
        for client in held:
            wrapping.wrap_client(client)
    else:
        members |= _of_chat(kind, wrapping) if isinstance(model, BaseChatModel) else {}
        members |= _of_text(kind, wrapping) if isinstance(model, BaseLLM) else {}
        members |= _refusing(kind)
    note_partial(model, wrapping.enforcer, full_name(kind))
    return swapped(model, wrapping, slots, members)


def host_of(kind: type) -> str:
    """Return the host by which the policy knows the provider of models of a class."""
    package = kind.__module__.partition(".")[0].strip("_").replace("_", "-").lower()
    return f"{package}.{DOMAIN}"


def _of_chat(base: Any, wrapping: Wrapping) -> dict[str, Any]:
    def generate(
        self: Any,
        given: list[BaseMessage],
        stop: Any = None,
        *_: Any,
        **kwargs: Any,
    ) -> ChatResult:
        asked = _Asked(self, base, stop, kwargs, messages=given)
        return asked.chat_result(
            wrapping.enforcer.call(
                asked.crossing(wrapping),
                lambda call: asked.chat_response(
                    asked.plain._generate(*asked.decided(call), **asked.options(call))  # noqa: SLF001 - the hook
                ),
            )
        )

    async def agenerate(
        self: Any,
        given: list[BaseMessage],
        stop: Any = None,
        *_: Any,
        **kwargs: Any,
    ) -> ChatResult:
        asked = _Asked(self, base, stop, kwargs, messages=given)

        async def dispatch(call: Call) -> Response:
            return asked.chat_response(
                await asked.plain._agenerate(*asked.decided(call), **asked.options(call))  # noqa: SLF001 - the hook
            )

        return asked.chat_result(
            await wrapping.enforcer.call_async(asked.crossing(wrapping), dispatch)
        )

    members: dict[str, Any] = {"_generate": generate, "_agenerate": agenerate}
    # LangChain compares with these, and then asks for the whole answer.
    members |= {name: getattr(BaseChatModel, name) for name in ("_stream", "_astream")}
    native = ("_stream_chat_model_events", "_astream_chat_model_events")
    return members | {name: None for name in native if hasattr(base, name)}


def _of_text(base: Any, wrapping: Wrapping) -> dict[str, Any]:
    def generate(
        self: Any, given: list[str], stop: Any = None, *_: Any, **kwargs: Any
    ) -> LLMResult:
        asked = _Asked(self, base, stop, kwargs, prompts=given)
        return asked.text_result(
            wrapping.enforcer.call(
                asked.crossing(wrapping),
                lambda call: asked.text_response(
                    asked.plain._generate(*asked.decided(call), **asked.options(call))  # noqa: SLF001 - the hook
                ),
            )
        )

    async def agenerate(
        self: Any, given: list[str], stop: Any = None, *_: Any, **kwargs: Any
    ) -> LLMResult:
        asked = _Asked(self, base, stop, kwargs, prompts=given)

        async def dispatch(call: Call) -> Response:
            return asked.text_response(
                await asked.plain._agenerate(*asked.decided(call), **asked.options(call))  # noqa: SLF001 - the hook
            )

        return asked.text_result(
            await wrapping.enforcer.call_async(asked.crossing(wrapping), dispatch)
        )

    members: dict[str, Any] = {"_generate": generate, "_agenerate": agenerate}
    return members | {name: getattr(BaseLLM, name) for name in ("_stream", "_astream")}


def _refusing(base: Any) -> dict[str, Callable[..., Any]]:
    """Return members for what counts tokens in a way of its own, which may send the text."""

    def refused(*_: Any, **__: Any) -> Any:
        raise UnguardedPath(
            "the model counts tokens in a way of its own, which may send the text",
            remedy="count them with a tokenizer of the program's own",
        )

    own = [
        name for name in _COUNTING if getattr(base, name) is not getattr(BaseLanguageModel, name)
    ]
    return dict.fromkeys(own, refused)


class _Asked:
    """One request to a model whose client is not known."""

    def __init__(
        self,
        model: Any,
        base: Any,
        stop: Sequence[str] | None,
        kwargs: Mapping[str, Any],
        *,
        messages: Sequence[BaseMessage] | None = None,
        prompts: Sequence[str] = (),
    ) -> None:
        self.plain = _plain(model, base)
        self._base = base
        self._stop = stop
        self._kwargs = {name: value for name, value in kwargs.items() if name not in _OWN}
        self._named = kwargs.get("model")
        self._messages = messages
        self._prompts = prompts
        self._response: Any = None

    def crossing(self, wrapping: Wrapping) -> Crossing:
        """Return the crossing that the request is."""
        return Crossing(
            boundary=Boundary.MODEL,
            surface=SURFACE,
            operation="chat" if self._messages is not None else "text_completion",
            target="",
            carried=wrapping.carried,
            describe=self._described,
        )

    def _described(self, call_id: str) -> ModelCall:
        body: dict[str, Any] = {"model": self._model(), **self._kwargs}
        if self._stop is not None:
            body["stop"] = list(self._stop)
        if self._messages is not None:
            body["messages"] = messages.told(self._messages)
            said = messages.utterances(self._messages, "/messages")
        else:
            body["prompt"] = list(self._prompts)
            said = (Utterance(pointer="/prompt", speaker=Speaker.USER),)
        operation = Operation(
            verb="POST",
            path="/chat/completions" if self._messages is not None else "/completions",
            kind=Kind.INFERENCE,
            name="chat" if self._messages is not None else "text_completion",
            body="json",
            content=tuple(body),
        )
        origin = f"https://{host_of(self._base)}:443"
        return replace(model_call(call_id, operation, body, origin=origin), utterances=said)

    def _model(self) -> str:
        if isinstance(self._named, str):
            return self._named
        known = self.plain._get_ls_params().get("ls_model_name")  # noqa: SLF001 - the one name they share
        return known if isinstance(known, str) else self._base.__name__

    def decided(self, call: Call) -> tuple[Any, Any]:
        """Return the messages, or the prompts, and the stop words that were admitted."""
        payload = _payload(call)
        said = payload["prompt"] if self._messages is None else messages.made(payload["messages"])
        return said, payload.get("stop")

    def options(self, call: Call) -> dict[str, Any]:
        """Return the other arguments that were admitted."""
        payload = _payload(call)
        named = {} if self._named is None else {"model": payload["model"]}
        return {name: value for name, value in payload.items() if name not in _OWN} | named

    def chat_response(self, result: ChatResult) -> Response:
        """Return an answer as the guard checks it."""
        self._response = result
        told = [{"message": messages.answered(each.message)} for each in result.generations]
        counts = [getattr(each.message, "usage_metadata", None) for each in result.generations]
        return Response(content={"choices": told, **_usage(counts)})

    def chat_result(self, checked: Mapping[str, Any]) -> ChatResult:
        """Return the answer that LangChain gets."""
        return ChatResult(
            generations=[
                ChatGeneration(message=messages.answer(each["message"], of.message))
                for each, of in zip(checked["choices"], self._response.generations, strict=True)
            ]
        )

    def text_response(self, result: LLMResult) -> Response:
        """Return the texts of an answer as the guard checks them."""
        self._response = result
        told = [{"text": each.text} for several in result.generations for each in several]
        return Response(content={"choices": told})

    def text_result(self, checked: Mapping[str, Any]) -> LLMResult:
        """Return the texts that LangChain gets."""
        texts = iter([each["text"] for each in checked["choices"]])
        return LLMResult(
            generations=[
                [Generation(text=next(texts)) for _ in several]
                for several in self._response.generations
            ]
        )


def _plain(model: Any, base: Any) -> Any:
    """Return the model as its own class has it; it shares everything else with the guarded one."""
    plain = object.__new__(base)
    object.__setattr__(plain, "__dict__", model.__dict__)
    for name in _PYDANTIC:
        object.__setattr__(plain, name, getattr(model, name, None))
    return plain


def _payload(call: Call) -> dict[str, Any]:
    payload = thaw(call.payload) if isinstance(call, ModelCall) else None
    if not isinstance(payload, dict):
        raise GuardFailure("a model was asked for what is no model call", part="dispatch")
    return payload


def _usage(counts: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    known = [each for each in counts if each]
    if not known:
        return {}
    names = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
    return {"usage": {to: sum(each[of] for each in known) for to, of in names.items()}}
