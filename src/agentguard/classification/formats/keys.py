# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do private keys and signed tokens look like, whoever issued them?"""

from agentguard.classification.classes import JWT, PRIVATE_KEY
from agentguard.classification.formats import private_keys, validators
from agentguard.classification.formats.form import TokenFormat, token, word
from agentguard.vocabulary import Profile

_PKCS8 = "https://www.rfc-editor.org/rfc/rfc5958"

# What providers write between their own name and the random part.
_PARTS = "live|prod|test|sandbox|pat|sk|secret|apikey|api|token|key|tok"
_CONVENTIONAL = tuple(f"{mark}{part}{mark}" for part in _PARTS.split("|") for mark in "_-")

KEYS: tuple[TokenFormat, ...] = (
    token(
        "json_web_token",
        r"(?:ey[AJ]|ew[0o])[A-Za-z0-9_-]{8,}={0,2}(?:\.[A-Za-z0-9_-]*={0,2}){2,}",
        "eyJ",
        "eyA",
        "ewo",
        "ew0",
        data_class=JWT,
        width=8192,
        documentation="https://www.rfc-editor.org/rfc/rfc7519",
        confirm=validators.jwt,
    ),
    token(
        "private_key_header",
        r"(?:-{2,5} ?)?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?",
        "PRIVATE KEY",
        data_class=PRIVATE_KEY,
        before=64,
        documentation="https://www.rfc-editor.org/rfc/rfc7468",
        confirm=private_keys.body,
    ),
    token(
        "putty_private_key",
        r"PuTTY-User-Key-File-[0-9][^\r\n]{0,80}",
        "PuTTY-User-Key-File-",
        data_class=PRIVATE_KEY,
        documentation="https://the.earth.li/~sgtatham/putty/latest/htmldoc/AppendixC.html",
        confirm=private_keys.body,
    ),
    token(
        "encoded_private_key",
        r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,}={0,2}",
        "LS0tLS1CRUdJTi",
        data_class=PRIVATE_KEY,
        width=8192,
        documentation="https://kubernetes.io/docs/concepts/configuration/secret/",
        confirm=private_keys.encoded,
    ),
    token(
        "pkcs1_key_without_header",
        r"MII[A-Za-z0-9+/]{3,5}IBAAK[BC][A-Za-z0-9+/]{40}",
        "IBAAKC",
        "IBAAKB",
        data_class=PRIVATE_KEY,
        before=8,
        documentation="https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.2",
        confirm=private_keys.unframed(b"IBAAK"),
    ),
    token(
        "pkcs8_rsa_key_without_header",
        r"MII[A-Za-z0-9+/]{3,5}IBADANBgkqhkiG9w0BAQEFAAS[A-Za-z0-9+/]{20}",
        "DANBgkqhkiG9w0BAQEFAAS",
        data_class=PRIVATE_KEY,
        before=12,
        documentation=_PKCS8,
        confirm=private_keys.unframed(b"BAQEFAAS"),
    ),
    token(
        "elliptic_key_without_header",
        r"MHcCAQEEI[A-Za-z0-9+/]{80,}={0,2}|MIGkAgEBBD[A-Za-z0-9+/]{80,}={0,2}|MI[GH][A-Za-z0-9+/]AgEAMB[A-Za-z0-9+/]GByqGSM49AgEG[A-Za-z0-9+/]{60,}={0,2}",
        "MHcCAQEEI",
        "MIGkAgEBBD",
        "GByqGSM49AgEG",
        data_class=PRIVATE_KEY,
        before=12,
        documentation="https://www.rfc-editor.org/rfc/rfc5915",
        confirm=private_keys.unframed(b"AgE", reach=512),
    ),
    token(
        "edwards_key_without_header",
        r"MC4CAQAwBQYDK2V[wu]BCIEI[A-Za-z0-9+/]{42,43}=?",
        "MC4CAQAwBQYDK2V",
        data_class=PRIVATE_KEY,
        documentation="https://www.rfc-editor.org/rfc/rfc8410",
    ),
    TokenFormat(
        name="json_web_key",
        data_class=PRIVATE_KEY,
        keywords=('"d"', '\\"d\\"'),
        pattern=r"""\\?"d\\?"\s{0,4}:\s{0,4}\\?"([A-Za-z0-9_-]{40,})""",
        width=1024,
        group=1,
        documentation="https://www.rfc-editor.org/rfc/rfc7518#section-6",
        example='"kty":"EC","d": ?"([A-Za-z0-9_-]{43})"',
    ),
    word(
        "conventional_token",
        rf"[A-Za-z][A-Za-z0-9]{{1,15}}(?:_(?:{_PARTS})_|-(?:{_PARTS})-)(?:[A-Za-z0-9]{{1,8}}[_-])?[A-Za-z0-9]{{20,}}",
        *_CONVENTIONAL,
        before=17,
        documentation="https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/",
        ends=True,
        confirm=validators.random_tail,
        profile=Profile.BALANCED,
    ),
    token(
        "age_secret_key",
        r"AGE-SECRET-KEY-1[0-9A-Z]{58}",
        "AGE-SECRET-KEY-1",
        data_class=PRIVATE_KEY,
        documentation="https://github.com/C2SP/C2SP/blob/main/age.md",
    ),
    word(
        "extended_private_key",
        r"[xyztuv]prv[1-9A-HJ-NP-Za-km-z]{107,108}",
        "xprv",
        "yprv",
        "zprv",
        "tprv",
        "uprv",
        "vprv",
        data_class=PRIVATE_KEY,
        documentation="https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki",
    ),
    word(
        "nostr_secret_key",
        r"nsec1[02-9ac-hj-np-z]{58}",
        "nsec1",
        data_class=PRIVATE_KEY,
        documentation="https://github.com/nostr-protocol/nips/blob/master/19.md",
    ),
    token(
        "minisign_secret_key",
        r"untrusted comment: [^\r\n]{0,60}secret key(?:\r?\n|\\n)[A-Za-z0-9+/]{100,}={0,2}",
        "untrusted comment: ",
        data_class=PRIVATE_KEY,
        width=512,
        documentation="https://jedisct1.github.io/minisign/",
    ),
    TokenFormat(
        name="ethereum_private_key",
        data_class=PRIVATE_KEY,
        keywords=("privat", "walle", "deplo"),
        any_case=True,
        pattern=r"""(?i:private|wallet|deployer)[_ -]?(?:[A-Za-z0-9]{1,16}[_ -]?)?(?i:key|pk)[A-Za-z0-9_]{0,16}[\s"':=,(\[]{1,8}(0x[a-fA-F0-9]{64}|[a-fA-F0-9]{64})(?:[^A-Za-z0-9]|$)""",
        group=1,
        documentation="https://ethereum.org/en/developers/docs/accounts/",
        example="(?:PRIVATE_KEY=|wallet_key: )(0x[a-f0-9]{64})",
    ),
)
