# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the credentials of source hosting look like?"""

from agentguard.classification.formats import validators
from agentguard.classification.formats.form import TokenFormat, named, token, word
from agentguard.vocabulary import Profile

_GITHUB = "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/"
_GITLAB = "https://docs.gitlab.com/security/tokens/#token-prefixes"
_ATLASSIAN = "https://support.atlassian.com/bitbucket-cloud/docs/"

SOURCE_HOSTING: tuple[TokenFormat, ...] = (
    token(
        "github_token",
        r"gh[pousr]_[A-Za-z0-9_.-]{35,}[A-Za-z0-9_]",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        width=1024,
        checksum=validators.crc32_in_base62,
        confirm=validators.github_token,
        documentation=_GITHUB + "about-authentication-to-github",
    ),
    token(
        "github_fine_grained_token",
        r"github_pat_[A-Za-z0-9_]{22,}",
        "github_pat_",
        documentation=_GITHUB + "managing-your-personal-access-tokens",
    ),
    named(
        "github_old_token",
        r"[a-f0-9]{40}",
        "github",
        "GitHub",
        documentation=_GITHUB + "about-authentication-to-github",
    ),
    token(
        "gitlab_token",
        r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[A-Za-z0-9_.-]{19,}[A-Za-z0-9_-]",
        "glpat-",
        "gldt-",
        "glrt-",
        "glrtr-",
        "glcbt-",
        "glptt-",
        "glft-",
        "glimt-",
        "glagent-",
        "gloas-",
        "glsoat-",
        "glffct-",
        "glwt-",
        documentation=_GITLAB,
    ),
    token(
        "gitlab_runner_registration_token",
        r"GR1348941[A-Za-z0-9_-]{20,}",
        "GR1348941",
        documentation=_GITLAB,
    ),
    named(
        "gitlab_old_token",
        r"[A-Za-z0-9_-]{20}",
        "gitlab",
        "GitLab",
        documentation=_GITLAB,
        profile=Profile.BALANCED,
    ),
    token(
        "gitlab_session",
        r"_gitlab_session=[A-Za-z0-9]{32,}",
        "_gitlab_session=",
        documentation="https://docs.gitlab.com/user/profile/active_sessions/",
    ),
    token(
        "bitbucket_app_password",
        r"ATBB[A-Za-z0-9]{24,32}[A-F0-9]{8}",
        "ATBB",
        documentation=_ATLASSIAN + "app-passwords/",
    ),
    token(
        "bitbucket_access_token",
        r"ATCTT3xFf[A-Za-z0-9+/=_-]{100,}",
        "ATCTT3",
        width=512,
        documentation=_ATLASSIAN + "repository-access-tokens/",
    ),
    named(
        "bitbucket_oauth_secret",
        r"[A-Za-z0-9]{32}|[A-Za-z0-9_=-]{64}",
        "bitbucket",
        "BitBucket",
        documentation=_ATLASSIAN + "use-oauth-on-bitbucket-cloud/",
    ),
    token(
        "atlassian_token",
        r"ATATT3[A-Za-z0-9+/=_-]{100,}",
        "ATATT3",
        width=512,
        documentation="https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/",
    ),
    token(
        "atlassian_admin_key",
        r"ATSTT3[A-Za-z0-9+/=_-]{100,}",
        "ATSTT3",
        width=512,
        documentation="https://support.atlassian.com/organization-administration/docs/manage-an-organization-with-the-admin-apis/",
    ),
    named(
        "atlassian_old_token",
        r"[A-Za-z0-9]{24}",
        "atlassian",
        "jira",
        "confluence",
        documentation="https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/",
    ),
    named(
        "atlassian_data_center_token",
        r"[MNO][A-Za-z0-9+/]{43}",
        "atlassian",
        "jira",
        "confluence",
        "bitbucket",
        documentation="https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html",
    ),
    named(
        "gitea_token",
        r"[a-f0-9]{40}",
        "gitea",
        "forgejo",
        "codeberg",
        "gogs",
        documentation="https://docs.gitea.com/development/api-usage",
    ),
    named(
        "gitee_token", r"[a-f0-9]{32}", "gitee", documentation="https://gitee.com/api/v5/oauth_doc"
    ),
    token(
        "sourcegraph_token",
        r"sg(?:[psdm]|pat)_(?:(?:local|[a-f0-9]{16})_){0,2}[a-fA-F0-9]{40}",
        "sgp_",
        "sgd_",
        "sgs_",
        "sgm_",
        "sgpat_",
        documentation="https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token",
    ),
    token(
        "sourcegraph_licence_key",
        r"slk_[a-f0-9]{64}",
        "slk_",
        documentation="https://sourcegraph.com/docs/admin/subscriptions",
    ),
    named(
        "phabricator_token",
        r"(?:api|cli)-[a-z0-9]{28}",
        "phabricator",
        "phorge",
        "conduit",
        documentation="https://we.phorge.it/conduit/",
    ),
    word(
        "launchpad_token",
        r"oauth_token_secret=[A-Za-z0-9]{40,}",
        "oauth_token_secret=",
        documentation="https://documentation.ubuntu.com/launchpad/user/how-to/launchpad-api/",
    ),
)
