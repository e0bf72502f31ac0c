# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Tools that stand for requests: what their rules may say, and what is doubted."""

import pytest

from agentguard.policy import (
    AllOf,
    Anything,
    ArgumentSpec,
    Constraint,
    IdentitySpec,
    PolicyDocument,
    RuleSpec,
    ToolSpec,
    doubts_about,
    flaws_of,
    key_of,
)
from agentguard.policy.constraints import Length, Match, UrlParts
from agentguard.vocabulary import Effect, Impact

METHOD = ArgumentSpec(name="method", constraint=Anything())
NAMED = UrlParts(hosts=("a.test",))
EVERY = UrlParts(hosts=("*",))
SHORT = Length(least=1, most=200)


def document(
    *arguments: ArgumentSpec, effect: Effect = Effect.ALLOW, headers: frozenset[str] = frozenset()
) -> PolicyDocument:
    """Return a policy with one tool for requests and one rule about it."""
    tool = ToolSpec(
        name="fetch", impact=Impact.READ_ONLY, http=frozenset({"GET"}), http_headers=headers
    )
    rule = RuleSpec(
        id="r", who=("agent:a",), effect=effect, tools=("fetch",), arguments=(METHOD, *arguments)
    )
    return PolicyDocument(
        name="p", identities=(IdentitySpec(id="agent:a"),), tools=(tool,), rules=(rule,)
    )


def url(constraint: Constraint, origins: frozenset[str] | None = None) -> ArgumentSpec:
    """Return what a rule says about the address."""
    return ArgumentSpec(name="url", constraint=constraint, origins=origins)


@pytest.mark.parametrize("constraint", [EVERY, Anything(), SHORT, AllOf(parts=(EVERY, SHORT))])
def test_a_rule_that_lets_requests_go_anywhere_is_doubted(constraint: Constraint) -> None:
    """An address that may have any host may carry anything out, and that is told."""
    (doubt,) = doubts_about(document(url(constraint)))
    assert key_of(doubt.path) == "rule[0].args.url"
    assert "every host" in doubt.message
    (doubt,) = doubts_about(document(url(constraint), headers=frozenset({"authorization"})))
    assert "http_headers" in doubt.message


@pytest.mark.parametrize(
    "argument",
    [
        url(NAMED),
        url(AllOf(parts=(EVERY, NAMED))),
        url(Match(pattern="https://a\\.test/.*")),
        url(EVERY, origins=frozenset({"user"})),
    ],
)
def test_a_rule_that_says_where_requests_go_is_not_doubted(argument: ArgumentSpec) -> None:
    """Hosts that are named, and addresses that must come from somewhere, are not doubted."""
    assert doubts_about(document(argument)) == ()


def test_a_rule_that_lists_no_address_can_never_apply() -> None:
    """Every request has an address, so a rule that lets one through lists it."""
    (flaw,) = flaws_of(document())
    assert "needs 'url', which is not listed" in flaw.message


def test_a_rule_about_what_no_request_has_is_refused() -> None:
    """An argument that requests do not have is told, with the one that may be meant."""
    headers = ArgumentSpec(name="header", constraint=Anything(), optional=True)
    flaws = flaws_of(document(url(NAMED), headers))
    assert any("did you mean 'headers'?" in each.message for each in flaws)


def test_a_rule_may_deny_by_any_part_of_a_request() -> None:
    """What requests may have is an argument of theirs, whether or not they do."""
    for name in ("method", "url", "headers", "body"):
        given = ArgumentSpec(name=name, constraint=Anything())
        rule = RuleSpec(
            id="d", who=("agent:a",), effect=Effect.DENY, tools=("fetch",), arguments=(given,)
        )
        base = document(url(NAMED))
        whole = PolicyDocument(
            name="p", identities=base.identities, tools=base.tools, rules=(*base.rules, rule)
        )
        assert flaws_of(whole) == ()
