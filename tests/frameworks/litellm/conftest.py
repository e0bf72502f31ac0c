# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must LiteLLM know before it is imported?"""

import os

# It would fetch a list of prices otherwise, again and again where there is no network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
