# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a token, and how is it told?

INVARIANT: no message holds anything of the token: it names the issuer as the policy calls it and
words of the policy, nothing else (tests/attacks/tokens/test_forged_tokens.py).
"""

from concurrent.futures import Future
from enum import StrEnum

from agentguard.errors import TokenRefused


class TokenProblem(StrEnum):
    """Why a token does not count: the closed list that ``TokenRefused.problem`` uses."""

    MALFORMED = "malformed"
    TOO_LONG = "too_long"
    DUPLICATE_MEMBER = "duplicate_member"
    ENCRYPTED = "encrypted"
    UNSIGNED = "unsigned"
    SHARED_SECRET = "shared_secret"  # noqa: S105 - the name of a problem
    WRONG_ALGORITHM = "wrong_algorithm"
    CRITICAL_HEADER = "critical_header"
    WRONG_TYPE = "wrong_type"
    NO_KEY_ID = "no_key_id"
    UNKNOWN_KEY = "unknown_key"
    AMBIGUOUS_KEY = "ambiguous_key"
    UNFIT_KEY = "unfit_key"
    WEAK_KEY = "weak_key"
    PRIVATE_KEY = "private_key"
    FORGED = "forged"
    KEYS_UNREACHABLE = "keys_unreachable"
    KEYS_UNREADABLE = "keys_unreadable"
    KEYS_TOO_OLD = "keys_too_old"
    UNKNOWN_ISSUER = "unknown_issuer"
    WRONG_ISSUER = "wrong_issuer"
    SEVERAL_ISSUERS = "several_issuers"
    NO_AUDIENCE = "no_audience"
    WRONG_AUDIENCE = "wrong_audience"
    NO_EXPIRY = "no_expiry"
    NO_ISSUE_TIME = "no_issue_time"
    BAD_TIME = "bad_time"
    EXPIRED = "expired"
    TOO_OLD = "too_old"
    NOT_YET_VALID = "not_yet_valid"
    FROM_THE_FUTURE = "from_the_future"
    NO_SUBJECT = "no_subject"
    BAD_SUBJECT = "bad_subject"
    UNDECLARED_SUBJECT = "undeclared_subject"
    UNVERIFIED_EMAIL = "unverified_email"
    BAD_ACTOR = "bad_actor"
    UNDECLARED_ACTOR = "undeclared_actor"
    UNREAD_ACTOR = "unread_actor"
    BOUND_TO_KEY = "bound_to_key"
    NOTICE = "notice"
    BAD_CLAIM = "bad_claim"


class MustWait(Exception):
    """The answer needs a fetch of keys, and whoever asked will not wait for one.

    Attributes:
        fetch: done when the fetch has ended, well or not.
        patience: for how many seconds it is worth while to wait.
    """

    def __init__(self, fetch: Future[None], patience: float) -> None:
        super().__init__("keys must be fetched first")
        self.fetch = fetch
        self.patience = patience


# The keys could not be had: nothing is said about the token.
OURS = frozenset(
    {TokenProblem.KEYS_UNREACHABLE, TokenProblem.KEYS_UNREADABLE, TokenProblem.KEYS_TOO_OLD}
)

_TOLD = {
    TokenProblem.MALFORMED: ("a token is not a signed JSON Web Token", None),
    TokenProblem.TOO_LONG: ("a token is longer than 16 KiB", None),
    TokenProblem.DUPLICATE_MEMBER: ("a token holds a member twice", None),
    TokenProblem.ENCRYPTED: ("a token is encrypted; only signed ones are read", None),
    TokenProblem.UNSIGNED: ("a token is not signed", None),
    TokenProblem.SHARED_SECRET: (
        "a token is signed with a shared secret, which anybody who can verify can forge",
        None,
    ),
    TokenProblem.WRONG_ALGORITHM: (
        "a token is signed with an algorithm that the policy does not take",
        "'algorithms' of the issuer names those that count",
    ),
    TokenProblem.CRITICAL_HEADER: (
        "a token demands an extension ('crit' or 'b64') that is not understood",
        None,
    ),
    TokenProblem.WRONG_TYPE: ("a signed object is of another type than an access token", None),
    TokenProblem.NO_KEY_ID: ("a token names no key", None),
    TokenProblem.UNKNOWN_KEY: ("a token names a key that the issuer does not publish", None),
    TokenProblem.AMBIGUOUS_KEY: ("several keys of the issuer would fit a token", None),
    TokenProblem.UNFIT_KEY: (
        "the key that a token names is not meant for its algorithm or for signatures",
        None,
    ),
    TokenProblem.WEAK_KEY: ("the key that a token names is too short, or too long to use", None),
    TokenProblem.PRIVATE_KEY: (
        "the issuer publishes the private half of the key that a token names",
        "replace that key: anybody can sign with it",
    ),
    TokenProblem.FORGED: ("the signature of a token is not the issuer's", None),
    TokenProblem.KEYS_UNREACHABLE: (
        "the issuer's keys cannot be reached",
        "nothing is verified without them; see 'keys_url' and 'keys_file'",
    ),
    TokenProblem.KEYS_UNREADABLE: ("the issuer's keys are not a JSON Web Key Set", None),
    TokenProblem.KEYS_TOO_OLD: (
        "the issuer's keys are older than 'keys_max_age' and newer ones cannot be had",
        None,
    ),
    TokenProblem.UNKNOWN_ISSUER: (
        "a token is of an issuer that the policy does not name",
        "declare the issuer in an [issuer.NAME] table",
    ),
    TokenProblem.WRONG_ISSUER: ("a token is of another issuer", None),
    TokenProblem.SEVERAL_ISSUERS: (
        "several issuers of the policy could have made a token",
        "say which one is meant with issuer=",
    ),
    TokenProblem.NO_AUDIENCE: ("a token says for no audience that it is meant", None),
    TokenProblem.WRONG_AUDIENCE: ("a token is meant for another audience", None),
    TokenProblem.NO_EXPIRY: ("a token never expires", None),
    TokenProblem.NO_ISSUE_TIME: ("a token does not say when it was issued", None),
    TokenProblem.BAD_TIME: ("a time in a token is not a number of seconds", None),
    TokenProblem.EXPIRED: ("a token has expired", None),
    TokenProblem.TOO_OLD: (
        "a token was issued longer ago than 'token_max_age', whatever it says itself",
        None,
    ),
    TokenProblem.NOT_YET_VALID: ("a token is not valid yet", None),
    TokenProblem.FROM_THE_FUTURE: ("a token was issued in the future", None),
    TokenProblem.NO_SUBJECT: ("a token names no subject", None),
    TokenProblem.BAD_SUBJECT: (
        "the subject of a token cannot be the name of a principal",
        "'subject' of the issuer says which claim is the name",
    ),
    TokenProblem.UNDECLARED_SUBJECT: (
        "the subject of a token is no identity that the policy declares",
        "declare it in an [[identity]] table",
    ),
    TokenProblem.UNVERIFIED_EMAIL: (
        "the subject of a token is an e-mail address that the issuer has not verified",
        None,
    ),
    TokenProblem.BAD_ACTOR: ("the actor of a token cannot be the name of a principal", None),
    TokenProblem.UNDECLARED_ACTOR: (
        "the actor of a token is no agent or service that the policy declares, or several",
        "declare it in an [[identity]] table",
    ),
    TokenProblem.UNREAD_ACTOR: (
        "a token says that somebody acts for its subject, which the policy does not read",
        "add 'actor = \"act.sub\"' to the issuer",
    ),
    TokenProblem.BOUND_TO_KEY: (
        "a token counts only with the proof of a key ('cnf'), which is not checked here",
        None,
    ),
    TokenProblem.NOTICE: ("a signed object reports events and lets nobody in", None),
    TokenProblem.BAD_CLAIM: ("a claim of a token that the policy keeps cannot be read", None),
}


def refused(problem: TokenProblem, issuer: str | None = None) -> TokenRefused:
    """Return the error for a problem.

    Args:
        problem: what is wrong.
        issuer: the issuer's name in the policy, as far as it is known.
    """
    message, remedy = _TOLD[problem]
    if issuer is not None:
        message = f"issuer {issuer!r}: {message}"
    return TokenRefused(message, problem=problem.value, remedy=remedy)
