# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a user get by ``import agentguard``, and what comes with it?"""

import inspect
import subprocess
import sys
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import agentguard
from agentguard import errors

ROOT = Path(__file__).resolve().parent.parent

HEAVY = (
    "openai",
    "httpx",
    "httpx2",
    "psycopg",
    "redis",
    "limits",
    "pydantic",
    "opentelemetry.sdk",
    "detect_secrets",
    "cryptography",
    "re2",
    "ahocorasick_rs",
    "sqlite3",
    "asyncio",
    "langchain",
    "langchain_core",
    "langgraph",
    "agents",
    "pydantic_ai",
    "mcp",
    "fastmcp",
    "litellm",
)


def run(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(scope="module")
def imported() -> frozenset[str]:
    """Return the modules that ``import agentguard`` brings in."""
    return frozenset(run("import sys, agentguard; print(*sys.modules)").split())


def test_the_public_names_are_sorted_and_there() -> None:
    """``__all__`` is sorted, without doubles, and every name in it exists."""
    assert agentguard.__all__ == sorted(set(agentguard.__all__))
    assert all(hasattr(agentguard, name) for name in agentguard.__all__)


def test_every_error_is_public() -> None:
    """A user can catch each error of the tree by a name of the package, beside Guard and what it says of coverage."""
    tree = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.AgentGuardError)
    }
    assert set(agentguard.__all__) == tree | {"Coverage", "Guard", "Scope"}


@pytest.mark.parametrize("module", HEAVY)
def test_importing_agentguard_imports_nothing_heavy(imported: frozenset[str], module: str) -> None:
    """No vendor library, framework, telemetry SDK or engine is imported before it is needed."""
    assert module not in imported


def test_importing_agentguard_imports_something(imported: frozenset[str]) -> None:
    """What is not among the modules was not imported, as the package itself was."""
    assert "agentguard" in imported


def test_the_package_says_that_it_is_typed() -> None:
    """``py.typed`` lies in the package, and the whole package goes into the wheel."""
    assert (Path(agentguard.__file__).parent / "py.typed").is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": ["src/agentguard"]}


@pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling is not installed")
def test_the_wheel_holds_what_the_package_reads(tmp_path: Path) -> None:
    """The wheel carries the type marker, the starter policy and the table of operations."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("agentguard-*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert {
        "agentguard/py.typed",
        "agentguard/config/starter.toml",
        "agentguard/operations/checked.csv",
        "agentguard/operations/openai.csv",
    } <= names
    assert not any(name.startswith(("tests/", "examples/")) for name in names)
