"""`with_structured_output` of a fake model: a tool call or JSON text, and the parser behind it."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from pytest_lc_callbacks._words import repr_short

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

_METHODS = ("function_calling", "json_schema", "json_mode")


class JsonObject(dict[str, Any]):
    """
    ``{"type": "json_object"}``, as providers get it; `auto` knows by it what the parser expects.

    Args:
        schema: The JSON schema of the object.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__(type="json_object")
        self.schema = schema


def structured_output(
    model: BaseChatModel, schema: Any, method: str, *, include_raw: bool, **options: Any
) -> Runnable[Any, Any]:
    """
    *model*, bound to ask for *schema*, followed by the parser of its response.

    Args:
        model: The model.

        schema: A pydantic class, a TypedDict or a JSON schema.

        method: ``"function_calling"`` for a tool call, ``"json_schema"`` or ``"json_mode"`` for JSON text.

        include_raw: Give a dict of `raw`, `parsed` and `parsing_error`.

        options: More arguments for ``bind_tools``, where a tool is bound.

    Raises:
        ValueError: If *method* is another one.
    """
    if method not in _METHODS:
        raise ValueError(f"with_structured_output: method= is one of {', '.join(_METHODS)}, not {repr_short(method)}")
    noted = {"kwargs": {"method": method}, "schema": schema}
    if method == "function_calling":
        name = convert_to_openai_tool(schema)["function"]["name"]
        options = {"tool_choice": name, "ls_structured_output_format": noted, **options}
        bound, parser = model.bind_tools([schema], **options), _tool_parser(schema, name)
    else:
        wanted = _response_format(schema, method)
        bound = model.bind(response_format=wanted, ls_structured_output_format=noted)
        parser = _text_parser(schema)
    return _with_raw(bound, parser) if include_raw else bound | parser


def _response_format(schema: Any, method: str) -> dict[str, Any]:
    converted = convert_to_json_schema(schema)
    if method == "json_mode":
        return JsonObject(converted)
    return {"type": "json_schema", "json_schema": {"name": converted.get("title", "answer"), "schema": converted}}


def _tool_parser(schema: Any, name: str) -> Runnable[Any, Any]:
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticToolsParser(tools=[schema], first_tool_only=True)
    return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def _text_parser(schema: Any) -> Runnable[Any, Any]:
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def _with_raw(bound: Runnable[Any, Any], parser: Runnable[Any, Any]) -> Runnable[Any, Any]:
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([failed], exception_key="parsing_error")
