# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who answers for this policy?"""

import argparse
import os
from pathlib import Path
from typing import Any

from agentguard.cli.keys import key_path, unlocked
from agentguard.cli.output import CommandFailed, print_json
from agentguard.config import (
    TRUSTED_VARIABLE,
    load_policy,
    require_signature,
    signature_path,
    trusted_keys,
)
from agentguard.errors import ConfigError
from agentguard.policy import signature_envelope
from agentguard.signing import public_key
from agentguard.wiring import now


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy sign | verify``."""
    sign = verbs.add_parser(
        "sign",
        parents=[shared],
        help="sign a policy that you have reviewed",
        epilog="exit codes: 0 signed, 2 the policy or the key cannot be used",
    )
    sign.add_argument("file", nargs="?", help="the policy file (default: --config)")
    sign.add_argument(
        "--as", dest="signer", metavar="ID", help="whose key it is, such as user:carol"
    )
    sign.add_argument("--key", metavar="FILE", help="your private key (default: that of --as)")
    sign.set_defaults(run=_sign)
    verify = verbs.add_parser(
        "verify",
        parents=[shared],
        help="check who signed a policy",
        epilog="exit codes: 0 a trusted key signed it, 1 none did, 2 the policy cannot be used or"
        " no key is named",
    )
    verify.add_argument("file", nargs="?", help="the policy file (default: --config)")
    verify.add_argument(
        "--trusted-key",
        action="append",
        metavar="KEY",
        help=f"a public key that counts (default: ${TRUSTED_VARIABLE})",
    )
    verify.set_defaults(run=_verify)


def _sign(options: argparse.Namespace) -> int:
    path = Path(options.file or options.config)
    if not options.key and not options.signer:
        raise CommandFailed("name your key with --key, or yourself with --as")
    private, passphrase = unlocked(Path(options.key or key_path(options.signer)))
    policy, _ = load_policy(path)
    target = signature_path(path)
    envelope = signature_envelope(policy.name, policy.digest, now(), private, passphrase)
    problem = None
    try:
        target.write_text(envelope, encoding="utf-8")
    except OSError as error:
        problem = f"{target} cannot be written ({type(error).__name__})"
    if problem is not None:
        raise CommandFailed(problem)
    key = public_key(private, passphrase)
    if options.json:
        print_json({"policy": policy.digest, "signature": str(target), "key": key})
        return 0
    print(f"signed {policy.name} {policy.digest}")
    print(f"wrote {target}")
    print(f"guards that are to load nothing else: {TRUSTED_VARIABLE}={key}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    path = Path(options.file or options.config)
    trusted = trusted_keys(options.trusted_key, os.environ)
    if trusted is None:
        raise CommandFailed(f"name a key with --trusted-key or in ${TRUSTED_VARIABLE}")
    policy, _ = load_policy(path)
    key, problem = None, None
    try:
        key = require_signature(path, policy, trusted)
    except ConfigError as refused:
        problem = "\n".join(map(str, refused.problems))
    if options.json:
        print_json({"policy": policy.digest, "signed": key is not None, "key": key})
    else:
        print(problem or f"{path} is signed by {key}")
    return 0 if key else 1
