# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does ``agentguard providers`` say who gets what, on what evidence, and what is about to end?"""

import io
from datetime import date
from typing import TYPE_CHECKING

import pytest

from agentguard.clients.credentials import fingerprint_of
from agentguard.config import check

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

KEY = "sk-not-a-key-1234"
REGISTER = f"""
[[provider]]
id = "acme"
hosts = ["api.acme.example"]
region = "eu"

[[provider.evidence]]
tier = "assured"
kind = "soc2-type2"
scope = "API inference"
sha256 = "{"a" * 64}"
reviewed_by = "user:cso"
period_end = 2026-06-30
expires = 2027-06-30

[[provider.evidence]]
tier = "contracted"
kind = "dpa"
sha256 = "{"b" * 64}"
reviewed_by = "user:cso"
expires = 2027-03-01
retention_days = 0
training = false
sub_processors = ["gpus.example"]
breach_notice = "36h"

[[provider.key]]
fingerprint = "{fingerprint_of(KEY)}"
who = "agent:support"

[egress]
needs = {{ pii = "contracted", image = "assured+contracted" }}
unlabelled = "planned"

[[class]]
name = "phone"
action = "label"

[[class]]
name = "image"
action = "label"
"""


@pytest.fixture
def register(shell: "Shell") -> "Shell":
    """A shell on the starter policy with a register."""
    text = shell.policy.read_text(encoding="utf-8")
    shell.policy.write_text(text + REGISTER, encoding="utf-8")
    return shell


def test_a_provider_is_told_with_what_it_has_shown(register: "Shell") -> None:
    """Tier, region, terms, keys and what may go there in clear stand in the list."""
    ran = register("providers", "--on", "2026-12-01")
    assert ran.code == 0, ran.err
    told = " ".join(ran.out.split())
    for words in (
        "acme: assured+contracted",
        "region eu",
        "assured by soc2-type2, API inference, covers until 2026-06-30, ends 2027-06-30",
        "retention: 0 days; training: no; sub-processors: gpus.example; breach notice: within 36",
        f"{fingerprint_of(KEY)} of agent:support",
        "in clear unlabelled, image, phone",
        "openai: none",
        "not phone: evidence must show 'contracted'",
        "nothing ends within 30 days",
    ):
        assert words in told, words
    assert max(map(len, ran.out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("day", "within", "code"),
    [
        ("2027-01-29", "30d", 0),
        ("2027-01-30", "30d", 1),
        ("2027-01-30", "29d", 0),
        ("2027-03-01", "0d", 1),
        ("2027-03-02", "1h", 1),
    ],
)
def test_the_exit_code_tells_of_evidence_that_ends(
    register: "Shell", day: str, within: str, code: int
) -> None:
    """The command ends with 1 from so many days before the last day on."""
    ran = register("providers", "list", "--on", day, "--within", within)
    assert ran.code == code, ran.out
    assert ("renew: contracted evidence of acme, dpa" in ran.out) is (code == 1)


def test_json_holds_the_same(register: "Shell") -> None:
    """Each piece of evidence has its days left, and each class whether it may go and why not."""
    found = register("providers", "--json", "--on", "2027-03-02").json
    assert (found["on"], found["due"], found["within_days"]) == ("2027-03-02", True, 30)
    assert found["register"].startswith("sha256:")
    acme = next(each for each in found["providers"] if each["id"] == "acme")
    assert (acme["tier"], acme["tiers"], acme["region"]) == ("assured", ["assured"], "eu")
    contract = next(each for each in acme["evidence"] if each["kind"] == "dpa")
    assert (contract["days_left"], contract["counts"], contract["due"]) == (-1, False, True)
    assert (contract["retention_days"], contract["training"]) == (0, False)
    assert contract["breach_notice_seconds"] == 36 * 3600
    assert acme["keys"] == [{"fingerprint": fingerprint_of(KEY), "who": ["agent:support"]}]
    assert acme["in_clear"]["phone"]["may"] is True
    assert acme["in_clear"]["image"]["may"] is False
    assert "assured+contracted" in acme["in_clear"]["image"]["problem"]


def test_without_needs_it_is_said_that_nothing_is_needed(shell: "Shell") -> None:
    """A policy without [egress] is told as one, and nothing of it is due."""
    ran = shell("providers")
    assert ran.code == 0
    assert "no [egress]: data goes to every provider that a rule allows" in ran.out
    assert shell("providers", "--json").json["providers"][0]["in_clear"] is None


def test_a_fingerprint_comes_from_a_variable(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key in an environment variable is told by its fingerprint alone."""
    monkeypatch.setenv("SOME_KEY", f"{KEY}\n")
    ran = shell("providers", "fingerprint", "--env", "SOME_KEY")
    assert (ran.code, ran.out) == (0, f"{fingerprint_of(KEY)}\n")
    assert KEY not in ran.out + ran.err
    plain = shell("providers", "fingerprint", "--env", "SOME_KEY", "--json").json
    assert plain == {"fingerprint": fingerprint_of(KEY)}


def test_a_fingerprint_comes_from_standard_input(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is piped in is told by the same fingerprint."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"  {KEY}\n"))
    assert shell("providers", "fingerprint").out == f"{fingerprint_of(KEY)}\n"


def test_a_key_that_is_typed_is_not_shown(shell: "Shell") -> None:
    """At a terminal the key is asked for without an echo."""
    ran = shell.at_terminal("providers", "fingerprint", secrets=(KEY,))
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1].endswith(fingerprint_of(KEY))
    assert KEY not in ran.out + ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fingerprint", "--env", "NOT_SET"), "'NOT_SET' is not set"),
        (("fingerprint", "--env", "EMPTY"), "it is empty"),
        (("fingerprint", "--within", "3d"), "go with list"),
        (("--env", "EMPTY"), "goes with fingerprint"),
        (("--within", "soon"), "--within must be a length of time"),
        (("--on", "soon"), "--on must be a day"),
    ],
)
def test_what_makes_no_sense_is_told(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    """A command that cannot be carried out ends with 2 and says why."""
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.setenv("EMPTY", " ")
    ran = shell("providers", *arguments)
    assert ran.code == 2
    assert words in ran.err


def test_check_warns_a_month_ahead(register: "Shell") -> None:
    """Evidence that ends within 30 days is a doubt, and so is one that looks back too far."""

    def told(day: str) -> str:
        return "\n".join(map(str, check(register.policy, {}, today=date.fromisoformat(day))))

    assert "expires" not in told("2027-01-29")
    assert "ends 2027-03-01, 30 days left: renew it" in told("2027-01-30")
    assert "ended 2027-03-01: renew it" in told("2027-03-02")
    assert "covers until 2026-06-30, more than a year ago" in told("2027-07-02")
