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

KNOWN_TYPES = frozenset(
    {
        WEB_SEARCH_OPTIONS, SEARCH_MODEL, MCP_APPROVAL_RESPONSE, MCP_SERVER,
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

KNOWN_MEMBERS = frozenset(
    {
        # openai
        "action", "allowed_callers", "allowed_tools", "allowed_tools.read_only",
        "allowed_tools.tool_names", "approval_request_id", "approve", "authorization",
        "background", "complexity", "connector_id", "container", "container.file_ids",
        "container.memory_limit", "container.network_policy.allowed_domains",
        "container.network_policy.domain_secrets", "container.network_policy.type",
        "container.type", "defer_loading", "description", "display_height", "display_width",
        "environment", "environment.container_id", "environment.file_ids",
        "environment.memory_limit", "environment.network_policy.allowed_domains",
        "environment.network_policy.domain_secrets", "environment.network_policy.type",
        "environment.skills", "environment.type", "execution", "external_web_access", "filters",
        "filters.allowed_domains", "filters.filters", "filters.key", "filters.type",
        "filters.value", "frame_count", "frame_duration_ms", "headers", "input_fidelity",
        "input_image_mask.file_id", "input_image_mask.image_url", "max_num_results", "model",
        "moderation", "output_compression", "output_format", "parameters", "partial_images",
        "quality", "ranking_options.hybrid_search.embedding_weight",
        "ranking_options.hybrid_search.text_weight", "ranking_options.ranker",
        "ranking_options.score_threshold", "reason", "require_approval",
        "require_approval.always.read_only", "require_approval.always.tool_names",
        "require_approval.never.read_only", "require_approval.never.tool_names",
        "search_content_types", "search_context_size", "server_description", "server_label",
        "server_url", "size", "svg.model", "svg.reasoning", "svg.reasoning.effort", "tunnel_id",
        "user_location", "user_location.approximate.city", "user_location.approximate.country",
        "user_location.approximate.region", "user_location.approximate.timezone",
        "user_location.city", "user_location.country", "user_location.region",
        "user_location.timezone", "user_location.type", "vector_store_ids",
        # anthropic
        "allowed_domains", "authorization_token", "blocked_domains", "cache_control.ttl",
        "cache_control.type", "citations.enabled", "display_height_px", "display_number",
        "display_width_px", "enable_zoom", "input_examples", "max_characters",
        "max_content_tokens", "max_uses", "mcp_server_name", "name", "strict",
        "tool_configuration.allowed_tools", "tool_configuration.enabled", "url",
    }
)  # fmt: skip
