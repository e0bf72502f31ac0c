# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which formats do credentials have?

form                     what a row is, and how to write one
large_clouds, hosting    Amazon, Google, Microsoft; all other clouds
source_hosting, delivery repositories; builds, registries and deployment
payment, messaging       money; chat, mail and telephony
model_providers          models and what is built around them
databases, observability stores and search; monitoring and analytics
access                   secret stores, identity providers, networks, clusters
workplace, publishing    office and customer software; social, media, shops, frameworks
connections, keys        connection strings and headers; private keys and signed tokens
detect_secrets_patterns  the patterns of detect-secrets' plugins as rules
validators, private_keys confirm a match or extend it
"""

from agentguard.classification.formats.access import ACCESS
from agentguard.classification.formats.connections import CONNECTIONS
from agentguard.classification.formats.databases import DATABASES
from agentguard.classification.formats.delivery import DELIVERY
from agentguard.classification.formats.detect_secrets_patterns import borrowed_rules
from agentguard.classification.formats.form import TokenFormat
from agentguard.classification.formats.hosting import HOSTING
from agentguard.classification.formats.keys import KEYS
from agentguard.classification.formats.large_clouds import LARGE_CLOUDS
from agentguard.classification.formats.messaging import MESSAGING
from agentguard.classification.formats.model_providers import MODEL_PROVIDERS
from agentguard.classification.formats.observability import OBSERVABILITY
from agentguard.classification.formats.payment import PAYMENT
from agentguard.classification.formats.publishing import PUBLISHING
from agentguard.classification.formats.source_hosting import SOURCE_HOSTING
from agentguard.classification.formats.workplace import WORKPLACE

TOKEN_FORMATS: tuple[TokenFormat, ...] = (
    *LARGE_CLOUDS,
    *HOSTING,
    *SOURCE_HOSTING,
    *DELIVERY,
    *PAYMENT,
    *MESSAGING,
    *MODEL_PROVIDERS,
    *DATABASES,
    *OBSERVABILITY,
    *ACCESS,
    *WORKPLACE,
    *PUBLISHING,
    *CONNECTIONS,
    *KEYS,
)

__all__ = ["TOKEN_FORMATS", "TokenFormat", "borrowed_rules"]
