"""Ordinary programs: each component alone, chains, errors, threads, call modes, concurrency."""

from __future__ import annotations

import threading
from typing import Any

from langchain_core.callbacks import CallbackManager, dispatch_custom_event
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda

from pytest_lc_callbacks._contract.components import Chat, Shelf, Text, answer, piece, tool
from pytest_lc_callbacks._contract.program import PROGRAMS, Stage

program = PROGRAMS.add
INPUT = {"input": "the_real_input"}


def chain(model: Any = None, name: str = "outer") -> Runnable[Any, Any]:
    """A prompt, a chat model and a parser, each with a run name of its own."""
    prompt = ChatPromptTemplate.from_messages([("human", "{input}")]).with_config(run_name="the_prompt")
    asked = (model or Chat()).with_config(run_name="the_model")
    return (prompt | asked | StrOutputParser().with_config(run_name="the_parser")).with_config(run_name=name)


def fail(value: Any) -> Any:
    """Raise, whatever the input."""
    raise ValueError(f"no luck with {value}")


async def drained(stream: Any) -> list[Any]:
    """Every item of an async stream."""
    return [item async for item in stream]


# Each component alone, in a sync run.


@program("models", "chat.invoke('hi', config)", needs="chat_model")
def chat_invoke(stage: Stage) -> Any:
    return Chat().with_config(run_name="the_model").invoke("hi", stage.config)


@program("models", "chat.invoke('hi', config) without a run_name", needs="chat_model")
def chat_unnamed(stage: Stage) -> Any:
    return Chat().invoke("hi", stage.config)


