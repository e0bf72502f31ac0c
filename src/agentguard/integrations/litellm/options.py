# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may be given to a guarded function of LiteLLM?

LiteLLM takes any option, and many of them choose another way out: another address, another
provider, fallbacks, retries by itself, caches, callbacks for one call. So options are listed that
become members of the request, and everything else is refused.

INVARIANT: an option that is not listed reaches nothing
(tests/frameworks/litellm/test_litellm_facade.py).
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from agentguard.errors import UnguardedPath

# By name, since it needs another release of the OpenAI SDK than the rest of the project has.
litellm: Any = import_module("litellm")

PROVIDER = "openai"
# A client that LiteLLM would make by itself could reach nobody there, and sends nothing before it
# knows whom it speaks to.
NOWHERE: Mapping[str, str] = {
    "api_base": "https://127.0.0.1:1/v1",
    "api_key": "nobody-may-use-this",
}

# LiteLLM would run tools of MCP servers by itself, and answer some chats by its responses, which
# ignore the client that they are given.
STAY: Mapping[str, bool] = {"_skip_mcp_handler": True, "_skip_responses_api_bridge": True}

_OWN = frozenset({"annotations", "provider_specific_fields"})

COMPLETION = frozenset(
    {
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
        "max_completion_tokens", "max_tokens", "messages", "modalities", "n",
        "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
        "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier",
        "stop", "stream", "stream_options", "temperature", "timeout", "tool_choice", "tools",
        "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
    }
)  # fmt: skip
EMBEDDING = frozenset({"dimensions", "encoding_format", "input", "timeout", "user"})


def checked(
    function: str, model: str, given: Mapping[str, Any], allowed: frozenset[str]
) -> dict[str, Any]:
    """Return the options of a call with those that leave one way out.

    Args:
        function: the name of LiteLLM's function.
        model: the model, with ``openai/`` before it or without.
        given: the other options.
        allowed: those that may be given.

    Raises:
        UnguardedPath: an option is not one of these, or the model is another provider's.
    """
    unknown = sorted(given.keys() - allowed)
    if unknown:
        raise UnguardedPath(
            f"{function}() of the guarded LiteLLM does not take {', '.join(unknown)}: it could"
            " lead round the guard",
            remedy=f"it takes model, {', '.join(sorted(allowed))}",
        )
    stay = STAY if allowed is COMPLETION else {}
    fixed = {"model": model_of(model), "custom_llm_provider": PROVIDER}
    return {**given, **NOWHERE, **stay, **fixed}


def as_asked(messages: Iterable[Any]) -> list[Any]:
    """Return messages without what LiteLLM puts into answers, which no request takes."""
    plain = [
        each.model_dump(exclude_none=True) if hasattr(each, "model_dump") else each
        for each in messages
    ]
    return [_without_own(each) if _is_answer(each) else each for each in plain]


def _is_answer(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") == "assistant"


def _without_own(answer: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in answer.items() if name not in _OWN}
    if isinstance(calls := kept.get("tool_calls"), list):
        kept["tool_calls"] = [
            {name: value for name, value in call.items() if name not in _OWN}
            if isinstance(call, dict)
            else call
            for call in calls
        ]
    return kept


def model_of(model: str) -> str:
    """Return a model by the name under which LiteLLM asks the client for it.

    Raises:
        UnguardedPath: LiteLLM would ask another provider, with a client of its own.
    """
    name = model.removeprefix(f"{PROVIDER}/")
    first, slash, _ = name.partition("/")
    others = {str(getattr(each, "value", each)) for each in litellm.provider_list} - {PROVIDER}
    if slash and first in others:
        raise UnguardedPath(
            "LiteLLM would ask another provider than the guarded client's, with a client of its own",
            remedy=f"name a model of the client's server, such as {PROVIDER}/gpt-5",
        )
    return f"{PROVIDER}/{name}"
