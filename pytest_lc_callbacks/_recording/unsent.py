"""Why LangChain did not send what a test asks for, where the recorded events prove it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._causes import Proof
from pytest_lc_callbacks._recording.again import find_repeated, find_retried
from pytest_lc_callbacks._recording.attributes import Comparison
from pytest_lc_callbacks._recording.events import Event, Run
from pytest_lc_callbacks._recording.model_source import find_token_without_await
from pytest_lc_callbacks._recording.names import DECLINED_BY, TOKENS
from pytest_lc_callbacks._recording.observer_report import NOTHING_KNOWN, ObserverReport
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many
from pytest_lc_callbacks._recording.questions import Questions
from pytest_lc_callbacks._recording.shortcuts import Content
from pytest_lc_callbacks._recording.unrun_tools import explain_unrun_tools
from pytest_lc_callbacks._recording.without_runs import explain_without_run
from pytest_lc_callbacks._values import ask, bases, class_name, entries, entry, is_a, items, text_of
from pytest_lc_callbacks._words import listing, repr_short

_MODELS = ("chat_model", "llm")
_AGENT_EVENTS = ("agent_action", "agent_finish")
_OF_GRAPHS = ("interrupt", "resume")
OF_TOOLS = ("tool_start", "tool_end", "tool_error")


def explain_unsent(
    wanted: Iterable[Item], recording: Questions, there: Event | None = None, report: ObserverReport = NOTHING_KNOWN
) -> Proof | None:
    """
    Why *recording* has none of the events that are *wanted*; None where nothing is proven.

    Args:
        wanted: Names and patterns.

        recording: What the handler heard, or some of it.

        there: The event that stands where a wanted one was expected.

        report: What the observer knows.
    """
    asked = _Asked(list(patterns_in(wanted)), recording, there, report)
    return next(filter(None, (explain(asked) for explain in _EXPLANATIONS)), None)


def patterns_in(items: Iterable[Item]) -> Iterator[EventPattern]:
    """The events that *items* speak of, each as a pattern."""
    for item in items:
        if isinstance(item, str):
            yield EventPattern(item)
        elif isinstance(item, EventPattern):
            yield item
        elif isinstance(item, Many):
            yield from patterns_in(item.alternatives)
        elif isinstance(item, AnyOrder):
            for branch in item.branches:
                yield from patterns_in(branch)


@dataclass(frozen=True)
class _Asked:
    """What a test asks for, and what there is."""

    patterns: Sequence[EventPattern]
    recording: Questions
    there: Event | None = None
    report: ObserverReport = field(default=NOTHING_KNOWN)

    @cached_property
    def names(self) -> set[str | None]:
        """The names of the wanted events."""
        return {pattern.name for pattern in self.patterns}

    @cached_property
    def recorded(self) -> set[str]:
        """The names of the events that there are."""
        return set(self.recording._selection.names)

    @cached_property
    def runs(self) -> list[Run]:
        return self.recording.runs

    def lacks(self, *names: str) -> bool:
        """Whether one of these *names* is wanted, and there is no event of any of them."""
        return not self.names.isdisjoint(names) and self.recorded.isdisjoint(names)

    def runs_of(self, name: str, *types: str) -> list[Run]:
        """The runs of these *types* that a wanted event *name* may be of: the one that is there, or each that fits."""
        there = None if self.there is None else self.there.run
        if there is not None and there.run_type in types:
            return [there]
        runs = [run for run in self.runs if run.run_type in types]
        patterns = [pattern for pattern in self.patterns if pattern.name in (None, name)]
        return list(dict.fromkeys(run for pattern in patterns for run in _fitting(pattern, runs)))

    def attribute(self, key: str) -> Any:
        """What the wanted events have as the attribute *key*; None where none has it."""
        return next((pattern.attributes[key] for pattern in self.patterns if key in pattern.attributes), None)


def _fitting(pattern: EventPattern, runs: list[Run]) -> list[Run]:
    """The *runs* of one recording for which the attributes of *pattern* hold that are about a run."""
    about = {key: value for key, value in pattern.attributes.items() if key in ("run", "parent", "under", "tags")}
    if not about or not runs:
        return runs
    comparison = Comparison(about, runs[0]._log)
    return [run for run in runs if comparison.differing(run._first) is None]


# Each of these looks for one cause, and gives it if the facts leave no other.


def _explain_v3_stream(asked: _Asked) -> Proof | None:
    """A model sent one kind of tokens and not the other."""
    if asked.names.isdisjoint(TOKENS):
        return None
    for name, other in (TOKENS, TOKENS[::-1]):
        models = asked.runs_of(name, *_MODELS) if name in asked.names else []
        if models and all(other in run.names and name not in run.names for run in models):
            facts = f"{_labels(models)} sent {_words_of(other)} and no {name}."
            return Proof(_causes.STREAM_EVENTS, facts)
    return None


def _words_of(name: str) -> str:
    return f"{name}s" if name == "stream_event" else name


def _explain_no_tokens(asked: _Asked) -> Proof | None:
    """Each model answered as a whole."""
    models = asked.runs_of("llm_new_token", *_MODELS) if "llm_new_token" in asked.names else []
    if models and (proof := _explain_lost_tokens(models)) is not None:
        return proof
    if not models or not all(map(_answered_whole, models)):
        return None
    streamed = next((run for model in models for run in model.ancestors() if _is_streamed(run)), None)
    around = f", although {streamed.label} around it was streamed" if streamed else ""
    facts = f"{_labels(models)} answered as a whole and sent no token{around}."
    if any(run._id_key in asked.report.replaced for run in models):
        facts += " It has callbacks of its own, so that no handler of a stream around it could ask it for tokens."
    return Proof(_causes.NOT_STREAMED, facts)


def _explain_lost_tokens(models: Sequence[Run]) -> Proof | None:
    """The class of each of these *models* has tokens, and does not send them."""
    if any("llm_new_token" in run.names for run in models):
        return None
    dropped = [_find_dropped_token(run) for run in models]
    if all(dropped):
        facts = (
            f"{listing(map(str, dropped), 3)} calls run_manager.on_llm_new_token(...) without await, so that an async "
            f"run sends no token."
        )
        return Proof(_causes.TOKEN_WITHOUT_AWAIT, facts)
    # LangChain itself sends the tokens of chat models.
    if all(run.run_type == "llm" and _answered_in_chunks(run) for run in models):
        return Proof(_causes.SILENT_STREAM, f"{_labels(models)} streamed its answer and sent no token.")
    return None


def _find_dropped_token(run: Run) -> str | None:
    methods = ("_astream",) if _answered_in_chunks(run) else ("_acall", "_agenerate")
    return find_token_without_await(run, *methods)


def _answered_in_chunks(run: Run) -> bool:
    """Whether a model ended with what a stream gives in the end: a chunk."""
    return run.names[-1:] == ["llm_end"] and _answer_kind(run).endswith("Chunk")


def _answered_whole(run: Run) -> bool:
    """Whether a model gave its answer in one piece: what a stream gives in the end is a chunk."""
    if not set(TOKENS).isdisjoint(run.names) or run.names[-1:] != ["llm_end"]:
        return False
    kind = _answer_kind(run)
    return bool(kind) and not kind.endswith("Chunk")


def _answer_kind(run: Run) -> str:
    """The name of the class of a model's answer; empty where it gave none."""
    batches = items(ask(_last(run).payload.get("response"), "generations"))
    generations = items(batches[0]) if batches else []
    return class_name(type(generations[0])) if generations else ""


