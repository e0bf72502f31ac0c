# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What waits for an approver, and how do they answer?

The answer is signed here, with a key that the agent's process does not hold; whoever executes
the call checks the signature again.
"""

import argparse
import getpass
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from agentguard.approvals import ApprovalConflict, binding, expire_if_due, sign_vote, with_vote
from agentguard.cli.keys import enrolled, key_path, unlocked
from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.config import load_policy
from agentguard.policy import Policy
from agentguard.stores import Journal, SqliteReader, SqliteStore
from agentguard.vocabulary import (
    Answer,
    ApprovalChange,
    ApprovalRequest,
    ApprovalState,
    AuditEntry,
    Boundary,
    Doubt,
    EntryType,
)
from agentguard.wiring import now

WAITING = (ApprovalState.PENDING, ApprovalState.APPROVED, ApprovalState.EXECUTING)


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``approvals enroll | list | show | approve | reject``."""
    group = commands.add_parser("approvals", help="see and answer approval requests")
    verbs = group.add_subparsers(required=True, metavar="COMMAND")
    enroll = verbs.add_parser("enroll", parents=[shared], help="make an approver's key")
    enroll.add_argument("approver", help="your id, such as user:carol")
    enroll.add_argument("--key", metavar="FILE", help="where the private key goes")
    enroll.add_argument("--passphrase", action="store_true", help="ask for one and encrypt the key")
    enroll.set_defaults(run=_enroll)
    listing = verbs.add_parser("list", parents=[shared], help="list what waits")
    listing.add_argument("--all", action="store_true", help="also what has ended")
    listing.set_defaults(run=_list)
    show = verbs.add_parser("show", parents=[shared], help="show one request in full")
    show.add_argument("request", help="its id, or the beginning of it")
    show.set_defaults(run=_show)
    for name, answer in (("approve", Answer.APPROVE), ("reject", Answer.REJECT)):
        verb = verbs.add_parser(name, parents=[shared], help=f"{name} one request")
        verb.add_argument("request", help="its id, or the beginning of it")
        verb.add_argument("--as", dest="approver", required=True, metavar="ID", help="your id")
        verb.add_argument("--key", metavar="FILE", help="your private key")
        verb.add_argument("--yes", action="store_true", help="do not ask again")
        verb.set_defaults(run=_answer, answer=answer)


def _enroll(options: argparse.Namespace) -> int:
    path = Path(options.key) if options.key else key_path(options.approver)
    public = enrolled(path, passphrase=_new_passphrase() if options.passphrase else None)
    if options.json:
        print_json({"approver": options.approver, "key": public, "private_key": str(path)})
        return 0
    print(f"wrote {path}; keep it where the agent's process cannot read it")
    print("add this to the approvers of a profile in the policy:")
    print(f'  {{ id = "{options.approver}", key = "{public}" }}')
    return 0


def _new_passphrase() -> bytes:
    passphrase = getpass.getpass("passphrase: ")
    if not passphrase:
        raise CommandFailed("an empty passphrase protects nothing; no key was made")
    if getpass.getpass("once more: ") != passphrase:
        raise CommandFailed("the two passphrases differ; no key was made")
    return passphrase.encode()


def _list(options: argparse.Namespace) -> int:
    _, reader = _opened(options)
    requests = reader.approvals(None if options.all else WAITING)
    at = now()
    if options.json:
        print_json([_plain(request, at) for request in requests])
        return 0
    if not requests:
        print("nothing waits" if not options.all else "there are no approval requests")
    for request in requests:
        state = _state(request, at)
        line = f"{request.id}  {state:<9}  {request.tool:<20}  {' > '.join(request.chain)}"
        if request.doubts:
            line += f"  in doubt: {', '.join(map(_doubted, request.doubts))}"
        print(visible(line))
    return 0


def _show(options: argparse.Namespace) -> int:
    _, reader = _opened(options)
    request = _found(reader, options.request)
    if options.json:
        print_json(_plain(request, now()))
    else:
        _print(request)
    return 0


def _answer(options: argparse.Namespace) -> int:
    if options.json and not options.yes:
        raise CommandFailed("with --json nobody is asked; add --yes to answer")
    policy, reader = _opened(options)
    request = _found(reader, options.request)
    profile = policy.profiles.get(request.profile)
    if profile is None:
        raise CommandFailed(f"the policy has no approval profile {request.profile!r}")
    path = Path(options.key) if options.key else key_path(options.approver)
    private, passphrase = unlocked(path)
    if not options.json:
        _print(request)
    if not options.yes and not _confirmed(options.answer):
        print("nothing was answered")
        return 1
    at = now()
    vote = sign_vote(
        request,
        approver=options.approver,
        answer=options.answer,
        at=at,
        private_key=private,
        passphrase=passphrase,
    )
    try:
        answered = with_vote(request, vote, profile, at)
    except ApprovalConflict as conflict:
        problem = str(conflict)
    else:
        change = ApprovalChange(before=request, after=answered, vote=vote)
        _write(reader, request, change, options.approver, options.answer)
        return _answered(options, answered)
    raise CommandFailed(problem)


