# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the keys of web frameworks and stored passwords look like?"""

from agentguard.classification.classes import CREDENTIAL
from agentguard.classification.formats.form import TokenFormat, assigned, token

FRAMEWORKS: tuple[TokenFormat, ...] = (
    assigned(
        "rails_secret",
        r"(?:rails_master_key|secret_key_base)",
        r"[a-f0-9]{32,128}",
        "rails",
        "ret_k",
        before=8,
        data_class=CREDENTIAL,
        documentation="https://guides.rubyonrails.org/security.html#custom-credentials",
        example="RAILS_MASTER_KEY",
    ),
    token(
        "laravel_app_key",
        r"base64:[A-Za-z0-9+/]{43}=",
        "base64:",
        data_class=CREDENTIAL,
        documentation="https://laravel.com/docs/encryption",
    ),
    token(
        "django_insecure_key",
        r"django-insecure-[^\s\"'\\]{30,}",
        "django-insecure-",
        data_class=CREDENTIAL,
        documentation="https://docs.djangoproject.com/en/stable/ref/settings/#secret-key",
    ),
    token(
        "wordpress_salt",
        r"define\(\s{0,4}['\"](?:AUTH|SECURE_AUTH|LOGGED_IN|NONCE)_(?:KEY|SALT)['\"]\s{0,4},\s{0,8}['\"][^'\"\\\r\n]{40,}",
        "AUTH_KEY",
        "AUTH_SALT",
        "LOGGED_IN_",
        "NONCE_",
        before=32,
        data_class=CREDENTIAL,
        documentation="https://developer.wordpress.org/advanced-administration/security/",
    ),
    token(
        "asp_net_machine_key",
        r"(?:validationKey|decryptionKey)\s{0,2}=\s{0,2}[\"'][A-Fa-f0-9]{40,}",
        "validationKey",
        "decryptionKey",
        data_class=CREDENTIAL,
        documentation="https://learn.microsoft.com/en-us/dotnet/api/system.web.configuration.machinekeysection",
    ),
    token(
        "symfony_secret",
        r"APP_SECRET=[a-f0-9]{32,64}",
        "APP_SECRET=",
        data_class=CREDENTIAL,
        documentation="https://symfony.com/doc/current/reference/configuration/framework.html#secret",
    ),
    token(
        "unix_password_hash",
        r"\$(?:1|5|6|y|7|2[abxy]|argon2(?:id|i|d))\$[A-Za-z0-9./$=,+]{30,}",
        "$1$",
        "$5$",
        "$6$",
        "$y$",
        "$7$",
        "$2a$",
        "$2b$",
        "$2x$",
        "$2y$",
        "$argon2",
        data_class=CREDENTIAL,
        documentation="https://manpages.debian.org/unstable/libcrypt-dev/crypt.5.en.html",
    ),
    token(
        "apache_password_hash",
        r"\$apr1\$[A-Za-z0-9./]{1,8}\$[A-Za-z0-9./]{22}|\{(?:SHA|SSHA|SSHA256|SSHA512)\}[A-Za-z0-9+/]{27,}={0,2}",
        "$apr1$",
        "{SHA}",
        "{SSHA}",
        "{SSHA256}",
        "{SSHA512}",
        data_class=CREDENTIAL,
        documentation="https://httpd.apache.org/docs/2.4/misc/password_encryptions.html",
    ),
)