@program("text_llms", "llm.invoke('hi', config)", needs="llm")
def text_invoke(stage: Stage) -> Any:
    from langchain_core.outputs import Generation, LLMResult

    tokens = {"token_usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, "model_name": "text"}
    generation = Generation(text="re: hi", generation_info={"finish_reason": "stop"})
    model = Text(result=LLMResult(generations=[[generation]], llm_output=tokens))
    return model.with_config(run_name="the_text_llm").invoke("hi", stage.config)


@program("tools", "tool.invoke({'city': 'Oslo'}, config)", needs="tools")
def tool_invoke(stage: Stage) -> Any:
    asked = tool(lambda city: f"sun in {city}").with_config(run_name="the_tool")
    return asked.invoke({"city": "Oslo"}, stage.config)


@program("tools", "tool.invoke({'city': 'Oslo'}, config) without a run_name", needs="tools")
def tool_unnamed(stage: Stage) -> Any:
    return tool(lambda city: f"sun in {city}").invoke({"city": "Oslo"}, stage.config)


@program("retrievers", "retriever.invoke('q', config)", needs="retrievers")
def retriever_invoke(stage: Stage) -> Any:
    return Shelf().with_config(run_name="the_retriever").invoke("q", stage.config)


@program("retrievers", "retriever.invoke('q', config), which finds nothing", needs="retrievers")
def retriever_empty(stage: Stage) -> Any:
    return Shelf(documents=[]).invoke("q", stage.config)


@program("retrievers", "retriever.invoke('q', config), which finds a Document without metadata", needs="retrievers")
def retriever_bare(stage: Stage) -> Any:
    return Shelf(documents=[Document("found")]).invoke("q", stage.config)


@program("chains", "(prompt | chat | parser).invoke({'input': 'hi'}, config)", needs="chat_model")
def chain_invoke(stage: Stage) -> Any:
    return chain().invoke({"input": "hi"}, stage.config)


@program("chains", "RunnableLambda(str.upper).invoke('hi', config)")
def lambda_invoke(stage: Stage) -> Any:
    return RunnableLambda(str.upper).with_config(run_name="outer").invoke("hi", stage.config)


@program("custom_events", "dispatch_custom_event('progress', {'done': 1}) inside a run")
def custom_event(stage: Stage) -> Any:
    def body(value: str) -> str:
        dispatch_custom_event("progress", {"done": 1})
        return value

    return RunnableLambda(body).invoke("hi", stage.config)


@program("texts", "run_manager.on_text('thinking', color='green'), run_manager.on_retry(state)")
def text_and_retry(stage: Stage) -> Any:
    run = CallbackManager.configure(list(stage.callbacks)).on_chain_start(None, {"input": "hi"}, name="by_hand")
    run.on_text("thinking", color="green", end="\n", verbose=True)
    run.on_retry(_Attempt())  # type: ignore[arg-type]  # tenacity is not needed for a handler to hear of a retry
    run.on_chain_end({"output": "done"})


class _Attempt:
    """What tenacity tells of a retry, as far as handlers read it."""

    attempt_number = 1
    idle_for = 0.0
    next_action = None
    outcome = None


@program("agents", "AgentExecutor: run_manager.on_agent_action(...), on_agent_finish(...), then the chain's end")
def agent_events(stage: Stage) -> Any:
    from langchain_core.agents import AgentAction, AgentFinish

    run = CallbackManager.configure(list(stage.callbacks)).on_chain_start(None, {"input": "hi"}, name="outer")
    run.on_agent_action(AgentAction("weather", {"city": "Oslo"}, "I ask for the weather"), color="green")
    tool(lambda city: "sun").with_config(run_name="the_tool").invoke({"city": "Oslo"}, {"callbacks": run.get_child()})
    run.on_agent_finish(AgentFinish({"output": "sun"}, "I know"), color="green")
    run.on_chain_end({"output": "the_real_end"})


@program(
    "chains", "a chain with a retriever, a text LLM, a tool and a model inside", needs="retrievers llm tools chat_model"
)
def all_inside(stage: Stage) -> Any:
    def body(value: str) -> Any:
        Shelf().with_config(run_name="the_retriever").invoke(value)
        Text().with_config(run_name="the_text_llm").invoke(value)
        tool(lambda city: "sun").with_config(run_name="the_tool").invoke({"city": value})
        return Chat().with_config(run_name="the_model").invoke(value)

    return RunnableLambda(body).with_config(run_name="outer").invoke("hi", stage.config)


# Errors.


@program("errors", "RunnableLambda(fail).invoke('hi', config)", fails=ValueError)
def lambda_error(stage: Stage) -> Any:
    return RunnableLambda(fail).with_config(run_name="outer").invoke("hi", stage.config)


@program("errors", "chat.invoke('hi', config), and the model raises", needs="chat_model", fails=ValueError)
def chat_error(stage: Stage) -> Any:
    return Chat(error=ValueError("overloaded")).with_config(run_name="the_model").invoke("hi", stage.config)


@program("errors", "llm.invoke('hi', config), and the LLM raises", needs="llm", fails=ValueError)
def text_error(stage: Stage) -> Any:
    return Text(error=ValueError("overloaded")).with_config(run_name="the_text_llm").invoke("hi", stage.config)


@program("errors", "tool.invoke(...), and the tool raises", needs="tools", fails=ValueError)
def tool_error(stage: Stage) -> Any:
    return tool(fail).with_config(run_name="the_tool").invoke({"city": "Oslo"}, stage.config)


@program("errors", "retriever.invoke('q', config), and it raises", needs="retrievers", fails=ValueError)
def retriever_error(stage: Stage) -> Any:
    return Shelf(error=ValueError("no index")).with_config(run_name="the_retriever").invoke("q", stage.config)


@program("errors", "(prompt | chat | parser).invoke(...), and the model raises", needs="chat_model", fails=ValueError)
def chain_error(stage: Stage) -> Any:
    return chain(Chat(error=ValueError("overloaded"))).invoke({"input": "hi"}, stage.config)


# Threads.


@program("threads", "Thread(target=lambda: chat.invoke('hi', config))", needs="chat_model")
def another_thread(stage: Stage) -> Any:
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(Chat().invoke("hi", stage.config)))
    thread.start()
    thread.join()
    return done[0]


# Call modes.


@program("async_runs", "await chat.ainvoke('hi', config)", needs="chat_model")
async def chat_ainvoke(stage: Stage) -> Any:
    return await Chat().ainvoke("hi", stage.config)


@program("async_runs", "await llm.ainvoke('hi', config)", needs="llm")
async def text_ainvoke(stage: Stage) -> Any:
    return await Text().ainvoke("hi", stage.config)


@program("async_runs", "await tool.ainvoke({'city': 'Oslo'}, config)", needs="tools")
async def tool_ainvoke(stage: Stage) -> Any:
    return await tool(lambda city: f"sun in {city}").ainvoke({"city": "Oslo"}, stage.config)


@program("async_runs", "await retriever.ainvoke('q', config)", needs="retrievers")
async def retriever_ainvoke(stage: Stage) -> Any:
    return await Shelf().ainvoke("q", stage.config)


@program("async_runs", "await (prompt | chat | parser).ainvoke({'input': 'hi'}, config)", needs="chat_model")
async def chain_ainvoke(stage: Stage) -> Any:
    return await chain().ainvoke({"input": "hi"}, stage.config)


@program(
    "async_errors",
    "await (prompt | chat | parser).ainvoke(...), and the model raises",
    needs="chat_model",
    fails=ValueError,
)
async def chain_aerror(stage: Stage) -> Any:
    return await chain(Chat(error=ValueError("overloaded"))).ainvoke({"input": "hi"}, stage.config)


