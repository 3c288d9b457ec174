"""One call of a fake model: checks against bound tools, objects, functions and auto()."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import BaseModel
from typing_extensions import TypedDict

from pytest_lc_callbacks._fake.model import FakeChatModel
from pytest_lc_callbacks._handlers.recorder import RecordingHandler


class Answer(BaseModel):
    """The answer."""

    city: str


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str = "Ha."


class Typed(TypedDict):
    """The answer."""

    city: str


@dataclass
class Plain:
    city: str


CALL = {"name": "search", "args": {"query": "x"}, "id": "1"}


def search(query: str, limit: int = 3) -> str:
    """Search the web."""


def book(city: str) -> str:
    """Book a trip."""


def ask(model, mode):
    if mode == "invoke":
        return model.invoke("x")
    if mode == "stream":
        return list(model.stream("x"))
    if mode == "ainvoke":
        return asyncio.run(model.ainvoke("x"))

    async def read():
        return [chunk async for chunk in model.astream("x")]

    return asyncio.run(read())


every_mode = pytest.mark.parametrize("mode", ["invoke", "stream", "ainvoke", "astream"])


@every_mode
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("serach", {"query": "x"}), "the script calls 'serach' (did you mean 'search'?)\n  bound tools: search, book"),
        (("search", {"q": "x"}), "expected arguments that fit the tool 'search', but 'query' is missing"),
        (("search", {"query": "x", "lim": 1}), "but it takes no 'lim' (did you mean 'limit'?)"),
        (("search", {"query": "x", "limit": "1"}), "but 'limit' is '1' and not of type integer"),
    ],
    ids=["name", "missing", "unknown", "type"],
)
def test_calls_that_do_not_fit(mode, call, message):
    """
    A scripted call that does not fit the bound tools is refused at the call, before any event but the start.
    """
    handler = RecordingHandler()
    model = FakeChatModel(callbacks=[handler]).respond(tool_calls=[("book", {"city": "Oslo"}), call])

    with pytest.raises(ValueError, match=re.escape(message)):
        ask(model.bind_tools([search, book]), mode)

    assert handler.names == ["chat_model_start", "llm_error"]
    assert isinstance(model.last_call.error, ValueError)


def test_calls_of_functions_are_checked_too():
    """
    A response from a function is checked like a scripted one.
    """
    message = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])

    with pytest.raises(ValueError, match="the script calls 'f'"):
        FakeChatModel().respond(lambda messages: message).bind_tools([search]).invoke("x")


@pytest.mark.parametrize(
    "bind",
    [
        lambda model: model.bind_tools([search]),
        lambda model: model.bind_tools([search], tool_choice="search"),
        lambda model: model.bind(tools=[{"name": "search", "input_schema": {"properties": {}}}]),
    ],
    ids=["tools", "a tool choice", "by hand"],
)
def test_unchecked_calls(bind):
    """
    check_tools=False lets a model call what is not there, and disobey a tool choice.
    """
    model = FakeChatModel().respond(tool_calls=[("f", {"x": 1})], check_tools=False).respond("no", check_tools=False)

    assert bind(model).invoke("x").tool_calls[0]["name"] == "f"
    assert bind(model).invoke("x").content == "no"


def test_without_bound_tools():
    """
    Where no tools are bound, any call may be scripted: the program may know its tools by itself.
    """
    assert FakeChatModel().respond(tool_calls=[("f", {"x": 1})]).invoke("x").tool_calls[0]["args"] == {"x": 1}


def test_a_tool_choice_that_is_not_obeyed():
    """
    Under a tool choice that names a tool, another response is refused: no provider would give it.
    """
    model = FakeChatModel(responses=["Hello."]).bind_tools([search, book], tool_choice="book")

    with pytest.raises(ValueError, match="expected a call of 'book', which the tool choice demands, but the script sa"):
        model.invoke("x")


@pytest.mark.parametrize("provider", [None, "openai", "anthropic"])
def test_a_tool_choice_of_none(provider):
    """
    Under a tool choice of none, a call is refused, and `auto()` responds without one.
    """
    model = FakeChatModel(provider=provider, responses=[AIMessage("", tool_calls=[CALL])])

    with pytest.raises(
        ValueError, match="expected no call of a tool, which the tool choice forbids, but the script sa"
    ):
        model.bind_tools([search], tool_choice="none").invoke("x")
    assert FakeChatModel(provider=provider).auto().bind_tools([search], tool_choice="none").invoke("x").text == "Done."


@pytest.mark.parametrize("model", [FakeChatModel(responses=["Hello."]), FakeChatModel().auto()], ids=["script", "auto"])
def test_a_tool_choice_of_no_tool(model):
    """
    A tool choice of a tool that is not bound is refused: a provider would refuse it too.
    """
    message = (
        "expected a tool choice that names a bound tool, but it is 'serach' (did you mean 'search'?)\n  bound tools: "
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        model.bind_tools([search, book], tool_choice="serach").invoke("x")


def test_a_tool_choice_of_a_builtin_tool():
    """
    A tool choice of a provider's built-in tool is not checked: its name there is not known.
    """
    bound = FakeChatModel(responses=["Hello."]).bind_tools(
        [{"type": "mcp"}], tool_choice={"type": "mcp", "name": "roll"}
    )

    assert bound.invoke("x").content == "Hello."


def test_auto_without_arguments_that_fit():
    """
    `auto()` says so if it finds no arguments that fit, and does not blame a script.
    """
    schema = {"title": "f", "description": "F.", "type": "object", "required": ["x"]}
    bound = {**schema, "properties": {"x": {"type": "integer", "minimum": 2, "maximum": 1}}}
    with pytest.raises(ValueError, match=re.escape("  made by auto(): f(x=0)")) as refused:
        FakeChatModel().auto().bind_tools([bound]).invoke("x")

    assert "hint: script .respond(tool_calls=[('f', {...})])" in str(refused.value)


def test_a_choice_of_any_tool():
    """
    A text is accepted under a choice of any tool: agents send that where they mean auto.
    """
    assert FakeChatModel(responses=["Hello."]).bind_tools([search], tool_choice="any").invoke("x").content == "Hello."


@pytest.mark.parametrize(
    ("value", "bound", "options", "name"),
    [
        (Answer(city="Oslo"), [search, Answer], {}, "Answer"),
        (Answer(city="Oslo"), [search, Answer, book], {"tool_choice": "any"}, "Answer"),
        (Plain("Oslo"), [search, Answer], {}, "Answer"),
        ({"city": "Oslo"}, [search, Typed], {}, "Typed"),
        ({"city": "Oslo"}, [search, book, Answer], {"tool_choice": "Answer"}, "Answer"),
        ({"setup": "Why?"}, [search, book, Joke], {}, "Joke"),
        (Answer(city="Oslo"), [Typed], {}, "Typed"),
    ],
    ids=["by name", "by name among fitting ones", "dataclass", "the one that fits", "chosen", "defaults", "other name"],
)
def test_an_object_becomes_a_call(value, bound, options, name):
    """
    An object is the arguments of the tool of its name, of the demanded one, or of the one that it fits.
    """
    [call] = FakeChatModel(responses=[value]).bind_tools(bound, **options).invoke("x").tool_calls

    assert call["name"] == name


@pytest.mark.parametrize(
    ("model", "bound"),
    [
        (FakeChatModel(), {}),
        (FakeChatModel(), {"response_format": {"type": "json_object"}}),
        (FakeChatModel(), {"tools": [book, search], "response_format": {"type": "json_object"}}),
        (FakeChatModel(), {"output_config": {"format": {"type": "json_schema", "schema": {}}}, "tools": [search]}),
    ],
    ids=["no tools", "JSON wanted", "JSON wanted beside tools", "in Anthropic's form"],
)
def test_an_object_becomes_text(model, bound):
    """
    Where no tools are bound, or JSON text is asked for, an object is JSON text.
    """
    assert model.respond({"city": "Zürich"}).bind(**bound).invoke("x").content == '{"city": "Zürich"}'


@pytest.mark.parametrize(
    ("value", "bound", "message"),
    [
        (
            {"town": "Oslo"},
            [search, book],
            "expected an object for one of the bound tools, but {'town': 'Oslo'} fits none of them\n"
            "  bound tools: search, book\n  search: ",
        ),
        ({"city": "Oslo"}, [Answer, book], "{'city': 'Oslo'} fits 2 of them\n  bound tools: Answer, book"),
        ({"town": "Oslo"}, [Answer], "expected arguments that fit the tool 'Answer', but 'city' is missing"),
        (Joke(setup="Why?"), [Answer], "expected arguments that fit the tool 'Answer', but 'city' is missing"),
    ],
    ids=["fits none", "fits several", "does not fit the only one", "another class"],
)
def test_an_object_without_a_place(value, bound, message):
    """
    An object that belongs to no tool, or to several, is refused with the tools there are.
    """
    with pytest.raises(ValueError, match=re.escape(message)):
        FakeChatModel(responses=[value]).bind_tools(bound).invoke("x")


def test_a_function_that_runs_out():
    """
    A function that ends in StopIteration fails the call instead of ending the stream or hanging the loop.
    """
    answers = iter(["one"])
    model = FakeChatModel().respond(lambda messages: next(answers), always=True)
    model.invoke("x")

    for mode in ("invoke", "stream", "ainvoke", "astream"):
        with pytest.raises(RuntimeError, match="the scripted function <lambda> has no response for call"):
            ask(model, mode)


def test_functions_get_the_prompt():
    """
    A function may change the list it gets without changing the record of the call.
    """
    model = FakeChatModel().respond(lambda messages: messages.pop().content)

    assert model.invoke("hello").content == "hello"
    assert model.last_call.messages == [HumanMessage("hello")]


def test_an_async_function_that_fails():
    """
    A call raises the error of its async function, also inside a running loop.
    """

    async def fail(messages):
        raise TimeoutError

    async def program():
        FakeChatModel().respond(fail).invoke("x")

    with pytest.raises(TimeoutError):
        FakeChatModel().respond(fail).invoke("x")
    with pytest.raises(TimeoutError):
        asyncio.run(program())


def conversation(model, *results):
    """The calls of an automatic model, each answered by a tool, until it says something."""
    prompt = [HumanMessage("Go.")]
    while (answer := model.invoke(prompt)).tool_calls:
        prompt.append(answer)
        prompt += [ToolMessage("ok", tool_call_id=call["id"]) for call in answer.tool_calls]
    return [(c["name"], c["args"]) for m in prompt if isinstance(m, AIMessage) for c in m.tool_calls], answer.content


def test_auto():
    """
    `auto()` calls each bound tool once, with arguments made from its schema, then says its text.
    """
    model = FakeChatModel().auto()

    assert conversation(model.bind_tools([search, book])) == (
        [("search", {"query": "a"}), ("book", {"city": "a"})],
        "Done.",
    )
    assert model.invoke("x").content == "Done."


def test_auto_starts_again_with_each_question():
    """
    `auto()` calls a tool again for each new question.
    """
    model = FakeChatModel().auto().bind_tools([search])
    call = AIMessage("", tool_calls=[{"name": "search", "args": {"query": "a"}, "id": "1"}])

    assert model.invoke([HumanMessage("a"), call, ToolMessage("b", tool_call_id="1")]).content == "Done."
    assert model.invoke([HumanMessage("a"), call, ToolMessage("b", tool_call_id="1"), HumanMessage("c")]).tool_calls


@pytest.mark.parametrize(
    "schema", [Answer, Typed, Answer.model_json_schema()], ids=["pydantic", "typed dict", "schema"]
)
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_auto_makes_objects(schema, method):
    """
    `auto()` gives structured output, made from the schema.
    """
    made = FakeChatModel().auto().with_structured_output(schema, method=method).invoke("x")

    assert (made if isinstance(made, dict) else made.model_dump()) == {"city": "a"}


def test_auto_in_forms_of_providers():
    """
    `auto()` reads the wanted JSON schema in each provider's form.
    """
    model = FakeChatModel().auto()
    schema = Answer.model_json_schema()

    assert model.invoke("x", response_format=Answer).content == '{"city": "a"}'
    assert model.invoke("x", output_config={"format": {"type": "json_schema", "schema": schema}}).content == (
        '{"city": "a"}'
    )
    assert model.invoke("x", response_format={"type": "json_object"}).content == "{}"


def test_auto_leaves_built_in_tools_alone():
    """
    `auto()` does not call a tool without a schema, such as one that runs at the provider.
    """
    model = FakeChatModel().auto().bind(tools=[{"type": "web_search_preview"}])

    assert model.invoke("x").content == "Done."


def test_auto_after_a_script():
    """
    Scripted responses and rules go first; then `auto()` responds.
    """
    model = FakeChatModel(responses=["one"]).auto()
    model.on("bye").respond("Goodbye.", always=True)

    assert [model.invoke(prompt).content for prompt in ("a", "bye", "b")] == ["one", "Goodbye.", "Done."]