def _is_streamed(run: Run) -> bool:
    """Whether a chain was asked for a stream: then LangChain sends its inputs with its end."""
    return run.run_type not in _MODELS and run.ended and "inputs" in _last(run).payload


def _last(run: Run) -> Content:
    """The last event of *run*, without making the events before."""
    return run._log.content(run._last)


def _explain_llm_start(asked: _Asked) -> Proof | None:
    """A model reported its start under the other name."""
    chat_models = [run for run in asked.runs if run.names[:1] == ["chat_model_start"]]
    if asked.lacks("llm_start") and chat_models:
        return Proof(_causes.CHAT_MODEL_START, f"{_labels(chat_models)} sent chat_model_start.")
    llms = [run for run in asked.runs if run.names[:1] == ["llm_start"]]
    if not asked.lacks("chat_model_start") or not llms:
        return None
    if asked.recording._declines("chat_model_start"):
        handler = class_name(asked.recording._handler_class)
        return Proof(_causes.NO_CHAT_MODEL_START, f"{handler} has no on_chat_model_start, and got llm_start.")
    return Proof(_causes.CHAT_MODEL_START, f"{_labels(llms)} is a text LLM, and sent llm_start.")


def _explain_declined(asked: _Asked) -> Proof | None:
    """The handler declines the events that are wanted."""
    for name in [pattern.name for pattern in asked.patterns if pattern.name and pattern.name not in asked.recorded]:
        flag = declined_by(name)
        if flag is not None and asked.recording._declines(name):
            handler = class_name(asked.recording._handler_class)
            return Proof(_causes.DECLINED, f"{flag} of {handler} is true, so that it declines {name}.")
    return None


