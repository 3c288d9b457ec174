"""A handler for each check of what a handler is and what an event carries: each has one fault, and fails that check."""

from __future__ import annotations

import asyncio
import copy
import json
import threading
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler

BY_CHECK: dict[str, type] = {}
"""The faulty handlers by the one check that each fails."""


def fails(check: str) -> Any:
    def remembered(cls: type) -> type:
        BY_CHECK[check] = cls
        return cls

    return remembered


class Quiet(BaseCallbackHandler):
    """Nothing is wrong with it: it defines __deepcopy__, so that not even advice is left."""

    def __deepcopy__(self, memo: Any) -> Any:
        return self


@fails("is_a_handler")
class NoFlags(Quiet):
    @property
    def raise_error(self) -> bool:
        raise AttributeError("raise_error")


@fails("equals_itself_alone")
class AllEqual(Quiet):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, AllEqual)

    def __hash__(self) -> int:
        return 1


@fails("is_hashable")
class Unhashable(Quiet):
    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None


@fails("shares_no_state")
class SharedCount(Quiet):
    count = 0

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        type(self).count += 1


@fails("sits_on_a_model")
class Duck:
    raise_error = run_inline = False
    ignore_llm = ignore_chain = ignore_agent = ignore_retriever = ignore_chat_model = False
    ignore_custom_event = ignore_retry = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return lambda *args, **kwargs: None
        raise AttributeError(name)


@fails("can_be_deep_copied")
class Locked(BaseCallbackHandler):
    def __init__(self) -> None:
        self.lock = threading.Lock()


@fails("has_methods_that_are_called")
class Misspelt(Quiet):
    def on_chat_model_end(self, *args: Any, **kwargs: Any) -> None:
        """Never called."""


@fails("hears_chat_models")
class PromptsOnly(Quiet):
    def on_llm_start(self, serialized: Any, prompts: list[str], **kwargs: Any) -> None:
        sum(map(len, prompts))


@fails("takes_models")
class OneList(Quiet):
    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        messages[0].content  # noqa: B018  # reading it is the fault


