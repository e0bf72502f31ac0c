# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does every file keep the rules of the house?

Each rule is a function from a file to what breaks it. The rules have no exceptions list; the
last tests show that each of them can fail.
"""

import ast
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tests", "examples", "benchmarks")
LONGEST_MODULE, LONGEST_FUNCTION = 500, 50

SPDX = (
    "# SPDX-FileCopyrightText: The agentguard authors",
    "# SPDX-License-Identifier: Apache-2.0",
)
EMPTY_WORDS = frozenset(
    [
        *("util", "helper", "common", "base", "manager", "handler", "processor", "service"),
        *("data", "info", "misc"),
    ]
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# Put together, so that this file does not break the rule that it holds.
MARKER = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b(?!\(#\d+\))")
SILENCED = re.compile(r"# (?:noqa|type: ignore)(?P<codes>[:\[]?)(?P<rest>.*)")
REASONED = re.compile(r"[^#]*?(?: - |\s+# )\S.*")

EVERYTHING = ("Exception", "BaseException")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file, read once."""

    path: Path
    text: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]

    @property
    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones included."""
        return (node for node in self.nodes if isinstance(node, Function))


Rule = Callable[[Source], Iterator[str]]


def source(path: Path, text: str) -> Source:
    """Parse a file."""
    tree = ast.parse(text)
    return Source(path, text, tree, tuple(_statements(tree)))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what holds statements and every statement in it; no rule asks about expressions."""
    yield node
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        held = getattr(node, name, ())
        for each in held if isinstance(held, list) else ():
            yield from _statements(each)


def all_sources() -> Iterator[Source]:
    """Read every Python file of the project."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield source(path.relative_to(ROOT), path.read_text(encoding="utf-8"))


def long_modules(file: Source) -> Iterator[str]:
    """A module fits 500 lines, docstrings included."""
    lines = file.text.count("\n")
    if lines > LONGEST_MODULE:
        yield f"{lines} lines"


def length(function: Function) -> int:
    """Count the lines of a function from its ``def``, without its own docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def long_functions(file: Source) -> Iterator[str]:
    """A function fits 50 lines, its docstring not counted."""
    for function in file.functions:
        if length(function) > LONGEST_FUNCTION:
            yield f"{function.name} has {length(function)} lines"


def missing_heads(file: Source) -> Iterator[str]:
    """A file begins with the two SPDX lines and has a docstring."""
    if tuple(file.text.splitlines()[:2]) != SPDX:
        yield "does not begin with the two SPDX lines"
    if not (ast.get_docstring(file.tree) or "").strip():
        yield "has no docstring"


def is_empty(word: str) -> bool:
    """Say whether a word says nothing, in singular or plural."""
    return word in EMPTY_WORDS or word.removesuffix("s") in EMPTY_WORDS


def empty_names(file: Source) -> Iterator[str]:
    """No file, folder, function or class has a name that says nothing about its content.

    A class says nothing either when its last word does not, such as one of managers.
    """
    for part in file.path.with_suffix("").parts:
        if is_empty(part.lower()):
            yield f"is called {part}"
    for node in file.nodes:
        if isinstance(node, Function) and is_empty(node.name.strip("_").lower()):
            yield f"function {node.name}"
        if isinstance(node, ast.ClassDef):
            words = WORD.findall(node.name)
            if words and is_empty(words[-1].lower()):
                yield f"class {node.name}"


def one_sentence(docstring: str) -> bool:
    """Say whether a docstring is one sentence."""
    text = " ".join(docstring.split())
    return text.endswith(".") and re.search(r"[.!?] [A-Z]", text) is None


def untold_tests(file: Source) -> Iterator[str]:
    """Every test says in one sentence what is true of the product when it passes."""
    if file.path.parts[0] != "tests":
        return
    for function in file.functions:
        if function.name.startswith("test_") and not one_sentence(
            ast.get_docstring(function) or ""
        ):
            yield function.name


def loose_ends(file: Source) -> Iterator[str]:
    """What is left to do is an issue, and a note of it carries the issue's number."""
    for number, line in enumerate(file.text.splitlines(), start=1):
        if MARKER.search(line):
            yield f"line {number}"


def unreasoned_silence(file: Source) -> Iterator[str]:
    """A checker that is silenced is silenced for one rule and with a reason, on the line."""
    for number, line in enumerate(file.text.splitlines(), start=1):
        found = SILENCED.search(line)
        # In a string the words mean nothing; there is no code before a comment in quotes.
        if found is None or line.count('"', 0, found.start()) % 2:
            continue
        if not found["codes"] or REASONED.fullmatch(found["rest"]) is None:
            yield f"line {number}"


def causes_kept(file: Source) -> Iterator[str]:
    """No error of the library names a cause: a cause may hold payload or a whole file."""
    if file.path.parts[0] != "src":
        return
    for node in file.nodes:
        if isinstance(node, ast.Raise) and node.cause is not None:
            kept = not (isinstance(node.cause, ast.Constant) and node.cause.value is None)
            if kept:
                yield f"line {node.lineno}"


