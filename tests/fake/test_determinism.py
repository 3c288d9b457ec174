"""The same script gives the same messages, ids included, in any thread and on any machine."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.messages.tool import tool_call

from pytest_lc_callbacks import FakeChatModel

# These tests leave scripts over on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_lc_callbacks.CallbackFindingWarning")


def test_ids_are_unique_per_call():
    """
    The same response to the same prompt has another id each time, also if the script gives the id.
    """
    model = FakeChatModel().respond("ok", times=3)
    model.respond(AIMessage("ok", id="mine", tool_calls=[tool_call(name="search", args={}, id="call-1")]), times=2)

    answers = [model.invoke("x") for _ in range(5)]

    assert len({answer.id for answer in answers}) == 5
    assert [answer.id for answer in answers[3:]] == ["mine", "mine-2"]
    assert [answer.tool_calls[0]["id"] for answer in answers[3:]] == ["call-1", "call-1-2"]


def test_repeated_ids_stay_together():
    """
    A content block that repeats a tool call gets the same new id as the call.
    """
    block = {"type": "tool_use", "id": "call-1", "name": "search", "input": {}}
    model = FakeChatModel().respond(
        AIMessage([block], tool_calls=[tool_call(name="search", args={}, id="call-1")]), times=2
    )
    model.invoke("x")

    answer = model.invoke("x")

    assert answer.content[0]["id"] == answer.tool_calls[0]["id"] == "call-1-2"


def test_models_of_the_same_script_give_the_same_ids():
    """
    Two models with the same names and script give the same ids; another name gives other ids.
    """
    one, other = ([FakeChatModel(responses=["a", "a"]).invoke("x").id for _ in range(2)] for _ in range(2))

    assert one == other
    assert FakeChatModel(responses=["a"], name="other").invoke("x").id not in one


def test_ids_are_the_same_everywhere():
    """
    Ids and usage have these values on every platform, Python and LangChain.
    """
    model = FakeChatModel().respond("Grüße", tool_calls=[("f", {"x": 1.5, "y": ["ä", None]})])

    answer = model.invoke([SystemMessage("Be kind."), HumanMessage("Hello!", id="random")])

    assert answer.id == "fake-e97a71bcd866"
    assert answer.tool_calls[0]["id"] == "call_fake-e97a71bcd866_0"
    assert answer.usage_metadata == {"input_tokens": 4, "output_tokens": 10, "total_tokens": 14}


def test_rules_do_not_depend_on_order():
    """
    With rules and functions, responses and their ids do not depend on the order of the calls.
    """

    def answers(prompts):
        model = FakeChatModel().on("even").respond("yes", always=True)
        model.on("odd").respond(lambda messages: f"no: {messages[-1].content}", always=True)
        return dict(zip(prompts, model.batch(prompts, {"max_concurrency": 8}), strict=True))

    prompts = [f"{'odd' if number % 2 else 'even'} {number}" for number in range(40)]

    assert answers(prompts) == answers(prompts[::-1])


def test_a_queue_under_threads():
    """
    Threads get each response of a queue exactly once.
    """
    model = FakeChatModel(responses=[str(number) for number in range(400)])

    with ThreadPoolExecutor(8) as executor:
        contents = list(executor.map(lambda _: model.invoke("x").content, range(400)))

    assert sorted(contents, key=int) == [str(number) for number in range(400)]
    assert len({call.response.id for call in model.calls}) == 400
    assert [call.number for call in model.calls] == list(range(1, 401))


def test_a_queue_under_gather():
    """
    Calls under asyncio.gather get each response of a queue exactly once.
    """
    model = FakeChatModel(responses=[str(number) for number in range(50)])

    async def program():
        return await asyncio.gather(*(model.ainvoke("x") for _ in range(50)))

    assert {answer.content for answer in asyncio.run(program())} == {str(number) for number in range(50)}
