# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are published keys had over the network?

One bounded request: no redirect, no proxy or netrc of the environment, no compression, so many
bytes and so many seconds. The certificates are those that the system trusts.
"""

import ssl
import time

import httpx

MOST_BYTES = 512 * 1024
SECONDS = 5.0
_OK = 200


class KeysUnreachable(Exception):
    """The keys could not be had; says nothing more."""


def fetch(url: str) -> bytes:
    """Return what stands at an address.

    Raises:
        KeysUnreachable: nothing, too much, too late, or somewhere else.
    """
    content = None
    try:
        content = _fetched(url)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        # An address may hold a password, and errors hold the address: they end here.
        content = None
    if content is None:
        raise KeysUnreachable
    return content


def _fetched(url: str) -> bytes | None:
    ends = time.monotonic() + SECONDS
    headers = {
        "Accept": "application/jwk-set+json, application/json",
        "Accept-Encoding": "identity",
    }
    trusted = ssl.create_default_context() if url.startswith("https:") else False
    with (
        httpx.Client(verify=trusted, trust_env=False, timeout=SECONDS) as client,
        client.stream("GET", url, headers=headers, follow_redirects=False) as response,
    ):
        if response.status_code != _OK or "content-encoding" in response.headers:
            return None
        content = bytearray()
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > MOST_BYTES or time.monotonic() > ends:
                return None
        return bytes(content)