def _answered(options: argparse.Namespace, request: ApprovalRequest) -> int:
    if options.json:
        print_json(_plain(request, now()))
    else:
        print(f"answered: {options.answer.value}; the request is {request.state.value} now")
    return 0


def _write(
    reader: SqliteReader,
    request: ApprovalRequest,
    change: ApprovalChange,
    approver: str,
    answer: Answer,
) -> None:
    """Write the vote and the audit entry that says so, in one transaction."""
    store = SqliteStore(reader.path)
    journal = Journal(store, now)
    try:
        entry = AuditEntry(
            type=EntryType.APPROVAL_VOTED,
            at=now(),
            call_id=request.call_id,
            boundary=Boundary.TOOL,
            operation="execute_tool",
            target=request.tool,
            chain=request.chain,
            session_key=request.session_key,
            policy=request.policy,
            rule=request.rule,
            impact=request.impact,
            approval_id=request.id,
            approver=approver,
            details={"answer": answer.value, "state": change.after.state.value},
        )
        journal.append(entry, durable=True, change=change)
    finally:
        journal.close()
        store.close()


def _opened(options: argparse.Namespace) -> tuple[Policy, SqliteReader]:
    """Read the policy without the values of its classes, and open the store for reading."""
    policy, deployment = load_policy(options.config)
    return policy, SqliteReader(deployment.store)


def _found(reader: SqliteReader, beginning: str) -> ApprovalRequest:
    exact = reader.approval(beginning)
    if exact is not None:
        return exact
    found = [request for request in reader.approvals() if request.id.startswith(beginning)]
    if len(found) != 1:
        what = "no approval request begins" if not found else "several approval requests begin"
        raise CommandFailed(f"{what} with {beginning!r}")
    return found[0]


def _confirmed(answer: Answer) -> bool:
    if not sys.stdin.isatty():
        raise CommandFailed("there is no terminal to ask on; add --yes to answer without asking")
    return input(f"{answer.value} exactly this call? [y/N] ").strip().lower() in ("y", "yes")


def _doubted(doubt: Doubt) -> str:
    """Return what is in doubt: an argument, or that anybody asked for the call."""
    return doubt.argument or "the call"


def _state(request: ApprovalRequest, at: datetime) -> str:
    """Return the state that counts: a request past its time has expired, whoever notes it."""
    return (expire_if_due(request, at) or request).state.value


def _plain(request: ApprovalRequest, at: datetime) -> dict[str, Any]:
    return {
        "id": request.id,
        "state": _state(request, at),
        "tool": request.tool,
        "impact": request.impact.value,
        "arguments": json.loads(request.shown),
        "doubts": [{"argument": each.argument, "told": each.told} for each in request.doubts],
        "chain": list(request.chain),
        "rule": request.rule,
        "policy": request.policy,
        "profile": request.profile,
        "need": request.need,
        "created_at": request.created_at.isoformat(),
        "decide_by": request.decide_by.isoformat(),
        "binding": binding(request),
        "votes": [
            {"approver": vote.approver, "answer": vote.answer.value, "at": vote.at.isoformat()}
            for vote in request.votes
        ],
    }


def _parts(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield what stands in a line of its own: each object of a list, such as a step of a plan."""
    if not isinstance(value, list) or not any(isinstance(each, dict) for each in value):
        yield name, value
        return
    for number, each in enumerate(value, 1):
        yield f"{name} {number} of {len(value)}", each


def _print(request: ApprovalRequest) -> None:
    plain = _plain(request, now())
    for name in ("id", "state", "tool", "impact", "rule", "profile", "need", "decide_by"):
        print(f"{name:<10} {visible(str(plain[name]))}")
    chain = visible(" > ".join(request.chain))
    print(f"{'requested':<10} by {chain} at {plain['created_at']}")
    print(f"{'policy':<10} {visible(request.policy)}")
    print(f"{'binding':<10} {plain['binding']}")
    print("arguments")
    for name, value in plain["arguments"].items():
        for place, part in _parts(name, value):
            print(f"  {visible(place)} = {visible(json.dumps(part, ensure_ascii=False))}")
    if request.doubts:
        print("in doubt")
    for doubt in request.doubts:
        print(f"  {visible(_doubted(doubt))}: {visible(doubt.told)}")
    for vote in request.votes:
        print(
            f"vote       {vote.answer.value} by {visible(vote.approver)} at {vote.at.isoformat()}"
        )
