"""Checks that a handler raises nothing, whatever LangChain sends."""

from __future__ import annotations

from pytest_lc_callbacks._contract.check import check
from pytest_lc_callbacks._contract.judging import fail_with_raised, raised_by_rule, raises_nothing
from pytest_lc_callbacks._contract.replay import replayed
from pytest_lc_callbacks._contract.suite import Suite


class RaisingChecks(Suite):
    """What a handler raises LangChain logs and swallows: the user loses the event, and nobody sees why."""

    @check()
    def test_takes_models(self) -> None:
        """LangChain sends on_chat_model_start with the messages of one call, and on_llm_end with an LLMResult."""
        mend = "mend the line; messages is a list of lists, and name is None for most models."
        raises_nothing(self, "models", what="a chat model's run", mend=mend)

    @check()
    def test_takes_text_llms(self) -> None:
        """A text LLM sends on_llm_start with prompts, and on_llm_end with generations that have no message."""
        raises_nothing(self, "text_llms", what="a text LLM's run", mend="a Generation has .text, and no .message.")

    @check()
    def test_takes_tools(self) -> None:
        """A tool sends str() of its arguments, the arguments themselves in inputs=, and whatever it returns."""
        mend = "read inputs= where it is a dict; output is any object, and name is None for most tools."
        raises_nothing(self, "tools", what="a tool's run", mend=mend)

    @check()
    def test_takes_retrievers(self) -> None:
        """A retriever sends its query, and a list of Documents; serialized is None."""
        mend = "the list may be empty, and metadata is any dict; the retriever's name is in kwargs['name']."
        raises_nothing(self, "retrievers", what="a retriever's run", mend=mend)

    @check()
    def test_takes_chains(self) -> None:
        """Every step of a chain is a run: prompts and parsers too, with inputs and outputs that may be any object."""
        mend = "inputs and outputs may be any object; runs are nested, so keep what belongs to one by its run_id."
        raises_nothing(self, "chains", what="a chain's runs", mend=mend)

    @check()
    def test_takes_serialized_none(self) -> None:
        """LangChain sends serialized=None for almost every chain and retriever, in every version since 0.3."""
        mend = "the name of the run is in kwargs['name']; serialized is a dict for models and tools alone."
        raised_by_rule(self, "takes_serialized_none", "serialized=None", mend)

    @check()
    def test_takes_every_argument(self) -> None:
        """LangChain adds keywords with new versions: tool_call_id came with 1.1, defers_inputs with 1.2."""
        mend = "let each method end with **kwargs, and take what it does not need there."
        raised_by_rule(self, "takes_every_argument", "what LangChain passes", mend)
        found = replayed(self, lambda kwargs: {**kwargs, "argument_of_a_later_version": 1})
        new = {cause: one for cause, one in found.items() if "argument_of_a_later_version" in one[0].error}
        if new:
            fail_with_raised(new, "a keyword that a later LangChain adds", mend)

    @check()
    def test_takes_tokens_both_ways(self) -> None:
        """Sync runs pass the token by keyword (token=), async runs by position."""
        mend = "name it in the signature: def on_llm_new_token(self, token, **kwargs)."
        raised_by_rule(self, "takes_tokens_both_ways", "a token by position and by keyword", mend)

    @check()
    def test_takes_no_tags_and_no_metadata(self) -> None:
        """Events may come without tags= and metadata=: an end has no metadata, and hand-driven managers pass none."""
        mend = "read kwargs.get('tags') or (), and kwargs.get('metadata') or {}."
        found = replayed(self, lambda kwargs: {k: v for k, v in kwargs.items() if k not in ("tags", "metadata")})
        if found:
            fail_with_raised(found, "events without tags and metadata", mend)

    @check()
    def test_takes_custom_events(self) -> None:
        """on_custom_event comes with the run_id of the run around it, and without parent_run_id."""
        raises_nothing(
            self, "custom_events", what="custom events", mend="there is no parent_run_id; data is any object."
        )

    @check()
    def test_takes_texts_and_retries(self) -> None:
        """on_text and on_retry come with whatever the caller gave: color, end, verbose."""
        raises_nothing(self, "texts", what="on_text and on_retry", mend="take **kwargs, and let unknown ones be.")

    @check()
    def test_takes_agent_events(self) -> None:
        """AgentExecutor sends on_agent_action and on_agent_finish with the run_id of the chain."""
        raises_nothing(self, "agents", what="an agent's actions", mend="they come with the chain's run_id, in mid-run.")

    @check()
    def test_takes_other_threads(self) -> None:
        """batch, parallel branches and async runs call a plain handler in threads other than the one that made it."""
        mend = "keep nothing in threading.local, and do not look at the current thread."
        raises_nothing(self, "threads", what="a run in another thread", mend=mend)

    @check()
    def test_takes_async_runs(self) -> None:
        """Async runs call a plain method in a thread of the loop's executor, and await a coroutine method."""
        mend = "the events of an async run come in several threads: keep nothing that belongs to the one that made it."
        raises_nothing(self, "async_runs", what="an async run", mend=mend)

    @check()
    def test_needs_no_running_loop(self) -> None:
        """A sync run has no running loop; LangChain gives each call of a coroutine method a loop of its own."""
        mend = (
            "a plain method has no loop: hand the work to a thread or a queue, or make the method a coroutine function."
        )
        raised_by_rule(self, "needs_no_running_loop", "runs without a running loop", mend)

    @check()
    def test_takes_no_llm_output(self) -> None:
        """LLMResult.llm_output is None in streams, and with many models."""
        mend = "read (response.llm_output or {}).get(...); usage is in message.usage_metadata, which may be None too."
        raises_nothing(self, "llm_output_none", what="llm_output=None", mend=mend)

    @check()
    def test_takes_usage_of_none(self) -> None:
        """A server that reports no usage gives llm_output={'token_usage': None, ...}: langchain-openai passes it on."""
        mend = "read (llm_output.get('token_usage') or {}): the key is there, and its value is None."
        raises_nothing(self, "usage_none", what="token_usage=None", mend=mend)

    @check()
    def test_takes_no_generation_info(self) -> None:
        """generation_info is None with many models and servers, for text LLMs as for chat models."""
        mend = "read (generation.generation_info or {}).get('finish_reason')."
        raises_nothing(self, "no_generation_info", what="generation_info=None", mend=mend)

    @check()
    def test_takes_streams(self) -> None:
        """A stream sends a token for each chunk, and the real inputs with the end (inputs=)."""
        raises_nothing(
            self,
            "streams",
            "stream_inputs",
            "forced_streams",
            what="a stream",
            mend="a token may be empty; chunk may be None.",
        )

    @check()
    def test_takes_usage_in_streams(self) -> None:
        """Usage comes on the last chunk with OpenAI, on two chunks with Anthropic, on every chunk with some servers."""
        raises_nothing(self, "usage_in_streams", what="usage in chunks", mend="usage_metadata is None on most chunks.")

    @check()
    def test_takes_stream_events(self) -> None:
        """stream_events(version='v3') sends on_stream_event with a dict (langchain-core 1.4), often without tokens."""
        raises_nothing(
            self, "stream_events", what="on_stream_event", mend="event is a dict; its keys depend on its kind."
        )

    @check()
    def test_takes_batches(self) -> None:
        """batch and generate begin several roots before the first has ended."""
        raises_nothing(self, "batches", what="a batch", mend="keep what belongs to a run by its run_id.")

    @check()
    def test_takes_errors(self) -> None:
        """A run that fails sends an error event instead of an end, to it and to every run around it."""
        mend = "an error event has no output; the program gets the error without the handler: do not raise it again."
        raises_nothing(self, "errors", "async_errors", "stream_errors", what="runs that fail", mend=mend)

    @check()
    def test_takes_closed_streams(self) -> None:
        """A stream closed early sends llm_error(GeneratorExit), or its root's end before its children's."""
        mend = "GeneratorExit is no Exception; a child may end after its parent."
        raises_nothing(self, "closed_streams", what="a stream that is closed early", mend=mend)

    @check()
    def test_takes_errors_of_every_base(self) -> None:
        """CancelledError, KeyboardInterrupt and GeneratorExit are no Exceptions; str(TimeoutError()) is empty."""
        mend = "take BaseException, and use repr(error) where str(error) is empty."
        raises_nothing(self, "bare_errors", what="exceptions of every base", mend=mend)
