# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""An issuer whose tokens cannot be verified as its table says is refused, with its place."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agentguard.policy import (
    IdentitySpec,
    IssuerKind,
    IssuerSpec,
    PolicyDocument,
    doubts_about,
    flaws_of,
    key_of,
)
from agentguard.vocabulary import PrincipalKind

ISSUER = IssuerSpec(
    name="corp",
    issuer="https://login.test",
    audiences=("agents",),
    algorithms=("ES256",),
    keys_url="https://login.test/keys",
)
MESH = IssuerSpec(
    name="mesh",
    kind=IssuerKind.SPIFFE,
    issuer="corp.example",
    audiences=("agents",),
    algorithms=("ES256",),
)
BILLING = IdentitySpec(id="agent:billing", spiffe="spiffe://corp.example/agent/billing")


def document(*issuers: IssuerSpec, identities: tuple[IdentitySpec, ...] = ()) -> PolicyDocument:
    """A policy with these issuers."""
    return PolicyDocument(name="p", issuers=issuers, identities=identities)


def told(found: PolicyDocument) -> list[tuple[str, str]]:
    """The flaws of a document, each with its key."""
    return [(key_of(flaw.path), flaw.message) for flaw in flaws_of(found)]


def test_good_issuers_have_no_flaw() -> None:
    """Issuers of both kinds, with keys from everywhere they may come from."""
    found = document(
        ISSUER,
        replace(ISSUER, name="local", keys_url="http://127.0.0.1:8080/keys"),
        replace(ISSUER, name="six", keys_url="http://[::1]:8080/keys"),
        replace(ISSUER, name="file", keys_url=None, keys_file="keys.json", actor="act.sub"),
        MESH,
        replace(MESH, name="bundle", keys_file="bundle.json"),
        identities=(BILLING,),
    )
    assert told(found) == []


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"name": "a b"}, '"a b"', "must be a name"),
        ({"audiences": ()}, "audience", "must name an audience"),
        ({"algorithms": ()}, "algorithms", "must name an algorithm"),
        ({"algorithms": ("HS256",)}, "algorithms", "lets whoever can verify a token forge one"),
        ({"algorithms": ("hs512",)}, "algorithms", "lets whoever can verify a token forge one"),
        ({"algorithms": ("None",)}, "algorithms", "lets whoever can verify a token forge one"),
        ({"algorithms": ("ES256K",)}, "algorithms", "'ES256K' is not one of 'ES256', "),
        ({"algorithms": ("es256",)}, "algorithms", "'es256' is not one of"),
        ({"keys_file": "k.json"}, "keys_file", "goes without 'keys_url'"),
        ({"keys_url": None}, "", "needs 'keys_url' or 'keys_file'"),
        ({"keys_url": "http://login.test/keys"}, "keys_url", "must be an https address"),
        ({"keys_url": "http://localhost.evil.test/keys"}, "keys_url", "must be an https address"),
        ({"keys_url": "https://user:secret@login.test/k"}, "keys_url", "must be an https address"),
        ({"keys_url": "https://login.test/keys#a"}, "keys_url", "must be an https address"),
        ({"keys_url": "https:///keys"}, "keys_url", "must be an https address"),
        ({"keys_url": "https://login.test:x/keys"}, "keys_url", "must be an https address"),
        ({"keys_url": "https://l\u00f6gin.test/keys"}, "keys_url", "must be an https address"),
        ({"keys_url": "file:///etc/keys"}, "keys_url", "must be an https address"),
        ({"keys_url": "login.test/keys"}, "keys_url", "must be an https address"),
        ({"keys_max_age": timedelta(seconds=59)}, "keys_max_age", "must be at least '1m'"),
        ({"token_max_age": timedelta()}, "token_max_age", "must be longer than nothing"),
        ({"leeway": timedelta(minutes=6)}, "leeway", "must be at most '5m'"),
        ({"claims": ("team", "id")}, "claims[1]", "'id' is the principal's id"),
        ({"claims": ("team", "team")}, "claims[1]", "'team' is named twice"),
        ({"actor": "act..sub"}, "actor", "must be a claim, with dots for members"),
        ({"actor": "act."}, "actor", "must be a claim, with dots for members"),
    ],
)
def test_an_issuer_that_cannot_be_verified_is_a_flaw(
    changes: dict[str, object], key: str, message: str
) -> None:
    """Each mistake is told at its key."""
    found = told(document(replace(ISSUER, **changes)))  # type: ignore[arg-type]  # varied by key
    assert len(found) == 1
    expected = f"issuer.{key}" if key.startswith('"') else f"issuer.corp.{key}".rstrip(".")
    assert (found[0][0], message in found[0][1]) == (expected, True)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"issuer": "spiffe://corp.example"}, "issuer"),
        ({"issuer": "Corp.example"}, "issuer"),
        ({"subject": "workload"}, "subject"),
        ({"subject_kind": PrincipalKind.AGENT}, "subject_kind"),
    ],
)
def test_an_issuer_of_spiffe_has_what_spiffe_says(changes: dict[str, object], key: str) -> None:
    """The trust domain is a domain, the subject 'sub', the kind that of the identity."""
    found = told(document(replace(MESH, **changes)))  # type: ignore[arg-type]  # varied by key
    assert [each[0] for each in found] == [f"issuer.mesh.{key}"]


@pytest.mark.parametrize(
    "spiffe",
    [
        "spiffe://corp.example",
        "spiffe://corp.example/",
        "spiffe://corp.example/a/",
        "spiffe://corp.example//a",
        "spiffe://corp.example/a/../b",
        "spiffe://corp.example/./a",
        "spiffe://Corp.example/a",
        "spiffe://corp.example:8081/a",
        "spiffe://corp.example/a?b",
        "SPIFFE://corp.example/a",
        "https://corp.example/a",
        "spiffe://corp.example/" + "a" * 2048,
    ],
)
def test_a_spiffe_id_that_is_none_is_a_flaw(spiffe: str) -> None:
    """Ids that SPIFFE does not allow could never be proven, or in two ways."""
    found = told(document(MESH, identities=(replace(BILLING, spiffe=spiffe),)))
    assert [each[0] for each in found] == ["identity[0].spiffe"]


def test_two_identities_cannot_be_one_workload() -> None:
    """A SPIFFE id proves one identity."""
    found = told(document(MESH, identities=(BILLING, replace(BILLING, id="agent:other"))))
    assert found == [("identity[1].spiffe", "is that of 'agent:billing', too")]


def test_issuers_that_stand_in_each_other_s_way_are_doubts() -> None:
    """Names that mean several persons, tokens of two tables, and workloads of no issuer."""
    found = doubts_about(
        document(
            ISSUER,
            replace(ISSUER, name="again"),
            replace(ISSUER, name="partner", issuer="https://partner.test"),
            replace(
                ISSUER, name="bots", issuer="https://bots.test", subject_kind=PrincipalKind.AGENT
            ),
            identities=(BILLING,),
        )
    )
    assert [(key_of(doubt.path), doubt.message) for doubt in found] == [
        (
            "issuer.again.issuer",
            "is that of issuer 'corp', too: a token counts only where issuer= says which",
        ),
        (
            "issuer.partner.subject_kind",
            "persons of the same name are one person here and at issuer 'corp'",
        ),
        ("identity[0].spiffe", "is of a trust domain that is no issuer"),
    ]
