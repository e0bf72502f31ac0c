# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which members hold a provider's request together, and which hold what somebody said?

The words of the providers' own requests. A class that is found by the name of a member must not
take a role, a type or a number of tokens for the organisation's data.
It knows no positions.

INVARIANT: every field that a shape table knows is here (tests/redaction/test_protocol_words.py).
"""

STRUCTURE = frozenset(
    """
    acknowledgement_delay_ms additional_tools allowed_callers allowed_client_events
    allowed_server_events allowed_tools annotations apply_patch_call apply_patch_call_output
    async audio bill_to billing_policy block_binding budget_tokens cache_control call_id
    caller caller_id choices clear_at clear_at_least clear_tool_inputs client
    code_interpreter_call compaction compaction_trigger computer_call computer_call_output
    configuration_update container container_id context_management conversation created
    created_by custom custom_id custom_tool_call custom_tool_call_output data_channel
    decisions defer_loading definition delay delegation delegation_id detail diagnostics
    eager_input_streaming edits effort enabled event_id event_type exclude_tools file_id
    file_ids file_search_call finish_reason format frequency_penalty function function_call
    function_call_output functions generate id image image_generation_call include index
    inference_geo input_examples input_schema item_id item_reference keep keywords language
    languages levels local_shell_call local_shell_call_output logit_bias logprobs
    max_completion_tokens max_output_tokens max_tokens mcp_approval_request
    mcp_approval_response mcp_call mcp_list_tools mcp_servers media_type messages modalities
    mode model moderation n name namespace noise_reduction object output_config output_format
    output_modalities output_schema oversized_image parallel_tool_calls parameters params
    pause_after_compaction prediction prefix_mismatch_behavior presence_penalty
    previous_message_id previous_response_id program program_output prompt_cache_breakpoint
    prompt_cache_key prompt_cache_options prompt_cache_retention rate reasoning_effort
    remaining requests response_format responses role schema seed server_label service_tier
    shell_call shell_call_output skill_id skills speed status stop stop_sequences store stream
    stream_id stream_options strength strict task_budget temperature thread tool tool_call_id
    tool_calls tool_choice tool_search_call tool_search_output tools top_k top_logprobs top_p
    total tracing transcription trigger triggers truncation ttl turn_detection type
    user_profile_id vector_store_ids verbosity version voice web_search_call
    web_search_options workspace_id
    """.split()  # noqa: SIM905 - words are read more easily than a list of them
)

SPOKEN = frozenset(
    """
    arguments code content data description display file_data file_url filename image_url
    input instructions logs message metadata output parsed parsed_arguments prompt questions
    reasoning refusal safety_identifier system text thinking transcript url user user_id value
    variables
    """.split()  # noqa: SIM905 - words are read more easily than a list of them
)

# What stands in such members: roles, kinds of parts and of results, and flags.
_VALUES = frozenset(
    """
    POST array assistant auto boolean chatbot completed developer false function high image_url
    in_progress incomplete input_audio input_file input_image input_text integer json_object
    json_schema latest low medium message none null number object output_text required string
    system text thinking tool tool_result tool_use true url user
    """.split()  # noqa: SIM905 - words are read more easily than a list of them
)


def is_protocol_word(name: str) -> bool:
    """Say whether a member of this name belongs to a provider's request itself."""
    return name in STRUCTURE or name in SPOKEN


def holds_requests_together(text: str) -> bool:
    """Say whether a whole text is a word that requests cannot do without."""
    return is_protocol_word(text) or text in _VALUES
