# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which formats do credentials have?

form                     what a row is, and how to write one
large_clouds, hosting    Amazon, Google, Microsoft; all other clouds
edge                     content delivery, domains, object stores
source_hosting, delivery repositories; builds, checks and deployment
registries               packages and images
payment, exchanges       banking; exchanges, chains and market figures
messaging, mailing       chat; mail, telephony and notification
model_providers          models
model_tools              what is built around models
databases, observability stores and search; monitoring and analytics
access, infrastructure   secret stores and identity; networks and clusters
workplace, customers     planning and documents; sales and support
social, media, commerce  networks; content and maps; shops
frameworks               keys of web frameworks, stored passwords
connections, keys        connection strings and headers; private keys and signed tokens
detect_secrets_patterns  the patterns of detect-secrets' plugins as rules
validators, private_keys confirm a match or extend it
"""

from agentguard.classification.formats.access import ACCESS
from agentguard.classification.formats.commerce import COMMERCE
from agentguard.classification.formats.connections import CONNECTIONS
from agentguard.classification.formats.customers import CUSTOMERS
from agentguard.classification.formats.databases import DATABASES
from agentguard.classification.formats.delivery import DELIVERY
from agentguard.classification.formats.detect_secrets_patterns import borrowed_rules
from agentguard.classification.formats.edge import EDGE
from agentguard.classification.formats.exchanges import EXCHANGES
from agentguard.classification.formats.form import TokenFormat
from agentguard.classification.formats.frameworks import FRAMEWORKS
from agentguard.classification.formats.hosting import HOSTING
from agentguard.classification.formats.infrastructure import INFRASTRUCTURE
from agentguard.classification.formats.keys import KEYS
from agentguard.classification.formats.large_clouds import LARGE_CLOUDS
from agentguard.classification.formats.mailing import MAILING
from agentguard.classification.formats.media import MEDIA
from agentguard.classification.formats.messaging import MESSAGING
from agentguard.classification.formats.model_providers import MODEL_PROVIDERS
from agentguard.classification.formats.model_tools import MODEL_TOOLS
from agentguard.classification.formats.observability import OBSERVABILITY
from agentguard.classification.formats.payment import PAYMENT
from agentguard.classification.formats.registries import REGISTRIES
from agentguard.classification.formats.social import SOCIAL
from agentguard.classification.formats.source_hosting import SOURCE_HOSTING
from agentguard.classification.formats.workplace import WORKPLACE

TOKEN_FORMATS: tuple[TokenFormat, ...] = (
    *LARGE_CLOUDS,
    *HOSTING,
    *EDGE,
    *SOURCE_HOSTING,
    *DELIVERY,
    *REGISTRIES,
    *PAYMENT,
    *EXCHANGES,
    *MESSAGING,
    *MAILING,
    *MODEL_PROVIDERS,
    *MODEL_TOOLS,
    *DATABASES,
    *OBSERVABILITY,
    *ACCESS,
    *INFRASTRUCTURE,
    *WORKPLACE,
    *CUSTOMERS,
    *SOCIAL,
    *MEDIA,
    *COMMERCE,
    *FRAMEWORKS,
    *CONNECTIONS,
    *KEYS,
)

__all__ = ["TOKEN_FORMATS", "TokenFormat", "borrowed_rules"]
