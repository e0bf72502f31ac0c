# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the credentials of shops and shipping look like?"""

from agentguard.classification.formats.form import TokenFormat, named, token
from agentguard.vocabulary import Profile

COMMERCE: tuple[TokenFormat, ...] = (
    named(
        "shop_secret",
        r"[A-Za-z0-9]{24,64}",
        "bigcommerce",
        "BigCommerce",
        "etsy",
        "walmart",
        "magento",
        "squarespace",
        "wix_",
        "printful",
        documentation="https://developers.etsy.com/documentation/essentials/authentication/",
        profile=Profile.BALANCED,
    ),
    token(
        "woocommerce_key",
        r"c[ks]_[a-f0-9]{40}",
        "ck_",
        "cs_",
        documentation="https://woocommerce.com/document/woocommerce-rest-api/",
    ),
    token(
        "ebay_token",
        r"v\^1\.1#i\^1#[A-Za-z0-9^#+/=_-]{60,}",
        "v^1.1#i^1#",
        width=2048,
        documentation="https://developer.ebay.com/api-docs/static/oauth-tokens.html",
    ),
    token(
        "ebay_client_secret",
        r"(?:PRD|SBX)-[a-f0-9]{12}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}",
        "PRD-",
        "SBX-",
        documentation="https://developer.ebay.com/api-docs/static/creating-edp-account.html",
    ),
    token(
        "samsara_token",
        r"samsara_api_[A-Za-z0-9]{30,}",
        "samsara_api_",
        documentation="https://developers.samsara.com/docs/authentication",
    ),
    token(
        "flexport_token",
        r"shltm_[A-Za-z0-9_-]{40,}",
        "shltm_",
        documentation="https://docs.logistics-api.flexport.com/",
    ),
    named(
        "shipping_key",
        r"[A-Za-z0-9_+/-]{32,64}={0,2}",
        "shipengine",
        "shipstation",
        "aftership",
        "fedex",
        "sendcloud",
        documentation="https://www.shipengine.com/docs/auth/",
        profile=Profile.BALANCED,
    ),
)
