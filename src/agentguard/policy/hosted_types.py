# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools that run, or act, at a provider are known by name?

The types and the members of their definitions, as the providers document them. Nothing is allowed
or denied by these lists: they say which names may be repeated in a message, and which names in a
policy are probably misspelt.
Sources: the types of the tool parameters of ``openai`` 3.54 and ``anthropic`` 2.12.
"""

# Not every way to use a hosted tool is a tool with a type; these stand for the others.
WEB_SEARCH_OPTIONS = "web_search_options"
SEARCH_MODEL = "search_model"
MCP_APPROVAL_RESPONSE = "mcp_approval_response"
MCP_SERVER = "mcp_server"
SKILL = "skill"
TOOL_RESOURCES = "tool_resources"

KNOWN_TYPES = frozenset(
    {
        WEB_SEARCH_OPTIONS, SEARCH_MODEL, MCP_APPROVAL_RESPONSE, MCP_SERVER, SKILL, TOOL_RESOURCES,
        # openai
        "apply_patch", "code_interpreter", "computer", "computer_use", "computer_use_preview",
        "file_search", "image_generation", "local_shell", "mcp", "programmatic_tool_calling",
        "shell", "tool_search", "web_search", "web_search_2025_08_26", "web_search_preview",
        "web_search_preview_2025_03_11",
        # anthropic
        "advisor_20260301", "agent_toolset_20260401", "bash_20241022", "bash_20250124",
        "browser_toolset_20260801", "code_execution_20250522", "code_execution_20250825",
        "code_execution_20260120", "code_execution_20260521", "computer_20241022",
        "computer_20250124", "computer_20251124", "computer_toolset_20260801", "mcp_toolset",
        "memory_20250818", "multiagent_20261001", "text_editor_20241022", "text_editor_20250124",
        "text_editor_20250429", "text_editor_20250728", "tool_search_tool_bm25",
        "tool_search_tool_bm25_20251119", "tool_search_tool_regex",
        "tool_search_tool_regex_20251119", "web_fetch_20250910", "web_fetch_20260209",
        "web_fetch_20260309", "web_fetch_20260318", "web_search_20250305", "web_search_20260209",
        "web_search_20260318",
    }
)  # fmt: skip

# Of a definition, joined by dots where a member has members.
_MEMBER_NAMES = frozenset(
    {
        "action", "allowed_callers", "allowed_domains", "allowed_tools", "always",
        "approval_request_id", "approve", "approximate", "authorization", "authorization_token",
        "background", "blocked_domains", "cache_control", "caching", "citations", "city",
        "client_tool_results", "complexity", "configs", "connector_id", "container",
        "container_id", "country", "default_config", "defer_loading", "description",
        "display_height", "display_height_px", "display_number", "display_width",
        "display_width_px", "domain_secrets", "effort", "embedding_weight", "enable_zoom",
        "enabled", "environment", "execution", "external_web_access", "file_id", "file_ids",
        "filters", "frame_count", "frame_duration_ms", "headers", "hybrid_search", "image_url",
        "input_examples", "input_fidelity", "input_image_mask", "key", "max_characters",
        "max_content_tokens", "max_num_results", "max_tokens", "max_uses", "mcp_server_name",
        "memory_limit", "model", "moderation", "name", "network_policy", "never",
        "output_compression", "output_format", "parameters", "partial_images", "quality",
        "ranker", "ranking_options", "read_only", "reason", "reasoning", "region",
        "require_approval", "response_inclusion", "score_threshold", "search_content_types",
        "search_context_size", "server_description", "server_label", "server_tool_results",
        "server_url", "size", "skills", "strict", "svg", "text_weight", "timezone",
        "tool_configuration", "tool_names", "tools", "ttl", "tunnel_id", "type", "url",
        "url_sources", "use_cache", "user_input", "user_location", "value", "vector_store_ids",
    }
)  # fmt: skip


def is_documented_member(name: str) -> bool:
    """Say whether a member of a definition has a name that a provider documents."""
    return all(part in _MEMBER_NAMES for part in name.split("."))