@program("async_errors", "await tool.ainvoke(...), and the tool raises", needs="tools", fails=ValueError)
async def tool_aerror(stage: Stage) -> Any:
    return await tool(fail).ainvoke({"city": "Oslo"}, stage.config)


@program("streams", "list(chat.stream('hi', config))", needs="chat_model streaming")
def chat_stream(stage: Stage) -> Any:
    return list(Chat().stream("hi", stage.config))


@program("streams", "[chunk async for chunk in chat.astream('hi', config)]", needs="chat_model streaming")
async def chat_astream(stage: Stage) -> Any:
    return await drained(Chat().astream("hi", stage.config))


@program("streams", "list((prompt | chat | parser).stream({'input': 'hi'}, config))", needs="chat_model streaming")
def chain_stream(stage: Stage) -> Any:
    return list(chain().stream({"input": "hi"}, stage.config))


@program("streams", "[... async for ... in (prompt | chat | parser).astream(...)]", needs="chat_model streaming")
async def chain_astream(stage: Stage) -> Any:
    return await drained(chain().astream({"input": "hi"}, stage.config))


@program("streams", "list(llm.stream('hi', config))", needs="llm streaming")
def text_stream(stage: Stage) -> Any:
    return list(Text().stream("hi", stage.config))


@program(
    "stream_errors",
    "list(chat.stream('hi', config)), and it raises after a chunk",
    needs="chat_model streaming",
    fails=ValueError,
)
def chat_stream_error(stage: Stage) -> Any:
    return list(Chat(error=ValueError("cut off")).stream("hi", stage.config))


@program(
    "stream_errors",
    "list((prompt | chat | parser).stream(...)), and the model raises",
    needs="chat_model streaming",
    fails=ValueError,
)
def chain_stream_error(stage: Stage) -> Any:
    return list(chain(Chat(error=ValueError("cut off"))).stream({"input": "hi"}, stage.config))


@program(
    "closed_streams", "stream = chat.stream('hi', config); next(stream); stream.close()", needs="chat_model streaming"
)
def chat_stream_closed(stage: Stage) -> Any:
    stream = Chat().stream("hi", stage.config)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator


@program("closed_streams", "the same of a chain: children end after their parent", needs="chat_model streaming")
def chain_stream_closed(stage: Stage) -> Any:
    stream = chain().stream({"input": "hi"}, stage.config)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator


@program("batches", "chat.batch(['a', 'b', 'c'], config)", needs="chat_model")
def chat_batch(stage: Stage) -> Any:
    return Chat().batch(["alpha", "beta", "gamma"], stage.config)


@program("batches", "(prompt | chat | parser).batch([a, b, c], config)", needs="chat_model")
def chain_batch(stage: Stage) -> Any:
    return chain().batch([{"input": text} for text in ("alpha", "beta", "gamma")], stage.config)


@program("batches", "await (prompt | chat | parser).abatch([a, b, c], config)", needs="chat_model")
async def chain_abatch(stage: Stage) -> Any:
    return await chain().abatch([{"input": text} for text in ("alpha", "beta", "gamma")], stage.config)


@program("batches", "chain.with_fallbacks([other]).batch([a, b], config)", needs="chat_model")
def fallbacks_batch(stage: Stage) -> Any:
    both = chain().with_fallbacks([chain(name="other")]).with_config(run_name="the_fallbacks")
    return both.batch([{"input": text} for text in ("alpha", "beta")], stage.config)


@program("batches", "chat.generate([[a], [b]], callbacks=...)", needs="chat_model")
def chat_generate(stage: Stage) -> Any:
    return Chat().generate([[HumanMessage("alpha")], [HumanMessage("beta")]], callbacks=list(stage.callbacks))


@program("batches", "llm.generate(['a', 'b'], callbacks=...)", needs="llm")
def text_generate(stage: Stage) -> Any:
    return Text().generate(["alpha", "beta"], callbacks=list(stage.callbacks))


@program(
    "stream_inputs",
    "(prompt | chat | parser).invoke(input, config), and the answer does not repeat it",
    needs="chat_model",
)
def input_invoke(stage: Stage) -> Any:
    return chain(Chat(chunks=[piece("yes")], result=answer(AIMessage("yes")))).invoke(INPUT, stage.config)


@program("stream_inputs", "list((prompt | chat | parser).stream(input, config))", needs="chat_model streaming")
def input_stream(stage: Stage) -> Any:
    return list(chain(Chat(chunks=[piece("yes")])).stream(INPUT, stage.config))


@program(
    "stream_inputs",
    "[... async for ... in (prompt | chat | parser).astream(input, config)]",
    needs="chat_model streaming",
)
async def input_astream(stage: Stage) -> Any:
    return await drained(chain(Chat(chunks=[piece("yes")])).astream(INPUT, stage.config))
