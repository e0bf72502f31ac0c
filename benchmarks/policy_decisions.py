# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How long does a decision take, and what does a large policy cost to load?

The compiled policy from 10 to 10,000 rules and 1 to 1,000 identities, and in the same run the
engines of others on the same rules and calls. Medians of processor time, each after a warm-up; every engine must
decide as the rules say before it is timed.

python benchmarks/policy_decisions.py                  # agentguard alone
python benchmarks/policy_decisions.py --peers PYTHON   # and the peers that this Python has
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policy_workload import SIZES, Call, Rule, calls_of, median_of, rules_of

from agentguard.canonical import Frozen
from agentguard.config import load_policy
from agentguard.policy import (
    ArgumentSpec,
    IdentitySpec,
    IntBetween,
    PolicyDocument,
    Prefix,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.vocabulary import Chain, Effect, Impact, Principal, PrincipalKind, ToolCall

HERE = Path(__file__).resolve().parent
ENGINES = ("cedarpy, one set", "cedarpy, sliced", "casbin", "agent-governance-toolkit")
PACKAGES = ("cedarpy", "casbin", "agent-governance-toolkit-core")
LARGEST = (10_000, 1_000)
PATIENCE = 300


def document_of(rules: Sequence[Rule]) -> PolicyDocument:
    """Return the rules as a policy of agentguard."""
    return PolicyDocument(
        name="benchmark",
        identities=tuple(IdentitySpec(id=each) for each in sorted({r.identity for r in rules})),
        tools=tuple(
            ToolSpec(name=each, impact=Impact.REVERSIBLE)
            for each in sorted({r.tool for r in rules})
        ),
        rules=tuple(
            RuleSpec(
                id=f"r{number}",
                who=(rule.identity,),
                effect=Effect.ALLOW,
                tools=(rule.tool,),
                arguments=(
                    ArgumentSpec(name="amount", constraint=IntBetween(low=0, high=rule.most)),
                    ArgumentSpec(name="path", constraint=Prefix(text=rule.prefix)),
                ),
            )
            for number, rule in enumerate(rules)
        ),
    )


def written(rules: Sequence[Rule]) -> str:
    """Return the rules as a policy file."""
    parts = ['version = 1\nname = "benchmark"']
    parts += [f'[[identity]]\nid = "{each}"' for each in sorted({r.identity for r in rules})]
    parts += [
        f'[[tool]]\nname = "{each}"\nimpact = "reversible"'
        for each in sorted({r.tool for r in rules})
    ]
    parts += [
        f'[[rule]]\nid = "r{number}"\nwho = "{rule.identity}"\ntool = "{rule.tool}"\n'
        f'args.amount = {{ int = [0, {rule.most}] }}\nargs.path = {{ prefix = "{rule.prefix}" }}\n'
        'then = "allow"'
        for number, rule in enumerate(rules)
    ]
    return "\n\n".join(parts) + "\n"


def ready_calls() -> Callable[[Call], tuple[ToolCall, Chain]]:
    """Return what makes a call of agentguard; made before the time is taken."""
    chains: dict[str, Chain] = {}

    def made(call: Call) -> tuple[ToolCall, Chain]:
        if call.identity not in chains:
            actor = Principal(id=call.identity, kind=PrincipalKind.AGENT)
            chains[call.identity] = Chain(principals=(actor,))
        arguments: Mapping[str, Frozen] = MappingProxyType(
            {"amount": call.amount, "path": call.path}
        )
        asked = ToolCall(
            id="c", tool=call.tool, definition="", received=arguments, resolved=arguments
        )
        return asked, chains[call.identity]

    return made


def own_medians(rules: Sequence[Rule]) -> dict[str, float]:
    """Return the medians of agentguard."""
    document = document_of(rules)
    began = time.perf_counter()
    policy = compile_policy(document)
    found = {"load": time.perf_counter() - began}
    for name, allowed in (("allowed", True), ("denied", False)):
        calls = calls_of(rules, allowed=allowed)
        make = ready_calls()
        ready = {call: make(call) for call in calls}
        found[name] = median_of(
            lambda call, ready=ready: policy.decide(*ready[call]).effect is Effect.ALLOW,  # type: ignore[misc]  # bound early
            calls,
        )
    return found


def peer_medians(python: str, engine: str, rules: int, identities: int) -> dict[str, float] | str:
    """Return the medians of a peer, or why there are none."""
    command = [python, str(HERE / "policy_peers.py"), engine, str(rules), str(identities)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=HERE
        )
    except subprocess.TimeoutExpired:
        return "too slow"
    if done.returncode:
        return done.stderr.strip().splitlines()[-1][:80] if done.stderr else "failed"
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def load_costs() -> dict[str, float]:
    """Return what it costs to load the largest policy from its file, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--load"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    costs: dict[str, float] = json.loads(done.stdout)
    return costs


def measured_load() -> dict[str, float]:
    """Load the largest policy twice: once for the time and the process, once for the objects."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "agentguard.toml")
        path.write_text(written(rules_of(*LARGEST)), encoding="utf-8")
        small = Path(folder, "small.toml")
        small.write_text(written(rules_of(10, 1)), encoding="utf-8")
        load_policy(small)
        before = _resident()
        began = time.perf_counter()
        policy, _ = load_policy(path)
        took = time.perf_counter() - began
        grown = _resident() - before
        tracemalloc.start()
        again, _ = load_policy(path)
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    if policy.digest != again.digest:
        raise RuntimeError("the same file gave two policies")
    return {
        "file_mb": len(written(rules_of(*LARGEST))) / 1e6,
        "seconds": took,
        "resident_mb": grown,
        "kept_mb": kept / 1e6,
        "peak_mb": peak / 1e6,
    }


def _resident() -> float:
    """Return the most memory that the process held so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


def table(rows: dict[str, dict[tuple[int, int], Any]], what: str) -> list[str]:
    """Return a table of medians in Markdown; beside each peer how often agentguard's time it is."""
    head = " | ".join(f"{rules:,} / {identities:,}" for rules, identities in SIZES)
    lines = [f"| engine | {head} |", "| --- |" + " --- |" * len(SIZES)]
    for engine, found in rows.items():
        cells = [_cell(engine, found.get(size), rows["agentguard"][size], what) for size in SIZES]
        lines.append(f"| {engine} | {' | '.join(cells)} |")
    return lines


def _cell(engine: str, found: Any, own: dict[str, float], what: str) -> str:
    if not isinstance(found, dict):
        return str(found or "-")
    value = found[what]
    if engine == "agentguard":
        return f"{value:,.1f}"
    return f"{value:,.0f} ({value / own[what]:,.0f}x)"


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has the peers")
    parser.add_argument("--load", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(measured_load()))
        return
    rows: dict[str, dict[tuple[int, int], Any]] = {"agentguard": {}}
    for size in SIZES:
        rows["agentguard"][size] = own_medians(rules_of(*size))
        for engine in ENGINES if options.peers else ():
            rows.setdefault(engine, {})[size] = peer_medians(options.peers, engine, *size)
            print(f"{engine} {size}: {rows[engine][size]}", file=sys.stderr)
    for what, title in (
        ("allowed", "an allowed call, median in microseconds"),
        ("denied", "a denied call, median in microseconds"),
    ):
        print(f"\n{title}; rules / identities\n")
        print("\n".join(table(rows, what)))
    print("\n10,000 rules for 1,000 identities, from a file:\n")
    for name, value in load_costs().items():
        print(f"{name:<12} {value:8.2f}")
    print(f"\nagentguard {metadata.version('agentguard')}; peers: {_versions(options.peers)}")


def _versions(python: str | None) -> str:
    if python is None:
        return "none"
    code = (
        "from importlib import metadata\n"
        f"for name in {PACKAGES!r}:\n"
        "  try: print(name, metadata.version(name))\n"
        "  except metadata.PackageNotFoundError: print(name, 'not installed')\n"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return ", ".join(done.stdout.split("\n")).strip(", ")


if __name__ == "__main__":
    main()
