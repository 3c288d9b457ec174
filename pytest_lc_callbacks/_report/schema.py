"""What a line of the JSON Lines file is made of; docs/report-schema.json is written from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

FORMAT = "pytest-lc-callbacks"
VERSION = 1

OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed", "rerun", "interrupted")
STATUSES = ("ended", "failed", "open", "interrupted")


def _object(says: str, /, **fields: Any) -> dict[str, Any]:
    """An object that has all *fields*; one whose key ends in ``_`` may be missing."""
    required = [name for name in fields if not name.endswith("_")]
    properties = {name.rstrip("_"): field for name, field in fields.items()}
    return {"description": says, "type": "object", "properties": properties, "required": required}


def _list(items: Any, says: str) -> dict[str, Any]:
    return {"description": says, "type": "array", "items": items}


def _is(kind: Any, says: str, **more: Any) -> dict[str, Any]:
    return {"description": says, "type": kind, **more}


def _any(says: str) -> dict[str, Any]:
    return {"description": says}


_NUMBER = ["integer", "number"]
_HEAD = {
    "format": _is("string", "Always the same, so that a line of another file is recognised.", enum=[FORMAT]),
    "version": _is(
        "integer", "Rises when a field changes its meaning or goes; new fields may come without.", enum=[VERSION]
    ),
}
_ERROR = {
    **_object(
        "The exception the run ended with.",
        type=_is("string", "Its class."),
        message=_is("string", "Its text."),
        inside=_is("boolean", "Whether it came out of a run inside this one."),
    ),
    "type": ["object", "null"],
}
_CALL = _object("One call.", name=_is("string", "The tool's name."), args=_any("Its arguments."))
_USAGE = {
    **_object(
        "The tokens that the model reported.",
        input_tokens_=_is("integer", "Of the prompt."),
        output_tokens_=_is("integer", "Of the response."),
        total_tokens_=_is("integer", "Of both."),
    ),
    "type": ["object", "null"],
}
RUN = _object(
    "One run. What was cut or redacted in a text says so where it was: [redacted], [cut: 30,000 characters].",
    id=_is("integer", "Its number in this test, from 0 on, in the order of the starts."),
    parent=_is(["integer", "null"], "The number of the run it began in; null for a root."),
    replaced=_is(
        "boolean", "Whether its callbacks were replaced: it began in that run, but LangChain gave it no parent."
    ),
    phase=_is("string", "Where it began: setup, call or teardown."),
    name=_is("string", "The name LangChain displays."),
    type=_is(
        ["string", "null"],
        "chain, prompt, parser, chat_model, llm, tool or retriever; null if its start was not heard.",
    ),
    status=_is(
        "string", "How it stood at the end; interrupted by langgraph's interrupt() is not failed.", enum=list(STATUSES)
    ),
    start=_is(_NUMBER, "When it began, in milliseconds after the first run of the test."),
    duration=_is([*_NUMBER, "null"], "Milliseconds to its last end; null while it is open."),
    error=_ERROR,
    tags=_list(_is("string", "A tag."), "Its tags, LangChain's own included."),
    metadata=_is("object", "Its metadata, LangChain's own included."),
    inputs=_any("What it was given; for a chat model its messages."),
    outputs=_any("What it produced."),
    events=_list(
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": _NUMBER}, {"type": "integer"}], "minItems": 3},
        "Its own events in order: the name, milliseconds as in start, and how many of that name came in a row.",
    ),
    heard=_list(
        _is("string", "heard, missed, heard partly, heard twice, heard 3 times ..., other payload"),
        "What each handler heard of it, in the order of the test's handlers.",
    ),
    model_=_is(["string", "null"], "Of a model: which one, by its metadata or options."),
    options_=_is("object", "Of a model: the invocation parameters."),
    usage_=_USAGE,
    tool_calls_=_list(_CALL, "Of a model: the tools it asked for."),
    failed_=_is("boolean", "Of a tool: whether it ended with a ToolMessage of status error."),
    custom_=_list({"type": "array"}, "Name and data of each custom event."),
)
TOTALS = _object(
    "Sums over the test.",
    runs=_is("integer", "Runs, also those left out."),
    events=_is("integer", "Events."),
    model_calls=_is("integer", "Runs of models."),
    tool_calls=_is("integer", "Runs of tools."),
    input_tokens=_is("integer", "Tokens, as far as the models reported them."),
    output_tokens=_is("integer", "Tokens, as far as the models reported them."),
    total_tokens=_is("integer", "Tokens, as far as the models reported them."),
)
_FAILURE = _object(
    "What pytest shows of one failure.",
    when=_is("string", "setup, call or teardown; ??? where a worker crashed."),
    message=_is("string", "The line of the short summary."),
    text=_is("string", "The whole."),
)
_FINDING = _object(
    "What the test did not ask about but should know.",
    name=_is("string", "Which finding, as in the settings."),
    level=_is("string", "The level it was told at: warn or error."),
    summary=_is("string", "Expected what, but found what."),
    details=_list(_is("string", "A paragraph."), "The evidence, and a hint."),
)
TEST = _object(
    "One test, or one attempt at it.",
    **_HEAD,
    kind=_is("string", "Which line it is.", enum=["test"]),
    test=_is("string", "pytest's node id."),
    attempt=_is("integer", "1, and more where a plugin ran the test again."),
    outcome=_is("string", "As pytest counts it.", enum=list(OUTCOMES)),
    file=_is(["string", "null"], "Where the test is, from the root folder on."),
    line=_is(["integer", "null"], "Its line there, from 1 on."),
    started=_is(_NUMBER, "Seconds since 1970."),
    duration=_is(_NUMBER, "Seconds, set-up and tear-down included."),
    phases=_list(
        _object(
            "A phase.",
            when=_is("string", "setup, call or teardown."),
            outcome=_is("string", "As pytest reports it."),
            duration=_is(_NUMBER, "Seconds."),
        ),
        "What pytest ran of it.",
    ),
    failures=_list(_FAILURE, "Its failures, errors, and the reason of a skip or an expected failure."),
    subtests=_list(
        _object(
            "A subtest.",
            name=_is("string", "Its message and parameters."),
            outcome=_is("string", "passed, failed or skipped."),
            message=_is("string", "Why it failed."),
        ),
        "Its subtests.",
    ),
    watched=_is("boolean", "Whether the observer was on. If it was not, nothing is known of the test's runs."),
    causes=_list(_is("string", "A name for `explain`."), "Causes that its failures and findings name."),
    findings=_list(_FINDING, "What was found."),
    handlers=_list(_is("string", "A class, with a number from the second on."), "Recording and spied handlers."),
    runs=_list(RUN, "What ran, each run after the one it began in."),
    left_out=_is("integer", "How many further runs are not in the list."),
    totals=TOTALS,
)
SESSION = _object(
    "The first line of a session.",
    **_HEAD,
    kind=_is("string", "Which line it is.", enum=["session"]),
    started=_is(_NUMBER, "Seconds since 1970."),
    versions=_is("object", "Of Python, pytest, this plugin and LangChain."),
)
END = _object(
    "The last line of a session; without it the session was cut short.",
    **_HEAD,
    kind=_is("string", "Which line it is.", enum=["end"]),
    exit_status=_is("integer", "pytest's."),
    tests=_is("integer", "How many lines of tests there are."),
)
CAPABILITIES = _object(
    "What `CallbackHandlerTests` found of one handler.",
    **_HEAD,
    kind=_is("string", "Which line it is.", enum=["capabilities"]),
    handler=_is("string", "The test class or handler."),
    checks=_list(
        _object(
            "One check.",
            name=_is("string", "The check."),
            outcome=_is("string", "passed, failed, advice, expected or declined."),
            says=_is("string", "What LangChain does and what to change; empty where there is nothing to say."),
        ),
        "The checks in order.",
    ),
)
KINDS: dict[str, dict[str, Any]] = {"session": SESSION, "test": TEST, "capabilities": CAPABILITIES, "end": END}


def json_schema() -> dict[str, Any]:
    """The JSON schema of one line."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of what --lc-callbacks-json writes",
        "oneOf": list(KINDS.values()),
    }


