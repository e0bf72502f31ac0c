# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a guard start only where what it must guard can be guarded?"""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import openai
import pytest
from openai import OpenAI
from openai._base_client import BaseClient

from agentguard import ConfigError, Guard
from agentguard.coverage.installed import installed
from agentguard.integrations.anthropic import SURFACE as ANTHROPIC
from agentguard.integrations.openai import SURFACE
from agentguard.operations import checked_versions

CANARY = "canary-4711"
Requiring = Callable[..., Path]


@pytest.fixture
def requiring(policy_file: Path) -> Requiring:
    """Give the function that writes a policy that requires surfaces."""

    def written(*surfaces: str) -> Path:
        names = ", ".join(f'"{each}"' for each in surfaces)
        text = policy_file.read_text(encoding="utf-8")
        policy_file.write_text(f"{text}\n[coverage]\nrequire = [{names}]\n", encoding="utf-8")
        return policy_file

    return written


def refused(path: Path) -> str:
    """Return why a guard does not start, having opened nothing."""
    with pytest.raises(ConfigError) as caught:
        Guard.from_file(path)
    assert [each.key for each in caught.value.problems] == ["coverage.require"]
    assert not (path.parent / "agentguard.db").exists()
    return str(caught.value)


def test_a_guard_starts_where_what_it_requires_is_covered(requiring: Requiring) -> None:
    """Both SDKs are here, of a checked version, and their clients can be guarded."""
    with Guard.from_file(requiring("openai", "anthropic")) as guard:
        told = guard.coverage()
    assert [each.required for each in told.surfaces] == [True, True]
    assert all(each.loaded for each in told.surfaces)


@pytest.mark.parametrize("version", ["2.44.9", "3.55.0", "4.0", "1.99", "0", "what"])
def test_an_unchecked_version_is_refused(
    requiring: Requiring, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """A version below or above the checked ones, or none at all, says what to install."""
    monkeypatch.setattr(openai, "__version__", version)
    told = refused(requiring("openai"))
    known = checked_versions("openai")
    assert f"openai must be guarded, but version {version} is none" in told
    assert f"install {known[0]} to {known[-1]}" in told
    assert "agentguard operations regenerate --sdk openai" in told


def test_an_sdk_that_is_not_installed_is_refused(
    requiring: Requiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SDK that is not there is named with what installs it."""

    def gone(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setitem(sys.modules, "anthropic", None)
    # For this module alone: others may be imported meanwhile, and keep what they find.
    without = SimpleNamespace(version=gone, PackageNotFoundError=metadata.PackageNotFoundError)
    monkeypatch.setattr("agentguard.coverage.installed.metadata", without)
    told = refused(requiring("anthropic"))
    assert "anthropic must be guarded, but it is not installed" in told
    assert "pip install 'agentguard[anthropic]'" in told


def test_an_sdk_that_cannot_be_imported_is_refused(
    requiring: Requiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SDK that is installed and breaks when it is imported is named, without its words."""
    monkeypatch.setitem(sys.modules, "openai", None)
    told = refused(requiring("openai"))
    assert "it cannot be imported (ModuleNotFoundError)" in told


def test_a_client_class_that_lacks_a_method_is_refused(
    requiring: Requiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class without a method through which the guard is asked is named with that method."""
    lacking = type("OpenAI", (BaseClient,), {"__module__": "openai"})
    monkeypatch.setattr(openai, "OpenAI", lacking)
    told = refused(requiring("openai"))
    assert "cannot be guarded: OpenAI has no request: use another version" in told


def test_a_module_that_is_no_sdk_is_refused(
    requiring: Requiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of the SDK's name without its classes is not taken for the SDK."""
    empty = type(sys)("openai")
    empty.__dict__["__version__"] = "3.54.0"
    monkeypatch.setitem(sys.modules, "openai", empty)
    assert "it has none of the client classes" in refused(requiring("openai"))


def test_what_is_not_required_may_be_unknown(
    policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a demand a guard starts beside an unknown version, and coverage says so."""
    monkeypatch.setattr(openai, "__version__", "3.99.1")
    with Guard.from_file(policy_file) as guard:
        told = guard.coverage()
    assert told.covered
    surface = next(each for each in told.surfaces if each.surface == "openai")
    assert not surface.covered
    assert surface.version == "3.99.1"


def test_classes_that_the_guard_does_not_take_are_named() -> None:
    """A client class of the SDK that no surface lists is refused, and is said to be."""
    known = installed(ANTHROPIC, load=True)
    assert set(known.guarded) == ANTHROPIC.clients
    assert "AnthropicBedrock" in known.refused
    assert not set(known.guarded) & set(known.refused)
    narrower = replace(SURFACE, clients=frozenset({"AsyncOpenAI"}))
    assert OpenAI.__name__ in installed(narrower, load=True).refused