class HearsChat(Quiet):
    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Let on_llm_start be for text LLMs."""


@fails("takes_text_llms")
class OnePrompt(HearsChat):
    def on_llm_start(self, serialized: Any, prompts: Any, **kwargs: Any) -> None:
        prompts.strip()


@fails("takes_tools")
class AlwaysACall(Quiet):
    def on_tool_start(self, serialized: Any, input_str: str, **kwargs: Any) -> None:
        kwargs["tool_call_id"].upper()


@fails("takes_retrievers")
class DictDocuments(Quiet):
    def on_retriever_end(self, documents: Any, **kwargs: Any) -> None:
        documents[0]["page_content"]


@fails("takes_chains")
class DictInputs(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        inputs if isinstance(inputs, str) else inputs.keys()


@fails("takes_serialized_none")
class ReadsSerialized(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        serialized["id"]


@fails("takes_every_argument")
class TodaysArguments(Quiet):
    def on_retriever_end(self, documents: Any, *, run_id: Any, parent_run_id: Any = None, tags: Any = None) -> None:
        """Takes what comes today."""


@fails("takes_tokens_both_ways")
class TokenByPosition(Quiet):
    def on_llm_new_token(self, text: str, /, **kwargs: Any) -> None:
        """Async runs pass it by position."""


@fails("takes_no_tags_and_no_metadata")
class ReadsTags(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        kwargs["tags"]


@fails("takes_custom_events")
class CustomParent(Quiet):
    def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        kwargs["parent_run_id"]


@fails("takes_texts_and_retries")
class TextPrefix(Quiet):
    def on_text(self, text: str, **kwargs: Any) -> None:
        kwargs["llm_prefix"]


@fails("takes_agent_events")
class DictAction(Quiet):
    def on_agent_action(self, action: Any, **kwargs: Any) -> None:
        action["tool"]


class ThreadLocal(Quiet):
    def __init__(self) -> None:
        self.local = threading.local()
        self.local.calls = 0

    def note(self) -> None:
        self.local.calls += 1


@fails("takes_other_threads")
class LocalModels(ThreadLocal):
    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.note()


@fails("takes_async_runs")
class LocalTools(ThreadLocal):
    def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
        self.note()


@fails("needs_no_running_loop")
class Tasks(Quiet):
    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        asyncio.get_running_loop().create_task(asyncio.sleep(0))


@fails("takes_no_llm_output")
class ReadsOutput(Quiet):
    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        response.llm_output.get("token_usage")


@fails("takes_usage_of_none")
class ReadsUsage(Quiet):
    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        (response.llm_output or {}).get("token_usage", {}).get("total_tokens")


@fails("takes_no_generation_info")
class ReadsInfo(Quiet):
    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        response.generations[0][0].generation_info["finish_reason"]


@fails("takes_streams")
class ReadsChunk(Quiet):
    def on_llm_new_token(self, token: str, *, chunk: Any = None, **kwargs: Any) -> None:
        chunk.message.content  # noqa: B018  # reading it is the fault


@fails("takes_usage_in_streams")
class OneUsage(Quiet):
    def __init__(self) -> None:
        self.told: set[Any] = set()

    def on_llm_new_token(self, token: str, *, chunk: Any = None, run_id: Any = None, **kwargs: Any) -> None:
        if getattr(getattr(chunk, "message", None), "usage_metadata", None):
            if run_id in self.told:
                raise ValueError("usage was told already")
            self.told.add(run_id)

    def on_llm_end(self, response: Any, *, run_id: Any = None, **kwargs: Any) -> None:
        self.told.discard(run_id)

    def on_llm_error(self, error: Any, *, run_id: Any = None, **kwargs: Any) -> None:
        self.told.discard(run_id)


@fails("takes_stream_events")
class EventData(Quiet):
    def on_stream_event(self, event: Any, **kwargs: Any) -> None:
        event["data"]


@fails("takes_batches")
class OneRoot(Quiet):
    current: Any = None

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: Any, parent_run_id: Any = None, **kw: Any
    ) -> None:
        if parent_run_id is None:
            assert self.current is None, "one at a time"
            self.current = str(run_id)[:8]

    def _done(self, *args: Any, parent_run_id: Any = None, **kwargs: Any) -> None:
        self.current = self.current if parent_run_id else None

    on_chain_end = on_chain_error = _done


@fails("takes_errors")
class HttpErrors(Quiet):
    def on_chain_error(self, error: Any, **kwargs: Any) -> None:
        error.response  # noqa: B018  # reading it is the fault


@fails("takes_closed_streams")
class ExceptionsOnly(Quiet):
    def on_llm_error(self, error: Any, **kwargs: Any) -> None:
        assert isinstance(error, Exception)


@fails("takes_errors_of_every_base")
class WordsOnly(Quiet):
    def on_chain_error(self, error: Any, **kwargs: Any) -> None:
        error.args[0]


@fails("takes_list_content")
class TextContent(Quiet):
    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        messages[0][0].content.strip()


@fails("takes_tool_calls")
class CallIds(Quiet):
    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        message = getattr(response.generations[0][0], "message", None)
        [call["id"].upper() for call in getattr(message, "tool_calls", ())]


@fails("takes_tool_messages")
class TextOutput(Quiet):
    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        len(output)


@fails("takes_tool_inputs")
class JsonInput(Quiet):
    def on_tool_start(self, serialized: Any, input_str: str, **kwargs: Any) -> None:
        json.loads(input_str.replace("'", '"'))


@fails("takes_parameters")
class JsonParameters(Quiet):
    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        json.dumps(kwargs["invocation_params"])


@fails("takes_providers")
class OneProvider(HearsChat):
    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        message = getattr(response.generations[0][0], "message", None)
        reason = getattr(message, "response_metadata", {}).get("stop_reason", "no")
        assert reason in ("no", "stop"), reason


@fails("takes_decision_models")
class LlmType(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, *, run_type: Any = None, **kwargs: Any) -> None:
        if run_type == "llm":
            inputs["messages"]


@fails("takes_values_of_every_kind")
class Truth(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        bool(inputs)


@fails("takes_generators")
class Copies(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        copy.copy(inputs)
