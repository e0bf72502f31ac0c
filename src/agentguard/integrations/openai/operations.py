# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which operation is a request for, and does the guard know how to decide it?

The table beside this module lists every (verb, path) that the SDK can send, with its kind; it
gives a refusal its name. Only the pairs in ``GUARDED`` are let into the flow.

INVARIANT: a pair that is not listed is refused, and a refusal never repeats a caller's path,
since a path can carry content (tests/attacks/test_openai_paths.py).
"""

import csv
from functools import lru_cache
from importlib.resources import files

from agentguard.errors import UnguardedPath

GUARDED = {("POST", "/chat/completions"): "chat"}


def operation_of(verb: str, path: str) -> str | None:
    """Return the operation that the guard decides for this exact pair, or None."""
    return GUARDED.get((verb.upper(), path))


def refusal(verb: str, path: str) -> UnguardedPath:
    """Return the refusal of a pair that the guard does not decide, named by the table."""
    listed = template_of(verb, path)
    if listed is None:
        return UnguardedPath(
            "this request goes to no endpoint that the operations table lists",
            remedy="only listed endpoints can be guarded",
        )
    template, kind = listed
    return UnguardedPath(
        f"{verb.upper()} {template} ({kind}) is not guarded, so it is refused",
        remedy="the guard lets chat completions through: POST /chat/completions",
    )


def websocket_refusal(url: str) -> UnguardedPath:
    """Return the refusal of a websocket, named by the table if its address is listed."""
    segments = url.partition("?")[0].split("/")
    tails = ("/" + "/".join(segments[start:]) for start in range(3, len(segments)))
    listed = next((found for tail in tails if (found := template_of("WS", tail))), None)
    named = "a websocket" if listed is None else f"WS {listed[0]} ({listed[1]})"
    return UnguardedPath(
        f"{named} is not guarded, so it is refused",
        remedy="the guard lets chat completions through: POST /chat/completions",
    )


def template_of(verb: str, path: str) -> tuple[str, str] | None:
    """Return the listed path template and its kind, or None."""
    segments = tuple(path.partition("?")[0].strip("/").split("/"))
    best: tuple[str, str] | None = None
    for template, kind in _templates().get((verb.upper(), len(segments)), ()):
        pattern = template.strip("/").split("/")
        if all(want in ("{}", have) for want, have in zip(pattern, segments, strict=True)):
            if "{}" not in template:
                return template, kind
            best = best or (template, kind)
    return best


@lru_cache(maxsize=1)
def _templates() -> dict[tuple[str, int], list[tuple[str, str]]]:
    table = files(__package__).joinpath("operations.csv").read_text(encoding="utf-8")
    found: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for row in csv.DictReader(table.splitlines()):
        key = (row["verb"], len(row["path"].strip("/").split("/")))
        found.setdefault(key, []).append((row["path"], row["kind"]))
    return found