def problem(line: Any) -> str | None:
    """What is wrong with a *line*; None if a reader can use it."""
    if not isinstance(line, dict) or line.get("format") != FORMAT:
        return f"expected a line with the format {FORMAT!r}"
    if line.get("version") != VERSION:
        return f"expected version {VERSION}, but it is {line.get('version')!r}"
    schema = KINDS.get(str(line.get("kind")))
    if schema is None:
        return f"expected one of the kinds {', '.join(KINDS)}, but it is {line.get('kind')!r}"
    return next(_problems(line, schema, ""), None) or _loose_parent(line)


def _loose_parent(line: Mapping[str, Any]) -> str | None:
    for number, run in enumerate(line.get("runs", ())):
        if run["id"] != number or (run["parent"] is not None and not 0 <= run["parent"] < number):
            return f"runs[{number}]: expected its number, and a parent before it"
        if len(run["heard"]) != len(line["handlers"]):
            return f"runs[{number}].heard: expected an entry for each handler"
    return None


_TYPES: dict[str, Any] = {
    "string": str, "integer": int, "number": float, "boolean": bool, "null": type(None), "object": dict, "array": list,
}  # fmt: skip


def _problems(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    kinds = schema.get("type")
    if kinds is not None:
        wanted = [kinds] if isinstance(kinds, str) else kinds
        if type(value) not in [_TYPES[kind] for kind in wanted]:
            yield f"{path or 'the line'}: expected {' or '.join(wanted)}, but it is {type(value).__name__}"
            return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: expected one of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{path + '.' if path else ''}{name} is missing"
        for name, field in schema.get("properties", {}).items():
            if name in value:
                yield from _problems(value[name], field, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        items = schema.get("items")
        places = schema.get("prefixItems")
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: expected {schema['minItems']} entries"
        for number, each in enumerate(value):
            field = places[number] if places and number < len(places) else items
            if field is not None:
                yield from _problems(each, field, f"{path}[{number}]")
