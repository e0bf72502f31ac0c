# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A guarded agent of LangChain: what is hidden, refused, asked about and run (on loopback)."""

import tempfile
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import SecretStr

from agentguard.integrations.langchain import GuardMiddleware
from agentguard.testing.contract.ground import ADDRESS, Ground, asks_for, prepared, says


def serve(ground: Ground) -> None:
    """Let a model look an order up, try what is not allowed, and ask for a refund."""
    guard = ground.guard
    model = ChatOpenAI(model="some-model", base_url=ground.base_url, api_key=SecretStr("none"))
    functions = ground.functions(asynchronous=False).values()
    agent: Any = create_agent(
        guard.wrap(model),
        guard.wrap([StructuredTool.from_function(each) for each in functions]),
        middleware=[GuardMiddleware(guard)],  # last, where it is innermost
        checkpointer=InMemorySaver(),
    )
    thread: Any = {"configurable": {"thread_id": "17"}}
    said = {"role": "user", "content": f"I am {ADDRESS}. My money back for ORD-0001!"}
    with guard.identity("agent:desk", on_behalf_of="user:alice", session="conv-17"):
        paused = agent.invoke({"messages": [said]}, thread)
        for request in ground.provider.journal[:1]:
            print("offered:", *(tool["function"]["name"] for tool in request.json["tools"]))
        print("the provider saw the address:", bool(ground.provider.saw(ADDRESS)))
        print("told of a refusal:", paused["messages"][4].content)
        print("ran so far:", *(effect.tool for effect in ground.effects))
        paused = agent.invoke(Command(resume="approve"), thread)
        print("with a yes of the program alone:", len(paused["__interrupt__"]), "call waits")
        ground.vote(paused["__interrupt__"][0].value["request_id"])  # agentguard approvals approve
        done = agent.invoke(Command(resume="go on"), thread)
        print("with the signature of a person:", done["messages"][-1].text)
        print("ran:", *(effect.tool for effect in ground.effects))


if __name__ == "__main__":
    # The policy of the contract that every integration must pass: agentguard.testing.contract.
    with tempfile.TemporaryDirectory() as folder, prepared(Path(folder)) as on_loopback:
        on_loopback.script(
            asks_for("lookup", order="ORD-0001"),
            asks_for("lookup", order="everything"),
            asks_for("refund", order="ORD-0001", amount=400),
            says("You have it back."),
        )
        serve(on_loopback)
