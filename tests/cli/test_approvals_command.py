# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can an approver see what they are asked and answer it, and nobody else?"""

import json
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentguard import ApprovalRejected, Guard
from agentguard.signing import new_key, public_key

if TYPE_CHECKING:
    from tests.cli.conftest import Ask, Ran, Shell

# Right-to-left override, escape, zero-width space, line separator.
HOSTILE = "ORD-\u202e12\x1b[31m\u200b3\u2028"


def edit(policy: Path, old: str, new: str) -> None:
    """Change the policy, which must hold *old*."""
    text = policy.read_text(encoding="utf-8")
    assert old in text
    policy.write_text(text.replace(old, new), encoding="utf-8")


def answer(shell: "Shell", verb: str, request: str, key: Path, *, by: str = "user:carol") -> "Ran":
    """Answer a request without being asked again."""
    return shell("approvals", verb, request, "--as", by, "--key", str(key), "--yes")


def state(shell: "Shell", request: str) -> str:
    """The state that the command line tells of a request."""
    told: str = shell("approvals", "show", request, "--json").json["state"]
    return told


def test_enroll_makes_a_key_for_its_owner_alone(shell: "Shell", tmp_path: Path) -> None:
    """The key's file has mode 0600, and the line for the policy holds its public part."""
    path = tmp_path / "keys" / "dave.pem"
    ran = shell("approvals", "enroll", "user:dave", "--key", str(path))
    assert ran.code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    public = public_key(path.read_bytes())
    assert f'{{ id = "user:dave", key = "{public}" }}' in ran.out
    assert "PRIVATE" not in ran.out


def test_enroll_never_overwrites_a_key(shell: "Shell", carol: Path) -> None:
    """Where a key lies already, enroll exits with 2 and leaves it as it is."""
    before = carol.read_bytes()
    ran = shell("approvals", "enroll", "user:carol", "--key", str(carol))
    assert ran.code == 2
    assert "never overwritten" in ran.err
    assert carol.read_bytes() == before


def test_enroll_follows_no_link(shell: "Shell", tmp_path: Path) -> None:
    """A link that leads nowhere yet is not written through."""
    link = tmp_path / "link.pem"
    link.symlink_to(tmp_path / "elsewhere.pem")
    assert shell("approvals", "enroll", "user:carol", "--key", str(link)).code == 2
    assert not (tmp_path / "elsewhere.pem").exists()


def test_nothing_waits_in_an_empty_store(shell: "Shell", guard: Guard) -> None:
    """A store without requests lists nothing, in text and as JSON."""
    assert shell("approvals", "list").out == "nothing waits\n"
    assert shell("approvals", "list", "--all").out == "there are no approval requests\n"
    assert shell("approvals", "list", "--json").json == []


def test_what_waits_is_listed(shell: "Shell", ask: "Ask") -> None:
    """The list shows id, state, tool and chain of each request."""
    request = ask()
    line = f"{request}  pending    refund                user:alice > agent:support\n"
    assert shell("approvals", "list").out == line