def swallowed(file: Source) -> Iterator[str]:
    """The library catches nothing without naming it, and passes over no error whatever it is."""
    if file.path.parts[0] != "src":
        return
    for node in file.nodes:
        if not isinstance(node, ast.ExceptHandler):
            continue
        broad = isinstance(node.type, ast.Name) and node.type.id in EVERYTHING
        if node.type is None or (broad and all(isinstance(each, ast.Pass) for each in node.body)):
            yield f"line {node.lineno}"


RULES: tuple[Rule, ...] = (
    long_modules,
    long_functions,
    missing_heads,
    empty_names,
    untold_tests,
    loose_ends,
    unreasoned_silence,
    causes_kept,
    swallowed,
)


def test_every_file_keeps_every_rule() -> None:
    """No file in source, tests, examples and benchmarks breaks a rule of the house."""
    broken = [
        f"{file.path}: {rule.__name__}: {what}"
        for file in all_sources()
        for rule in RULES
        for what in rule(file)
    ]
    assert broken == []


def test_no_two_test_files_share_a_name() -> None:
    """A test file's name says which one is meant, wherever it lies."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


HEAD = "\n".join((*SPDX, '"""What is this?"""', ""))
LONG = "def long() -> None:\n" + "    x = 1\n" * LONGEST_FUNCTION
METHOD = "class A:\n" + "\n".join(f"    {line}" for line in LONG.splitlines())
DOUBTFUL = "x = 1  # " + "noqa"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (long_modules, "x = 1\n" * (LONGEST_MODULE + 1)),
        (long_functions, LONG),
        (long_functions, METHOD),
        (long_functions, "async " + LONG),
        (missing_heads, '"""Docstring."""\n'),
        (missing_heads, "\n".join(SPDX) + "\n"),
        (missing_heads, "\n" + HEAD),
        (empty_names, "def helpers() -> None: ..."),
        (empty_names, "class ConnectionManager: ..."),
        (empty_names, "class HTTPHandler: ..."),
        (untold_tests, "def test_x() -> None: ..."),
        (untold_tests, 'def test_x() -> None:\n    """One. Two."""'),
        (untold_tests, 'class A:\n    def test_x(self) -> None:\n        """no full stop"""'),
        (loose_ends, "x = 1  # " + "TO" + "DO: later"),
        (unreasoned_silence, DOUBTFUL),
        (unreasoned_silence, DOUBTFUL + ": S101"),
        (unreasoned_silence, "x = 1  # " + "type: ignore[misc]"),
        (causes_kept, "try:\n    ...\nexcept OSError as e:\n    raise ValueError from e"),
        (swallowed, "try:\n    ...\nexcept:\n    raise"),
        (swallowed, "try:\n    ...\nexcept Exception:\n    pass"),
    ],
)
def test_a_rule_can_be_broken(rule: Rule, text: str) -> None:
    """Each rule finds a file that breaks it."""
    folder = "tests" if rule is untold_tests else "src"
    assert list(rule(source(Path(folder, "x.py"), text)))


@pytest.mark.parametrize("path", ["src/agentguard/utils.py", "src/helpers/x.py", "tests/base.py"])
def test_an_empty_file_name_is_found(path: str) -> None:
    """A file or folder whose name says nothing is found."""
    assert list(empty_names(source(Path(path), HEAD)))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (long_modules, "x = 1\n" * LONGEST_MODULE),
        (long_functions, LONG.replace("    x = 1\n", '    """Say.\n\n    More.\n    """\n', 1)),
        (missing_heads, HEAD),
        (empty_names, "class Database: ...\ndef base_url() -> None: ..."),
        (untold_tests, 'def test_x() -> None:\n    """The v1.2 format is read."""'),
        (loose_ends, "x = 1  # " + "TO" + "DO(#12): later"),
        (unreasoned_silence, DOUBTFUL + ": S101 - the reason"),
        (unreasoned_silence, "x = 1  # " + "type: ignore[misc]  # the reason"),
        (causes_kept, "try:\n    ...\nexcept OSError:\n    raise ValueError from None"),
        (swallowed, "try:\n    ...\nexcept OSError:\n    pass\nelse:\n    x = 1"),
    ],
)
def test_a_rule_can_be_kept(rule: Rule, text: str) -> None:
    """Each rule lets a file pass that keeps it."""
    folder = "tests" if rule is untold_tests else "src"
    assert list(rule(source(Path(folder, "x.py"), text))) == []


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("2001:db8::1", 443), ("a.example", 80)])
@pytest.mark.parametrize("way", ["connect", "connect_ex"])
def test_no_test_reaches_beyond_this_machine(address: tuple[str, int], way: str) -> None:
    """A test that connects to another machine fails before anything is sent."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with (
        socket.socket(family) as reaching,
        pytest.raises(RuntimeError, match="beyond this machine"),
    ):
        getattr(reaching, way)(address)
