"""Checks that a handler raises nothing at the payloads and programs that break handlers."""

from __future__ import annotations

from pytest_lc_callbacks._contract.check import check
from pytest_lc_callbacks._contract.judging import fail_with_left, left, raised_by_rule, raises_nothing
from pytest_lc_callbacks._contract.suite import Suite


class PayloadChecks(Suite):
    """Each of these was sent by a real program, and broke a published handler or ours."""

    @check()
    def test_takes_list_content(self) -> None:
        """content is a list of blocks for images, reasoning and most of Anthropic's answers."""
        raises_nothing(self, "list_content", what="a list as content", mend="message.text joins the text blocks.")

    @check()
    def test_takes_tool_calls(self) -> None:
        """An answer may be tool calls alone, with empty text; in streams their arguments come in pieces."""
        mend = "content is '', args of a chunk is a piece of JSON, and id and name may be None."
        raises_nothing(self, "tool_calls", what="tool calls", mend=mend)

    @check()
    def test_takes_tool_messages(self) -> None:
        """A tool invoked with a tool call ends with a ToolMessage; handle_tool_error makes its status 'error'."""
        raises_nothing(self, "tool_messages", what="a ToolMessage as output", mend="the text is in output.content.")

    @check()
    def test_takes_tool_inputs(self) -> None:
        """input_str is str(dict), which is no JSON; inputs= is None where the tool was given a text."""
        mend = "read inputs= where it is a dict, else input_str as it is; ast.literal_eval and json.loads both fail."
        raises_nothing(self, "tool_inputs", what="a tool's inputs", mend=mend)

    @check()
    def test_takes_parameters(self) -> None:
        """invocation_params may hold classes (response_format), tools and None."""
        raises_nothing(self, "parameters", what="invocation_params", mend="use json.dumps(..., default=repr).")

    @check()
    def test_takes_providers(self) -> None:
        """OpenAI and Anthropic name things differently: model and model_name, stop_reason and finish_reason."""
        raises_nothing(self, "providers", what="the payloads of two providers", mend="read each key with .get.")

    @check()
    def test_takes_decision_models(self) -> None:
        """A decision model (langchain-core 1.8) is a chain with run_type='llm', and ends without an LLMResult."""
        raises_nothing(
            self, "decisions", what="a decision model", mend="on_chain_start is a chain whatever run_type says."
        )

    @check()
    def test_takes_values_of_every_kind(self) -> None:
        """Inputs and outputs are live objects: tuple keys, values without truth value, dates, circular dicts."""
        mend = (
            "test `is None` rather than truth, and make JSON with default=repr, skipkeys=True and a guard for circles."
        )
        raises_nothing(self, "values", what="values of every kind", mend=mend)

    @check()
    def test_takes_generators(self) -> None:
        """transform and lambdas pass generators as inputs and outputs: they can be read once, by the program."""
        raises_nothing(self, "generators", what="generators", mend="never iterate an input; tell it by its type.")

    @check()
    def test_takes_fallbacks_and_retries(self) -> None:
        """with_fallbacks and with_retry begin several runs of one name; fallbacks' children have no parent (#36072)."""
        raises_nothing(
            self, "fallbacks", "retries", what="fallbacks and retries", mend="names repeat; run_id does not."
        )

    @check()
    def test_takes_parallel_branches(self) -> None:
        """RunnableParallel runs its branches in threads, or in tasks; a raw thread has an empty context."""
        raises_nothing(
            self, "parallel", "other_contexts", what="parallel branches", mend="events of several runs interleave."
        )

    @check()
    def test_takes_a_parent_it_never_heard(self) -> None:
        """A handler in a model's constructor hears that model alone: parent_run_id is of a run it never heard."""
        mend = "look parents up with .get: an unknown parent makes the run a root."
        raises_nothing(self, "constructors", what="a parent it never heard", mend=mend)
        usual = {text for _, text in self._trial("chain_invoke").warnings}
        warned = left(self._trials_of("constructors"), lambda trial: {text for _, text in trial.warnings} - usual)
        if warned:
            fail_with_left(warned, "take a parent it never heard", "warns:", mend)

    @check()
    def test_takes_a_run_id_again(self) -> None:
        """with_config(run_id=...) gives every call the same run_id: a start after an end opens a new run."""
        raises_nothing(self, "same_run_ids", what="a run_id that comes again", mend="forget a run when it ends.")

    @check()
    def test_takes_runs_without_end(self) -> None:
        """A cancelled ainvoke, and generate([good, bad]), leave a model's run without any end, in all versions."""
        raises_nothing(self, "unended", what="runs that never end", mend="let them go when their root ends.")

    @check()
    def test_takes_late_runs(self) -> None:
        """A background task's run begins or ends after its parent has ended."""
        raises_nothing(self, "late_runs", what="runs that outlive their parent", mend="look parents up with .get.")

    @check()
    def test_takes_many_runs_at_once(self) -> None:
        """A server runs chains side by side: 8 threads and 50 tasks share one handler."""
        mend = "guard what the runs share with a lock, and change no dict while another thread iterates it."
        raises_nothing(self, "concurrent", what="many runs at once", mend=mend)

    @check()
    def test_takes_graphs(self) -> None:
        """langgraph sends a run for each node, with langgraph_... metadata; an interrupt is a chain_error."""
        raises_nothing(self, "graphs", "control_flow", "interrupts", what="a graph's runs", mend="state is any object.")

    @check()
    def test_interrupts_reach_a_method(self) -> None:
        """langgraph (1.1) sends on_interrupt and on_resume, also to what an instrumentor puts into its manager."""
        mend = (
            "derive from GraphCallbackHandler where langgraph is installed, or define both: on_interrupt(self, event)."
        )
        raised_by_rule(self, "interrupts_reach_a_method", "on_interrupt and on_resume", mend)