def test_what_has_ended_is_listed_on_demand(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """A rejected request is left out of the list, and stands there with --all."""
    request = ask()
    assert answer(shell, "reject", request, carol).code == 0
    assert shell("approvals", "list", "--json").json == []
    everything = shell("approvals", "list", "--all", "--json").json
    assert [(each["id"], each["state"]) for each in everything] == [(request, "rejected")]


def test_a_request_is_shown_in_full(shell: "Shell", ask: "Ask") -> None:
    """The approver sees tool, impact, rule, chain and every argument of the exact call."""
    request = ask()
    shown = shell("approvals", "show", request, "--json").json
    assert shown["arguments"] == {
        "amount": 400,
        "order": "ORD-00012345",
        "to": "jane.doe@customers.example",
    }
    assert (shown["tool"], shown["impact"], shown["rule"]) == (
        "refund",
        "irreversible",
        "refund-large",
    )
    assert shown["chain"] == ["user:alice", "agent:support"]
    text = shell("approvals", "show", request).out
    assert "  amount = 400\n" in text
    assert f"binding    {shown['binding']}\n" in text


def test_what_is_in_doubt_is_shown(shell: "Shell", ask: "Ask") -> None:
    """List and show say which argument does not come from where the rule wants it from."""
    old = "args.amount = { int = [101, 1000] }\nargs.to = { match = '[A-Za-z0-9._+-]+@customers\\.example' }"
    edit(
        shell.policy,
        old,
        'args.amount = { int = [101, 1000] }\nargs.to = { from = ["user"], else = "approve" }',
    )
    request = ask()
    told = "not seen anywhere before, not in the user's words"
    assert shell("approvals", "list").out.endswith("  in doubt: to\n")
    assert f"in doubt\n  to: {told}\n" in shell("approvals", "show", request).out
    shown = shell("approvals", "show", request, "--json").json
    assert shown["doubts"] == [{"argument": "to", "told": told}]


def test_a_request_without_doubts_tells_of_none(shell: "Shell", ask: "Ask") -> None:
    """Where nothing is in doubt, neither list nor show mentions doubts."""
    request = ask()
    assert "doubt" not in shell("approvals", "list").out + shell("approvals", "show", request).out


def test_text_from_a_call_cannot_pretend(shell: "Shell", ask: "Ask") -> None:
    """Control, direction and invisible characters in an argument are shown as escapes."""
    edit(shell.policy, 'args.order = { match = "ORD-[0-9]{8}" }', "args.order = { any = true }")
    request = ask(order=HOSTILE)
    text = shell("approvals", "show", request).out
    assert r'order = "ORD-\u{202e}12\u001b[31m\u{200b}3\u{2028}"' in text
    assert not set("\u202e\x1b\u200b\u2028") & set(text)
    assert json.loads(shell("approvals", "show", request, "--json").out)


def test_text_from_the_store_cannot_pretend(shell: "Shell", ask: "Ask") -> None:
    """A store that the agent's process has altered cannot write to the approver's terminal."""
    request = ask()
    with closing(sqlite3.connect(shell.policy.parent / "agentguard.db")) as connection, connection:
        connection.execute("DROP TRIGGER approval_stays_what_was_asked")
        question = json.loads(connection.execute("SELECT question FROM approval").fetchone()[0])
        question["chain"] = ["user:alice", "agent:\x1b[8m\u202e"]
        changed = json.dumps(question, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        connection.execute("UPDATE approval SET question = ?", (changed.encode(),))
    for command in (("list",), ("show", request)):
        ran = shell("approvals", *command)
        assert not set("\u202e\x1b") & set(ran.out + ran.err)


def test_an_approved_call_runs_once(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """After the approval the same call runs, and a second answer is refused as it is done."""
    request = ask()
    ran = answer(shell, "approve", request, carol)
    assert (ran.code, state(shell, request)) == (0, "approved")
    assert "answered: approve; the request is approved now" in ran.out
    with closing(Guard.from_file(shell.policy)) as guard:

        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            return f"refunded {amount}"

        with guard.identity("agent:support", on_behalf_of="user:alice", session="s"):
            assert refund("ORD-00012345", 400, "jane.doe@customers.example") == "refunded 400"
    assert state(shell, request) == "done"
    again = answer(shell, "reject", request, carol)
    assert again.code == 2
    assert state(shell, request) == "done"


def test_a_rejected_call_does_not_run(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """After a rejection the same call is refused in the name of who rejected it."""
    request = ask()
    assert answer(shell, "reject", request, carol).code == 0
    with closing(Guard.from_file(shell.policy)) as guard:

        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            pytest.fail("a rejected call ran")

        with (
            guard.identity("agent:support", on_behalf_of="user:alice", session="s"),
            pytest.raises(ApprovalRejected) as rejected,
        ):
            refund("ORD-00012345", 400, "jane.doe@customers.example")
    assert rejected.value.approver == "user:carol"


def test_the_answer_stands_in_the_log(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """A vote is an audit entry with the approver and the answer, and the log verifies."""
    request = ask()
    answer(shell, "approve", request, carol)
    lines = shell("audit", "tail", "--json").out.splitlines()
    votes = [each for each in map(json.loads, lines) if each["type"] == "approval.voted"]
    assert [(vote["approver"], vote["approval_id"]) for vote in votes] == [("user:carol", request)]
    assert votes[0]["details"] == {"answer": "approve", "state": "approved"}
    assert shell("audit", "verify").code == 0


def test_another_key_does_not_answer(shell: "Shell", ask: "Ask", stranger: Path) -> None:
    """A signature by a key that the profile does not list is refused."""
    request = ask()
    ran = answer(shell, "approve", request, stranger)
    assert ran.code == 2
    assert "the signature does not verify" in ran.err
    assert state(shell, request) == "pending"


def test_an_unknown_approver_does_not_answer(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """Somebody whom the profile does not list is refused, whatever key they have."""
    request = ask()
    ran = answer(shell, "approve", request, carol, by="user:mallory")
    assert ran.code == 2
    assert "not an approver of this profile" in ran.err
    assert state(shell, request) == "pending"


def test_the_requester_does_not_answer(shell: "Shell", ask: "Ask", tmp_path: Path) -> None:
    """The person whom the call is made for is refused, though the profile lists them."""
    private, public = new_key()
    key = tmp_path / "alice.pem"
    key.write_bytes(private)
    listed = f'approvers = [{{ id = "user:alice", key = "{public}" }}, '
    edit(shell.policy, "approvers = [", listed)
    request = ask()
    ran = answer(shell, "approve", request, key, by="user:alice")
    assert ran.code == 2
    assert "a requester cannot approve its own call" in ran.err
    assert state(shell, request) == "pending"


def test_nobody_votes_twice(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """Where two must agree, a second vote of the same approver is refused."""
    another = new_key()[1]
    listed = f'approvers = [{{ id = "user:dave", key = "{another}" }}, '
    edit(shell.policy, "approvers = [", listed)
    edit(shell.policy, "need = 1 ", "need = 2 ")
    request = ask()
    assert answer(shell, "approve", request, carol).code == 0
    assert state(shell, request) == "pending"
    again = answer(shell, "approve", request, carol)
    assert again.code == 2
    assert "voted before" in again.err or "voted already" in again.err
    assert len(shell("approvals", "show", request, "--json").json["votes"]) == 1


def test_an_expired_request_takes_no_answer(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """After its time a request is shown as expired and cannot be approved."""
    edit(shell.policy, 'decide_within = "4h"', 'decide_within = "1s"')
    request = ask()
    time.sleep(1.1)
    assert state(shell, request) == "expired"
    ran = answer(shell, "approve", request, carol)
    assert ran.code == 2
    assert "the time to answer is over" in ran.err


def test_the_beginning_of_an_id_must_be_clear(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """The beginning of an id stands for it, unless several requests or none begin so."""
    first, second = ask(400), ask(401)
    ambiguous = shell("approvals", "show", "")
    assert (ambiguous.code, "several approval requests begin" in ambiguous.err) == (2, True)
    unknown = answer(shell, "approve", "zzz", carol)
    assert (unknown.code, "no approval request begins" in unknown.err) == (2, True)
    length = next(n for n in range(1, 33) if first[:n] != second[:n])
    assert shell("approvals", "show", first[:length], "--json").json["id"] == first


def test_a_profile_that_is_gone_is_said(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """A request whose profile the policy has no longer cannot be answered."""
    request = ask()
    edit(shell.policy, "[approval.leads]", "[approval.chiefs]")
    edit(shell.policy, 'approval = "leads"', 'approval = "chiefs"')
    ran = answer(shell, "approve", request, carol)
    assert ran.code == 2
    assert "no approval profile 'leads'" in ran.err


@pytest.mark.parametrize("content", [None, b"no key at all"])
def test_a_key_that_cannot_be_read_is_said(
    shell: "Shell", ask: "Ask", tmp_path: Path, content: bytes | None
) -> None:
    """A missing file and a file that is no key exit with 2 and name the file."""
    path = tmp_path / "other.pem"
    if content is not None:
        path.write_bytes(content)
    ran = answer(shell, "approve", ask(), path)
    assert ran.code == 2
    assert str(path) in ran.err


def test_without_a_terminal_yes_must_be_said(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """Where nobody can be asked, an answer without --yes is refused and not made."""
    request = ask()
    ran = shell.process("approvals", "approve", request, "--as", "user:carol", "--key", str(carol))
    assert ran.code == 2
    assert "add --yes" in ran.err
    assert state(shell, request) == "pending"


def test_json_does_not_ask(shell: "Shell", ask: "Ask", carol: Path) -> None:
    """With --json nothing is shown before the question, so --yes is needed."""
    request = ask()
    command = ("approvals", "approve", request, "--as", "user:carol", "--key", str(carol), "--json")
    ran = shell.at_terminal(*command, line="y")
    assert ran.code == 2
    assert state(shell, request) == "pending"
    assert shell(*command, "--yes").json["state"] == "approved"


@pytest.mark.parametrize(
    ("typed", "code", "after"), [("y", 0, "approved"), ("", 1, "pending"), ("no", 1, "pending")]
)
def test_the_approver_is_asked_at_a_terminal(
    shell: "Shell", ask: "Ask", carol: Path, typed: str, code: int, after: str
) -> None:
    """The call is shown before the question, and only a yes answers it."""
    request = ask()
    ran = shell.at_terminal(
        "approvals", "approve", request, "--as", "user:carol", "--key", str(carol), line=typed
    )
    assert ran.code == code
    assert ran.out.index("amount = 400") < ran.out.index("approve exactly this call?")
    assert state(shell, request) == after


@pytest.mark.parametrize(
    ("typed", "code", "after"), [("a passphrase", 0, "approved"), ("another", 2, "pending")]
)
def test_an_encrypted_key_needs_its_passphrase(
    shell: "Shell", ask: "Ask", tmp_path: Path, typed: str, code: int, after: str
) -> None:
    """A key that was enrolled with a passphrase answers with that passphrase alone."""
    path = tmp_path / "locked.pem"
    enroll = ("approvals", "enroll", "user:dave", "--key", str(path), "--passphrase", "--json")
    enrolled = shell.at_terminal(*enroll, secrets=("a passphrase",) * 2)
    assert b"ENCRYPTED" in path.read_bytes()
    listed = f'approvers = [{{ id = "user:dave", key = "{enrolled.json["key"]}" }}, '
    edit(shell.policy, "approvers = [", listed)
    request = ask()
    command = ("approvals", "approve", request, "--as", "user:dave", "--key", str(path), "--yes")
    ran = shell.at_terminal(*command, secrets=(typed,))
    assert ran.code == code
    assert typed not in ran.out + ran.err
    assert state(shell, request) == after


@pytest.mark.parametrize("typed", [("",), ("one", "other")])
def test_a_passphrase_that_protects_nothing_makes_no_key(
    shell: "Shell", tmp_path: Path, typed: tuple[str, ...]
) -> None:
    """An empty passphrase, or two that differ, make no key rather than an open one."""
    path = tmp_path / "locked.pem"
    enroll = ("approvals", "enroll", "user:dave", "--key", str(path), "--passphrase")
    ran = shell.at_terminal(*enroll, secrets=typed)
    assert ran.code == 2
    assert not path.exists()
