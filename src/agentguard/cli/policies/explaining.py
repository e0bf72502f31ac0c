# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Why does the policy say this about a call?

Values of the call are shown on request only: what explains a decision is what the rules demand.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentguard.canonical import thaw
from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.cli.policies.told import lines_of, plain_explanation
from agentguard.config import load_document
from agentguard.errors import ConfigError
from agentguard.policy import compile_policy
from agentguard.review.explaining import explain
from agentguard.review.questions import NotAQuestion, Question, strays, written
from agentguard.vocabulary import Assurance, Effect

_STANDARD_INPUT = "-"

# What is called otherwise on the command line than in a file of calls.
_OPTIONS = {"args": "--arg", "at": "--now", "claims": "--claim"}


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy explain``."""
    command = verbs.add_parser(
        "explain",
        parents=[shared],
        help="say what the policy decides about a call, and why",
        epilog="exit codes: 0 allowed, 1 denied or asked about, 2 the call or the policy is wrong",
    )
    command.add_argument("--call", metavar="FILE", help="calls in JSON; - for standard input")
    command.add_argument("--as", dest="actor", metavar="ID", help="who makes the call")
    command.add_argument("--for", dest="person", metavar="ID", help="whom it is made for")
    command.add_argument("--through", metavar="ID", action="append", help="agents between them")
    command.add_argument("--tool", metavar="NAME", help="the tool that is called")
    command.add_argument(
        "--arg",
        metavar="NAME=VALUE",
        action="append",
        help="an argument of it; JSON, or else text; again for each",
    )
    command.add_argument("--args", metavar="JSON", help="all arguments at once")
    command.add_argument(
        "--definition", metavar="DIGEST", help="of the tool's definition (default: the pinned one)"
    )
    command.add_argument(
        "--resource", metavar="ID", action="append", help="an object that it is about"
    )
    _add_model_call(command)
    _add_circumstances(command)
    command.add_argument("--show-values", action="store_true", help="print the call's values, too")
    command.set_defaults(run=_explain)


def _add_model_call(command: argparse.ArgumentParser) -> None:
    command.add_argument("--provider", metavar="ID", help="whose model is called instead")
    command.add_argument("--operation", metavar="NAME", help="such as chat, or 'POST /files'")
    command.add_argument("--model", metavar="NAME", help="which model")
    command.add_argument(
        "--references",
        metavar="NAME",
        action="append",
        help="what the request makes the provider use or keep, such as url",
    )


def _add_circumstances(command: argparse.ArgumentParser) -> None:
    command.add_argument("--environment", metavar="NAME", help="where the call is made")
    command.add_argument(
        "--assurance",
        choices=[each.value for each in Assurance],
        help="how surely everybody is known (default: declared)",
    )
    command.add_argument(
        "--claim",
        metavar="HOLDER.NAME=VALUE",
        action="append",
        help="what is known of the person or the actor, such as person.customer=C-1",
    )
    command.add_argument(
        "--spent",
        metavar="LIMIT=AMOUNT",
        action="append",
        help="what the session has used up of a limit (default: nothing)",
    )
    command.add_argument("--now", metavar="TIME", help="when it is made (default: the time it is)")


def _explain(options: argparse.Namespace) -> int:
    document = load_document(options.config)
    policy = compile_policy(document)
    told: list[dict[str, Any]] = []
    worst = 0
    for index, question in enumerate(_questions(options)):
        asked = question if question.now else replace(question, now=datetime.now(UTC))
        wrong = [f"{key}: {message}" for key, message in strays(document, asked)]
        try:
            explanation = explain(document, asked, policy)
        except NotAQuestion as error:
            raise CommandFailed(f"this is no call: {error}") from None
        worst = max(worst, 0 if explanation.effect is Effect.ALLOW else 1)
        if options.json:
            values = thaw(written(asked)) if options.show_values else None
            told.append(
                {**plain_explanation(document, explanation), "asked": values, "not_declared": wrong}
            )
            continue
        if index:
            print()
        if options.show_values:
            print(visible(json.dumps(thaw(written(asked)), sort_keys=True, ensure_ascii=False)))
        for line in (
            *lines_of(document, explanation),
            *(f"not declared   {each}" for each in wrong),
        ):
            print(visible(line))
    if options.json:
        print_json(told if options.call else told[0])
    return worst


def _questions(options: argparse.Namespace) -> tuple[Question, ...]:
    # Deferred: the reader brings pydantic, which other commands do not need.
    from agentguard.config.cases import questions_in

    if options.call is None:
        return _asked_by(options, questions_in)
    if any(True for _ in _table(options)):
        raise CommandFailed("--call holds the whole call; leave the other options out")
    if options.call == _STANDARD_INPUT:
        return questions_in(sys.stdin.read(), "standard input")
    try:
        text = Path(options.call).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{options.call} cannot be read ({type(error).__name__})"
        raise CommandFailed(problem) from None
    return questions_in(text, options.call)


def _asked_by(
    options: argparse.Namespace, read: Callable[[str, str], tuple[Question, ...]]
) -> tuple[Question, ...]:
    """Return the call that the options make; mistakes are told by option."""
    try:
        return read(json.dumps(dict(_table(options))), "the options")
    except ConfigError as error:
        problems = error.problems
    told = []
    for each in problems:
        key, _, rest = each.key.partition(".")
        place = f" ({rest})" if rest else ""
        told.append(f"{_OPTIONS.get(key, f'--{key}')}{place} {each.message}")
    raise CommandFailed("; ".join(told))


def _table(options: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """Return what the options say as the table that a call is written as."""
    plain = {
        "as": options.actor,
        "for": options.person,
        "through": options.through,
        "tool": options.tool,
        "definition": options.definition,
        "resource": options.resource,
        "provider": options.provider,
        "operation": options.operation,
        "model": options.model,
        "references": options.references,
        "environment": options.environment,
        "assurance": options.assurance,
        "at": options.now,
    }
    yield from ((key, value) for key, value in plain.items() if value is not None)
    arguments = {} if options.args is None else _json(options.args, "--args")
    if not isinstance(arguments, dict):
        raise CommandFailed("--args must be a JSON object")
    arguments |= {name: _value(text) for name, text in _pairs(options.arg, "--arg")}
    if arguments:
        yield "args", arguments
    claims: dict[str, dict[str, Any]] = {}
    for name, text in _pairs(options.claim, "--claim"):
        holder, dot, claim = name.partition(".")
        if not dot or not claim:
            raise CommandFailed("--claim must be HOLDER.NAME=VALUE, such as person.customer=C-1")
        claims.setdefault(holder, {})[claim] = _value(text)
    if claims:
        yield "claims", claims
    spent = dict(_pairs(options.spent, "--spent"))
    if spent:
        yield "spent", spent


def _pairs(given: list[str] | None, option: str) -> Iterator[tuple[str, str]]:
    for each in given or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise CommandFailed(f"{option} must be NAME=VALUE")
        yield name, value


def _json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise CommandFailed(f"{option} must be JSON") from None


def _value(text: str) -> Any:
    """Return what a shell's word stands for: JSON where it is, or else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
