# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which formats do credentials and structured personal data have?

Data only: one row for each format, written from the page that documents it.
Patterns are in the dialect of RE2.
A row without a documentation link describes a format of a standard, which its comment names.
"""

from dataclasses import dataclass, fields

from agentguard.classification import private_keys, validators
from agentguard.classification.classes import (
    API_KEY,
    CREDENTIAL,
    EMAIL,
    JWT,
    PAYMENT_CARD,
    PRIVATE_KEY,
)
from agentguard.classification.rules import Rule, Scope, linear


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFormat(Scope):
    """One documented format.

    Attributes:
        pattern: in the dialect of RE2.
        documentation: the page that the pattern was written from.
    """

    pattern: str
    documentation: str

    def rule(self) -> Rule:
        """Return the rule that finds this format."""
        scope = {each.name: getattr(self, each.name) for each in fields(Scope)}
        return Rule(pattern=linear(self.pattern), **scope)


# A token begins behind what is no word character, and behind an escape or an underscore, whose last
# character would make it look like the inside of a word.
_START = r"(?:\b|_|\\[bfnrt]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2})"
_LONGEST_START = 6
_AWS_KEY_ID = r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}"
_AWS_SECRET = r"([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"  # noqa: S105 - a pattern
_ASSIGNED = r"""["']?\s{0,8}(?:=>|:=|==|=|:|\s)\s{0,8}["']?"""
# In lists of variables a word or two stand between a name and its value: its type, or "value:".
_BETWEEN = r"""(?:[A-Za-z_]{1,16}["']?\s{0,2}[:=,]?\s{1,8}["']?){0,2}"""
# Scripts that are written without blanks would take the words before an address along.
_LETTER = r"\p{Latin}\p{Cyrillic}\p{Greek}\pN_+%*/=?^{|}~&!#$-"
_LOCAL_PART = rf"[{_LETTER}.']*[{_LETTER}]"

TOKEN_FORMATS: tuple[TokenFormat, ...] = (
    TokenFormat(
        name="openai_key",
        data_class=API_KEY,
        keywords=("sk-",),
        before=_LONGEST_START,
        pattern=_START + r"(sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,})",
        group=1,
        documentation="https://platform.openai.com/docs/api-reference/authentication",
    ),
    TokenFormat(
        name="sk_key",
        data_class=API_KEY,
        keywords=("sk-",),
        before=_LONGEST_START,
        pattern=_START + r"(sk-[A-Za-z0-9_-]{20,})",
        group=1,
        documentation="https://platform.openai.com/docs/api-reference/authentication",
        confirm=validators.has_digit,
    ),
    TokenFormat(
        name="anthropic_key",
        data_class=API_KEY,
        keywords=("sk-ant-",),
        pattern=r"sk-ant-[A-Za-z0-9_-]{16,}",
        documentation="https://docs.anthropic.com/en/api/overview",
    ),
    TokenFormat(
        name="aws_access_key_id",
        data_class=API_KEY,
        keywords=("AKIA", "ASIA", "ABIA", "ACCA", "A3T"),
        before=_LONGEST_START,
        pattern=_START + "(" + _AWS_KEY_ID + r")(?:[^A-Za-z0-9]|$)",
        group=1,
        documentation="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    ),
    TokenFormat(
        name="aws_secret_near_key_id",
        data_class=API_KEY,
        keywords=("AKIA", "ASIA", "ABIA", "ACCA", "A3T"),
        pattern=_AWS_KEY_ID + r"(?s:.{0,120}?)[^A-Za-z0-9/+=]" + _AWS_SECRET,
        group=1,
        documentation="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
    ),
    TokenFormat(
        name="aws_secret_access_key",
        data_class=API_KEY,
        keywords=("secret",),
        any_case=True,
        pattern=r"(?i)secret[_\-. ]?(?:access)?[_\-. ]?key" + _ASSIGNED + _BETWEEN + _AWS_SECRET,
        group=1,
        documentation="https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html",
    ),
    TokenFormat(
        name="github_token",
        data_class=API_KEY,
        keywords=("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        pattern=r"gh[pousr]_[A-Za-z0-9_.-]{35,}[A-Za-z0-9_]",
        width=1024,
        documentation="https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
    ),
    TokenFormat(
        name="github_fine_grained_token",
        data_class=API_KEY,
        keywords=("github_pat_",),
        pattern=r"github_pat_[A-Za-z0-9_]{22,}",
        documentation="https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens",
    ),
    TokenFormat(
        name="gitlab_token",
        data_class=API_KEY,
        keywords=(
            "glpat-",
            "gldt-",
            "glrt-",
            "glcbt-",
            "glptt-",
            "glft-",
            "glimt-",
            "glagent-",
            "gloas-",
            "glsoat-",
        ),
        pattern=r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_.-]{19,}[A-Za-z0-9_-]",
        documentation="https://docs.gitlab.com/security/tokens/#token-prefixes",
    ),
    TokenFormat(
        name="slack_token",
        data_class=API_KEY,
        keywords=("xoxa", "xoxb", "xoxe", "xoxo", "xoxp", "xoxr", "xoxs", "xapp-"),
        pattern=r"(?:xox[abeoprs](?:\.xox[bp])?|xapp)-[A-Za-z0-9-]{10,}",
        documentation="https://docs.slack.dev/authentication/tokens",
    ),
    TokenFormat(
        name="slack_webhook",
        data_class=API_KEY,
        keywords=("hooks.slack.com/",),
        pattern=r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9_/+-]{20,})",
        group=1,
        documentation="https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
    ),
    TokenFormat(
        name="stripe_key",
        data_class=API_KEY,
        keywords=("k_live_", "k_test_"),
        before=1,
        pattern=r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
        documentation="https://docs.stripe.com/keys",
    ),
    TokenFormat(
        name="stripe_webhook_secret",
        data_class=API_KEY,
        keywords=("whsec_",),
        pattern=r"whsec_[A-Za-z0-9+/=]{24,}",
        documentation="https://docs.stripe.com/webhooks",
    ),
    TokenFormat(
        name="google_api_key",
        data_class=API_KEY,
        keywords=("AIza",),
        pattern=r"AIza[A-Za-z0-9_-]{35}",
        documentation="https://cloud.google.com/docs/authentication/api-keys",
    ),
    TokenFormat(
        name="google_oauth_secret",
        data_class=API_KEY,
        keywords=("GOCSPX-", "ya29."),
        pattern=r"GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_.-]{20,}",
        documentation="https://developers.google.com/identity/protocols/oauth2",
    ),
    TokenFormat(
        name="npm_token",
        data_class=API_KEY,
        keywords=("npm_",),
        pattern=r"npm_[A-Za-z0-9]{36}",
        documentation="https://docs.npmjs.com/about-access-tokens",
    ),
    TokenFormat(
        name="pypi_token",
        data_class=API_KEY,
        keywords=("pypi-A",),
        pattern=r"pypi-A[A-Za-z0-9_-]{50,}",
        documentation="https://pypi.org/help/#apitoken",
    ),
    TokenFormat(
        name="sendgrid_key",
        data_class=API_KEY,
        keywords=("SG.",),
        before=_LONGEST_START,
        pattern=_START + r"(SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64})",
        group=1,
        documentation="https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
    ),
    TokenFormat(
        name="hugging_face_token",
        data_class=API_KEY,
        keywords=("hf_",),
        before=_LONGEST_START,
        pattern=_START + r"(hf_[A-Za-z0-9]{30,})",
        group=1,
        documentation="https://huggingface.co/docs/hub/security-tokens",
    ),
    TokenFormat(
        name="digitalocean_token",
        data_class=API_KEY,
        keywords=("dop_v1_", "doo_v1_", "dor_v1_"),
        pattern=r"do[opr]_v1_[a-f0-9]{64}",
        documentation="https://docs.digitalocean.com/reference/api/create-personal-access-token/",
    ),
    TokenFormat(
        name="groq_key",
        data_class=API_KEY,
        keywords=("gsk_",),
        before=_LONGEST_START,
        pattern=_START + r"(gsk_[A-Za-z0-9]{40,})",
        group=1,
        documentation="https://console.groq.com/docs/quickstart",
    ),
    TokenFormat(
        name="databricks_token",
        data_class=API_KEY,
        keywords=("dapi",),
        pattern=r"dapi[a-f0-9]{32}(?:-[0-9])?",
        documentation="https://docs.databricks.com/en/dev-tools/auth/pat.html",
    ),
    TokenFormat(
        name="shopify_token",
        data_class=API_KEY,
        keywords=("shpat_", "shpca_", "shppa_", "shpss_"),
        pattern=r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
        documentation="https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens",
    ),
    TokenFormat(
        name="vault_token",
        data_class=API_KEY,
        keywords=("hvs.", "hvb.", "hvr."),
        before=_LONGEST_START,
        pattern=_START + r"(hv[sbr]\.[A-Za-z0-9_-]{24,})",
        group=1,
        documentation="https://developer.hashicorp.com/vault/docs/concepts/tokens",
    ),
    TokenFormat(
        name="docker_token",
        data_class=API_KEY,
        keywords=("dckr_pat_", "dckr_oat_"),
        pattern=r"dckr_[po]at_[A-Za-z0-9_-]{27,}",
        documentation="https://docs.docker.com/security/access-tokens/",
    ),
    TokenFormat(
        name="azure_storage_key",
        data_class=API_KEY,
        keywords=("AccountKey", "accountKey", "account_key"),
        pattern=r"(?i)account_?key" + _ASSIGNED + r"([A-Za-z0-9+/]{86}==)",
        group=1,
        documentation="https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string",
    ),
    TokenFormat(
        name="json_web_token",
        data_class=JWT,
        keywords=("eyJ", "eyA", "ewo", "ew0"),
        pattern=r"(?:ey[AJ]|ew[0o])[A-Za-z0-9_-]{8,}={0,2}(?:\.[A-Za-z0-9_-]*={0,2}){2,}",
        width=8192,
        documentation="https://www.rfc-editor.org/rfc/rfc7519",
        confirm=validators.jwt,
    ),
    TokenFormat(
        name="private_key_header",
        data_class=PRIVATE_KEY,
        keywords=("PRIVATE KEY",),
        before=64,
        pattern=r"(?:-{2,5} ?)?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?",
        documentation="https://www.rfc-editor.org/rfc/rfc7468",
        confirm=private_keys.body,
    ),
    TokenFormat(
        name="putty_private_key",
        data_class=PRIVATE_KEY,
        keywords=("PuTTY-User-Key-File-",),
        pattern=r"PuTTY-User-Key-File-[0-9][^\r\n]{0,80}",
        documentation="https://the.earth.li/~sgtatham/putty/latest/htmldoc/AppendixC.html",
        confirm=private_keys.body,
    ),
    TokenFormat(
        name="url_password",
        data_class=CREDENTIAL,
        keywords=("://",),
        pattern=r"""://[^\s/:@"'<>\\]*:([^\s/"'<>?#\\]+)@""",
        width=512,
        group=1,
        documentation="https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
        confirm=validators.not_templated,
    ),
    TokenFormat(
        name="connection_string_password",
        data_class=CREDENTIAL,
        keywords=("passw", "pwd"),
        any_case=True,
        before=8,
        pattern=r"""(?i);\s{0,4}(?:password|pwd)\s{0,4}=\s{0,4}([^;\s"'<>\\]+)""",
        group=1,
        documentation="https://learn.microsoft.com/en-us/dotnet/framework/data/adonet/connection-string-syntax",
        confirm=validators.not_templated,
    ),
    TokenFormat(
        name="connection_string_first_password",
        data_class=CREDENTIAL,
        keywords=("passw", "pwd"),
        any_case=True,
        before=_LONGEST_START,
        pattern="(?i)"
        + _START
        + r"""(?:password|pwd)\s{0,4}=\s{0,4}([^;\s"'<>\\]+);\s{0,4}[a-z ]{2,30}=""",
        group=1,
        documentation="https://learn.microsoft.com/en-us/dotnet/framework/data/adonet/connection-string-syntax",
        confirm=validators.not_templated,
    ),
    TokenFormat(
        name="authorization_header",
        data_class=CREDENTIAL,
        keywords=("autho",),
        any_case=True,
        pattern=r"""(?i)authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:basic|bearer|token)\s{1,4}([A-Za-z0-9+/=._~-]{8,})""",
        group=1,
        documentation="https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2",
    ),
    TokenFormat(
        name="email_address",
        data_class=EMAIL,
        keywords=("@",),
        before=64,
        width=255,
        pattern=rf"(?:{_LOCAL_PART}@)+"
        r"[\pL\pN-]+(?:\.[\pL\pN-]+)*\.(?:[A-Za-z]{2,24}|\pL{2,24})",
        documentation="https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2",
        confirm=validators.email,
    ),
    TokenFormat(
        name="payment_card_number",
        data_class=PAYMENT_CARD,
        pattern=r"[0-9](?:[ -]?[0-9]){11,}",
        shortest=12,
        documentation="https://www.iso.org/standard/70484.html",
        confirm=validators.cards,
    ),
)
