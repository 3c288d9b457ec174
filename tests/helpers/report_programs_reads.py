"""Reports of handlers that read an attribute or a key of what they are handed, and it is not there."""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import FakeListLLM
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from report_programs import model
from report_programs_values import reading

chain = RunnableLambda(lambda given: given, name="chain")


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("a page")]


def add(one: int, two: int) -> int:
    """Add two numbers."""
    return one + two


reading(
    "a keyword that a start has not",
    "absent-keyword",
    chain.invoke,
    "q",
    "on_chain_start",
    lambda serialized, inputs, **kwargs: kwargs["run_name"],
    lambda serialized, inputs, **kwargs: kwargs.get("run_name") or kwargs["name"],
    lambda serialized, inputs, **kwargs: {"chain": 1}[kwargs["name"] + "s"],
    lambda serialized, inputs, **kwargs: {"a": 1}["run_name"],
    says="and not run_name=",
)
reading(
    "metadata among the keywords of an end",
    "metadata-at-start",
    chain.invoke,
    "q",
    "on_chain_end",
    lambda outputs, **kwargs: kwargs.pop("metadata")["user"],
    lambda outputs, **kwargs: kwargs.get("metadata"),
    lambda outputs, **kwargs: dict(kwargs)["metadata"],
)
reading(
    "an answer is no message",
    "llm-result",
    model().invoke,
    "q",
    "on_llm_end",
    lambda response, **kwargs: response.usage_metadata,
    lambda response, **kwargs: response.generations[0][0].message.usage_metadata,
    lambda response, **kwargs: [response][0].usage_metadata,
    lambda response, **kwargs: response.generations[0][0].text.usage,
    says="response is an LLMResult, and has no usage_metadata.",
)
reading(
    "a message is no dict",
    "handed-objects",
    model().invoke,
    "q",
    "on_chat_model_start",
    lambda serialized, messages, **kwargs: messages[0][0]["content"],
    lambda serialized, messages, **kwargs: messages[0][0].content,
    lambda serialized, messages, **kwargs: object()["content"],  # type: ignore[index]  # the mistake
    says="messages[0][0] is a HumanMessage.",
)
reading(
    "a document is no dict",
    "handed-objects",
    Shelf().invoke,
    "q",
    "on_retriever_end",
    lambda documents, **kwargs: documents[0]["page_content"],
    lambda documents, **kwargs: documents[0].page_content,
    lambda documents, **kwargs: documents[7],
    says="documents[0] is a Document.",
)
reading(
    "a run id is no text",
    "handed-objects",
    chain.invoke,
    "q",
    "on_chain_start",
    lambda serialized, inputs, *, run_id, **kwargs: run_id[:8],
    lambda serialized, inputs, *, run_id, **kwargs: str(run_id)[:8],
    lambda serialized, inputs, *, run_id, **kwargs: {}[run_id],
    says="run_id is a UUID.",
)
reading(
    "a root has no parent",
    "root-parent",
    chain.invoke,
    "q",
    "on_chain_start",
    lambda serialized, inputs, *, parent_run_id=None, **kwargs: parent_run_id.hex,
    lambda serialized, inputs, *, parent_run_id=None, **kwargs: parent_run_id and parent_run_id.hex,
    lambda serialized, inputs, *, parent_run_id=None, **kwargs: {}.get(parent_run_id).hex,  # type: ignore[attr-defined]  # the mistake
    says="parent_run_id is None.",
)
reading(
    "a key that the metadata has not",
    "metadata-keys",
    chain.invoke,
    "q",
    "on_chain_start",
    lambda serialized, inputs, **kwargs: kwargs["metadata"]["user"],
    lambda serialized, inputs, **kwargs: kwargs["metadata"].get("user"),
    lambda serialized, inputs, **kwargs: {}["user"],
    says="and no 'user'.",
)
reading(
    "a key that serialized has not",
    "serialized-keys",
    StructuredTool.from_function(add).invoke,
    {"one": 1, "two": 2},
    "on_tool_start",
    lambda serialized, input_str, **kwargs: serialized["id"],
    lambda serialized, input_str, **kwargs: serialized.get("id"),
    lambda serialized, input_str, **kwargs: serialized.copy()["id"],
    says="serialized has the keys 'name', 'description'",
)
reading(
    "a key that an integration does not fill in",
    "provider-keys",
    model().invoke,
    "q",
    "on_llm_end",
    lambda response, **kwargs: response.generations[0][0].message.response_metadata["token_usage"],
    lambda response, **kwargs: response.generations[0][0].message.response_metadata.get("token_usage"),
    lambda response, **kwargs: response.run["token_usage"],
    says="and no 'token_usage'.",
)
reading(
    "generation_info is None",
    "provider-keys",
    FakeListLLM(responses=["a"]).invoke,
    "q",
    "on_llm_end",
    lambda response, **kwargs: response.generations[0][0].generation_info["finish_reason"],
    lambda response, **kwargs: response.generations[0][0].generation_info,
    lambda response, **kwargs: response.run["finish_reason"],
    says="generation_info is None here.",
)
reading(
    "an entry of a state",
    "payload-type",
    chain.invoke,
    {"messages": [("user", "q")]},
    "on_chain_start",
    lambda serialized, inputs, **kwargs: inputs["messages"][-1].content,
    lambda serialized, inputs, **kwargs: inputs["messages"][-1][1],
    lambda serialized, inputs, **kwargs: (1, 2).content,  # type: ignore[attr-defined]  # the mistake
    says="inputs['messages'][-1] is a tuple here.",
)