def declined_by(name: str) -> str | None:
    """The attribute with which a handler declines events of this *name*."""
    return "ignore_chat_model" if name == "chat_model_start" else DECLINED_BY.get(name.partition("_")[0])


def _explain_agent_events(asked: _Asked) -> Proof | None:
    """No AgentExecutor ran, as far as anybody heard."""
    if not asked.lacks(*_AGENT_EVENTS) or asked.report.missed or not asked.runs:
        return None
    outermost = [run for run in asked.runs if run.parent is None]
    if any(run.parent_run_id is not None or not run.started for run in outermost):
        return None
    if any(run.label == "AgentExecutor" for run in asked.runs):
        return None
    return Proof(_causes.AGENT_EVENTS, f"no AgentExecutor ran, but {listing(run.label for run in outermost)}.")


def _explain_retry(asked: _Asked) -> Proof | None:
    """Runs were tried again, and no ``retry`` was sent."""
    if not asked.lacks("retry"):
        return None
    again = [run for run in asked.runs if any((text_of(tag) or "").startswith("retry:attempt:") for tag in run.tags)]
    if not again:
        node = find_retried(asked.runs) or find_repeated(asked.runs)
        again = [] if node is None else [node.second]
    if not again:
        return None
    return Proof(_causes.NO_RETRY_EVENT, f"{_labels(again)} was tried again, in a run of its own.")


def _explain_handled_error(asked: _Asked) -> Proof | None:
    """A tool turned its own exception into an answer."""
    if not asked.lacks("tool_error"):
        return None
    tools = [run for run in asked.runs_of("tool_error", "tool") if run.ended]
    failed = [run for run in tools if run.events[-1].tool_failed]
    if failed:
        return Proof(_causes.HANDLED_TOOL_ERROR, f"{_labels(failed)} answered with a ToolMessage of status 'error'.")
    # Called with its arguments alone, a tool has no such message.
    handled = [run for run in tools if run._id_key in asked.report.handled]
    answer = f"answered its own error, with {repr_short(handled[0].events[-1].outputs)}." if handled else ""
    return Proof(_causes.HANDLED_TOOL_ERROR, f"{_labels(handled)} {answer}") if handled else None


def _explain_unrun_tools(asked: _Asked) -> Proof | None:
    """A model called a tool, and no tool ran for that call."""
    name = text_of(asked.attribute("run"))
    if asked.names.isdisjoint(OF_TOOLS) or (name is None and not asked.lacks(*OF_TOOLS)):
        return None
    return explain_unrun_tools(asked.recording, asked.report, None if name is None else {name})


def _explain_without_run(asked: _Asked) -> Proof | None:
    """What is expected of a component, or inside a model, has no run."""
    return explain_without_run(asked.attribute("run"), asked.names, asked.runs, asked.there, asked.report.missed)


def _explain_no_graph_handler(asked: _Asked) -> Proof | None:
    """A graph ran, and the handler is none to which langgraph sends its own events."""
    handler = asked.recording._handler_class
    is_one = any(class_name(each) == "GraphCallbackHandler" for each in bases(handler))
    is_of_graph = any(entry(run.metadata, "langgraph_step") is not None for run in asked.runs)
    if is_one or not is_of_graph or not asked.lacks(*_OF_GRAPHS):
        return None
    # A recording of events that were made by hand has no handler.
    if not any(class_name(each) == "BaseCallbackHandler" for each in bases(handler)):
        return None
    return Proof(_causes.NO_GRAPH_HANDLER, f"{class_name(handler)} is no GraphCallbackHandler.")


def _explain_configurable(asked: _Asked) -> Proof | None:
    """What is wanted as metadata stands among the configurable values of a call."""
    wanted = asked.attribute("metadata")
    keys = [key for key, _ in entries(wanted)] if is_a(wanted, Mapping) else []
    return explain_configurable(keys, asked.runs, asked.report.configurable)


