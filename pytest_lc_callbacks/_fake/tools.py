"""Bound tools: their schemas, and whether a call fits them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from pytest_lc_callbacks._fake.response import call_text
from pytest_lc_callbacks._fake.schema import Schema
from pytest_lc_callbacks._words import did_you_mean, hint, listing, safe

Schemas = Mapping[str, Schema | None]
"""The schema of each bound tool's arguments by the tool's name; None where the tool does not say."""

_SHOWN_TOOLS = 20
_SHOWN_MISFITS = 5


def bound_schemas(tools: Iterable[Any] | None) -> dict[str, Schema | None]:
    """
    The `Schemas` of *tools*.

    Args:
        tools: What ``bind_tools`` or ``bind(tools=...)`` was given: OpenAI's form, Anthropic's, a tool or a function.
    """
    return dict(_name_and_schema(tool) for tool in tools or ())


def forced_tool(tool_choice: Any) -> str | None:
    """The one tool that *tool_choice* demands by name, in OpenAI's or Anthropic's form, if it names one."""
    if isinstance(tool_choice, Mapping):
        function = tool_choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else tool_choice.get("name")
        return name if isinstance(name, str) else None
    if isinstance(tool_choice, str) and tool_choice not in {"auto", "any", "none", "required"}:
        return tool_choice
    return None


def forbids_tools(tool_choice: Any) -> bool:
    """Whether *tool_choice* wants no tool to be called, in OpenAI's or Anthropic's form."""
    return "none" in (tool_choice, tool_choice.get("type") if isinstance(tool_choice, Mapping) else None)


def choice_problem(tool_choice: Any, called: Sequence[str], said: str, schemas: Schemas) -> str | None:
    """
    Why a response does not obey *tool_choice*, in whole lines; None if it does.

    Args:
        tool_choice: The tool choice, in OpenAI's form or Anthropic's.

        called: The names of the tools that the response calls.

        said: The response as a message shows it.

        schemas: The bound tools.
    """
    forced = forced_tool(tool_choice)
    if forbids_tools(tool_choice) and called:
        return _disobeys("no call of a tool, which the tool choice forbids", said, "script a text")
    if forced in schemas and forced not in called:
        return _disobeys(f"a call of {forced!r}, which the tool choice demands", said, _script_a_call(str(forced)))
    if forced and forced not in schemas and None not in schemas.values():
        return (
            f"expected a tool choice that names a bound tool, but it is {forced!r}{did_you_mean(forced, schemas)}\n"
            f"{bound_tools_line(schemas)}"
        )
    return None


def call_problem(name: str, args: Mapping[str, Any], schemas: Schemas, *, is_automatic: bool = False) -> str | None:
    """
    Why a call does not fit the bound tools, in whole lines; None if it fits.

    Args:
        name: The tool that is called.

        args: The arguments.

        schemas: The bound tools.

        is_automatic: Whether `auto()` made the call.
    """
    if name not in schemas:
        return (
            f"expected a call of a bound tool, but the script calls {name!r}{did_you_mean(name, schemas)}\n"
            f"{bound_tools_line(schemas)}\n"
            + hint("to test how a program takes a call of an unknown tool, add check_tools=False to that response")
        )
    schema = schemas[name]
    problem = None if schema is None else schema.problem(args)
    if schema is None or problem is None:
        return None
    remedy = "to test how a program takes such a call, add check_tools=False to that response"
    return (
        f"expected arguments that fit the tool {name!r}, but {problem}\n"
        f"  {'made by auto()' if is_automatic else 'scripted'}: {safe(call_text(name, args), 1000)}\n"
        f"  the tool takes: {_signature(schema)}\n"
        + hint(f"{_script_a_call(name)}; auto() found nothing that fits" if is_automatic else remedy)
    )


def bound_tools_line(schemas: Schemas) -> str:
    """The line of a message that names the bound tools."""
    return f"  bound tools: {listing(schemas, _SHOWN_TOOLS) or 'none'}"


def misfits(args: Mapping[str, Any], schemas: Schemas) -> str:
    """Whole lines that say why *args* fit none of the tools; the first tools alone."""
    shown = [(name, schema) for name, schema in schemas.items() if schema is not None][:_SHOWN_MISFITS]
    return "".join(f"  {name}: {problem}\n" for name, schema in shown if (problem := schema.problem(args)))


def _disobeys(expected: str, said: str, remedy: str) -> str:
    return f"expected {expected}, but the script says {said}\n" + hint(
        f"{remedy}; to test a model that does not obey, add check_tools=False to that response"
    )


def _script_a_call(name: str) -> str:
    return f"script .respond(tool_calls=[({name!r}, {{...}})]), or for structured output the object itself"


def _name_and_schema(tool: Any) -> tuple[str, Schema | None]:
    if not isinstance(tool, Mapping):
        tool = convert_to_openai_tool(tool)
    described = tool["function"] if isinstance(tool.get("function"), Mapping) else tool
    name = described.get("name") or described.get("title") or described.get("type") or "?"
    keywords = described.get("parameters", described.get("input_schema"))
    return str(name), Schema(keywords) if isinstance(keywords, Mapping) else None


def _signature(schema: Schema) -> str:
    """The arguments with their types: ``query: string, limit: integer (optional)``."""
    required = schema.keywords.get("required", ())
    parameters = [
        f"{name}: {_type_text(schema.part(part).keywords)}{'' if name in required else ' (optional)'}"
        for name, part in schema.keywords.get("properties", {}).items()
    ]
    return ", ".join(parameters) or "no arguments"


def _type_text(keywords: Mapping[str, Any]) -> str:
    if "enum" in keywords:
        return " | ".join(repr(value) for value in keywords["enum"])
    if choices := keywords.get("anyOf") or keywords.get("oneOf"):
        return " | ".join(_type_text(choice) for choice in choices)
    kind = keywords.get("type", "anything")
    return kind if isinstance(kind, str) else " | ".join(kind)
