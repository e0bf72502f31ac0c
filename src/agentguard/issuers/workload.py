# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which keys does the SPIFFE Workload API give for a trust domain?

The agent of SPIFFE on this machine answers on the socket that ``SPIFFE_ENDPOINT_SOCKET`` names.
"""

from spiffe import TrustDomain, WorkloadApiClient

from agentguard.issuers.keys import KeySet, keys_of

SECONDS = 5.0


def fetch_bundle(trust_domain: str) -> KeySet:
    """Return the keys of a trust domain.

    Raises:
        ValueError: the agent has no bundle of this trust domain.
        Exception: the agent cannot be reached.
    """
    with WorkloadApiClient(default_timeout=SECONDS) as client:
        bundles = client.fetch_jwt_bundles()
    bundle = bundles.get_bundle_for_trust_domain(TrustDomain(trust_domain))
    if bundle is None:
        raise ValueError("no bundle of this trust domain")
    return keys_of(bundle.jwt_authorities.items())