def explain_configurable(keys: Iterable[Any], runs: Iterable[Run], configurable: Collection[str]) -> Proof | None:
    """That a key is no metadata of any of these *runs*, and *configurable* in the config of a call."""
    asked = [text for text in map(text_of, keys) if text in configurable]
    there = {text_of(key) for run in runs for key, _ in entries(run.metadata)} if asked else set()
    key = next((text for text in asked if text not in there), None)
    if key is None:
        return None
    return Proof(_causes.CONFIGURABLE, f'{key!r} stands in config["configurable"], and in no run\'s metadata.')


def _explain_component_labels(asked: _Asked) -> Proof | None:
    """What is wanted as tags or metadata of one run stands at another one, which is inside it."""
    there = None if asked.there is None else asked.there.run
    for key in ("tags", "metadata"):
        wanted = _labels_of(asked.attribute(key))
        if there is None or not wanted or wanted & _labels_of(getattr(there, key)):
            continue
        inside = next((run for run in there.subtree() if wanted <= _labels_of(getattr(run, key))), None)
        if inside is not None:
            facts = (
                f"{inside.label} has {listing(sorted(wanted))} among its {key}, and {there.label} around it has not."
            )
            return Proof(_causes.COMPONENT_LABELS, facts)
    return None


def _labels_of(given: Any) -> set[str]:
    """Tags, or the keys of metadata."""
    keys = [key for key, _ in entries(given)] if is_a(given, Mapping) else list(given or ())
    return {text for text in map(text_of, keys) if text is not None}


def _explain_bare_arguments(asked: _Asked) -> Proof | None:
    """A tool was called with its arguments, and not with the tool call."""
    if asked.attribute("tool_call_id") is None:
        return None
    return explain_bare_arguments(asked.runs_of("tool_start", "tool"))


def explain_bare_arguments(tools: Sequence[Run]) -> Proof | None:
    """That none of these runs of *tools* has a tool call."""
    # Before langchain-core 1.1 there is no tool_call_id in any start.
    calls = [run._start.payload for run in tools if run.started]
    if not calls or any(call.get("tool_call_id", ...) is not None for call in calls):
        return None
    return Proof(_causes.BARE_ARGUMENTS, f"{_labels(tools)} was called with its arguments alone.")


def _explain_usage(asked: _Asked) -> Proof | None:
    """The usage of a model is the sum of what several chunks say."""
    wanted = any("usage" in pattern.attributes for pattern in asked.patterns)
    return explain_usage(asked.runs_of("llm_end", *_MODELS)) if wanted else None


def explain_usage(models: Iterable[Run]) -> Proof | None:
    """That the usage of one of these runs of *models* was added up from several chunks."""
    for run in models:
        tokens = run._where(lambda name: name == "llm_new_token")
        chunks = [run._log.entry(position, "chunk") for position in tokens]
        said = [entry(ask(ask(chunk, "message"), "usage_metadata"), "input_tokens") for chunk in chunks]
        prompts = [number for number in said if type(number) is int and number > 0]
        if len(prompts) > 1:
            facts = f"{len(prompts):,} chunks of {run.label} report input_tokens ({listing(map(str, prompts), 3)})."
            return Proof(_causes.USAGE_ADDED, facts)
    return None


def explain_same_failure(runs: Iterable[Run]) -> Proof | None:
    """That one of these *runs* failed with an exception that a run inside it had raised."""
    for run in runs:
        error = _last(run).error
        failed = [] if error is None else [each for each in run.subtree() if _last(each).error is error]
        if len(failed) > 1:
            around = listing(each.label for each in failed[-1].ancestors() if _last(each).error is error)
            facts = f"{failed[-1].label} raised {repr_short(error)}, and {around} around it failed with it."
            return Proof(_causes.ONE_FAILURE, facts)
    return None


def _labels(runs: Iterable[Run]) -> str:
    return listing(dict.fromkeys(run.label for run in runs), 3)


_EXPLANATIONS: tuple[Callable[[_Asked], Proof | None], ...] = (
    _explain_v3_stream,
    _explain_no_tokens,
    _explain_llm_start,
    _explain_declined,
    _explain_agent_events,
    _explain_retry,
    _explain_handled_error,
    _explain_unrun_tools,
    _explain_without_run,
    _explain_no_graph_handler,
    _explain_configurable,
    _explain_component_labels,
    _explain_bare_arguments,
    _explain_usage,
)
