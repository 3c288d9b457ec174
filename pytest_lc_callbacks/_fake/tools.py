"""Tool schemas: does a call fit the bound tools, and what would a fitting call look like?"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list, tuple),
    "object": (Mapping,),
    "null": (type(None),),
}
_FORMATS = {
    "date": "2024-01-01",
    "date-time": "2024-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    **{f"uuid{version}": f"00000000-0000-{version}000-8000-000000000000" for version in range(1, 9)},
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "ipv4network": "192.0.2.0/24",
    "ipv6network": "2001:db8::/32",
    "ipvanyaddress": "192.0.2.1",
    "ipvanynetwork": "192.0.2.0/24",
    "base64": "YQ==",
    "binary": "a",
}
_ANYTHING: Schema = {}
_NEARLY = 1e-9


def bound_schemas(tools: Iterable[Any] | None) -> dict[str, Schema | None]:
    """
    The argument schema of each bound tool by its name; ``None`` where the tool does not say.

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


def choice_problem(
    tool_choice: Any, called: Sequence[str], said: str, schemas: Mapping[str, Schema | None]
) -> str | None:
    """
    What is wrong with an answer under *tool_choice*, in whole lines; ``None`` if it fits.

    Args:
        tool_choice: In OpenAI's form or Anthropic's.

        called: The names of the tools that the answer calls.

        said: The answer, for a reader.

        schemas: What `bound_schemas` gives.
    """
    forced = forced_tool(tool_choice)
    if forbids_tools(tool_choice) and called:
        problem, remedy = "no call of a tool, which the tool choice forbids", "script a text"
    elif forced in schemas and forced not in called:
        problem, remedy = f"a call of {forced!r}, which the tool choice demands", _calling(str(forced))
    elif forced and forced not in schemas and None not in schemas.values():
        return (
            f"expected a tool choice that names a bound tool, but it is {forced!r}{did_you_mean(forced, schemas)}\n"
            f"  bound tools: {', '.join(schemas)}"
        )
    else:
        return None
    return (
        f"expected {problem}, but the script says {said}\n"
        f"hint: {remedy}; to test a model that does not obey, add check_tools=False to that answer"
    )


def call_problem(
    name: str, args: Mapping[str, Any], schemas: Mapping[str, Schema | None], *, is_automatic: bool = False
) -> str | None:
    """What is wrong with a call of the tool *name* with *args*, in whole lines; ``None`` if it fits."""
    if name not in schemas:
        return (
            f"expected a call of a bound tool, but the script calls {name!r}{did_you_mean(name, schemas)}\n"
            f"  bound tools: {', '.join(schemas) or 'none'}\n"
            "hint: to test how the program takes a call of an unknown tool, add check_tools=False to that answer"
        )
    schema = schemas[name]
    problem = None if schema is None else schema_problem(args, schema)
    if problem is None:
        return None
    hint = "to test how the program takes such a call, add check_tools=False to that answer"
    return (
        f"expected arguments that fit the tool {name!r}, but {problem}\n"
        f"  {'made by auto()' if is_automatic else 'scripted'}: {call_text(name, args)}\n"
        f"  the tool takes: {_signature(schema or {})}\n"
        f"hint: {f'{_calling(name)}; auto() found nothing that fits' if is_automatic else hint}"
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest of the *known* names as the end of a sentence, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def call_text(name: str, args: Mapping[str, Any]) -> str:
    """A tool call as people write one: ``search(q='weather')``."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in args.items())})"


def json_problem(value: Any, path: str) -> str | None:
    """Why *value* could not have come from a model, which writes JSON; ``None`` if it could."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"the key {key!r} in {path} is not a string"
            if problem := json_problem(item, f"{path}[{key!r}]"):
                return problem
        return None
    if isinstance(value, (list, tuple)):
        problems = (json_problem(item, f"{path}[{i}]") for i, item in enumerate(value))
        return next(filter(None, problems), None)
    return None if _is_json_scalar(value) else f"{path} is {value!r} ({type(value).__name__}), and a model writes JSON"


def schema_problem(value: Any, schema: Schema, path: str = "", root: Schema | None = None) -> str | None:
    """
    The first way in which *value* does not fit the JSON *schema*, as the end of a sentence; ``None`` if it fits.

    Keywords that are not checked here (patterns, formats, conditions) count as fitting.
    """
    root = schema if root is None else root
    schema = _resolved(schema, root)
    checks: list[Callable[[Any, Schema, str, Schema], str | None]] = [
        _value_problem, _type_problem, _range_problem, _choice_problem, _object_problem, _items_problem
    ]  # fmt: skip
    return next(filter(None, (check(value, schema, path, root) for check in checks)), None)


def example(schema: Schema, root: Schema | None = None, inside: frozenset[str] = frozenset()) -> Any:
    """
    A value that fits the JSON *schema*: defaults and first choices where it has them, else the smallest.

    Args:
        schema: The schema.

        root: The one that it is a part of, where references lead to.

        inside: The references that lead here: following one again would never end.
    """
    root = schema if root is None else root
    reference = _reference(schema)
    if reference in inside:
        return _example_text(_ANYTHING)
    inside |= {reference} if reference else frozenset()
    schema = _resolved(schema, root)
    for keyword in ("const", "default"):
        if keyword in schema and schema_problem(schema[keyword], schema, "", root) is None:
            return schema[keyword]
    for keyword in ("enum", "examples"):
        if schema.get(keyword):
            return schema[keyword][0]
    for keyword in ("anyOf", "oneOf"):
        if schema.get(keyword):
            choices = [choice for choice in schema[keyword] if _reference(choice) not in inside] or schema[keyword]
            return example(_first_that_is_something(choices, root), root, inside)
    return _example_of_type(_first_type(schema), schema, root, inside)


def _calling(name: str) -> str:
    return f"script .respond(tool_calls=[({name!r}, {{...}})]), or for structured output the object itself"


def _name_and_schema(tool: Any) -> tuple[str, Schema | None]:
    if isinstance(tool, Mapping):
        described = tool["function"] if isinstance(tool.get("function"), Mapping) else tool
        name = described.get("name") or described.get("title") or described.get("type") or "?"
        schema = described.get("parameters", described.get("input_schema"))
        return str(name), schema if isinstance(schema, Mapping) else None
    return _name_and_schema(convert_to_openai_tool(tool))


def _signature(schema: Schema) -> str:
    required = schema.get("required", ())
    parameters = [
        f"{name}: {_type_text(_resolved(part, schema))}{'' if name in required else ' (optional)'}"
        for name, part in schema.get("properties", {}).items()
    ]
    return ", ".join(parameters) or "no arguments"


def _type_text(schema: Schema) -> str:
    if "enum" in schema:
        return " | ".join(repr(value) for value in schema["enum"])
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " | ".join(_type_text(choice) for choice in choices)
    kind = schema.get("type", "anything")
    return kind if isinstance(kind, str) else " | ".join(kind)


def _is_json_scalar(value: Any) -> bool:
    if isinstance(value, float):
        return value == value and value not in (float("inf"), float("-inf"))
    return value is None or isinstance(value, (str, int))


def _resolved(schema: Any, root: Schema) -> Schema:
    """*schema* with its ``$ref`` followed and ``allOf`` folded in, as pydantic writes them."""
    if not isinstance(schema, Mapping):
        return _ANYTHING
    if isinstance(reference := schema.get("$ref"), str):
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_resolved(_look_up(reference, root), root), **rest}
    if isinstance(parts := schema.get("allOf"), list) and len(parts) == 1:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        return {**_resolved(parts[0], root), **rest}
    return schema


def _reference(schema: Any) -> str | None:
    reference = schema.get("$ref") if isinstance(schema, Mapping) else None
    return reference if isinstance(reference, str) else None


def _look_up(reference: str, root: Schema) -> Any:
    found: Any = root
    for key in filter(None, reference.lstrip("#").split("/")):
        found = found.get(key, _ANYTHING) if isinstance(found, Mapping) else _ANYTHING
    return found


def _where(path: str) -> str:
    return f"{path!r}" if path else "the arguments"


def _value_problem(value: Any, schema: Schema, path: str, root: Schema) -> str | None:
    if "const" in schema and value != schema["const"]:
        return f"{_where(path)} is {value!r} and not {schema['const']!r}"
    if schema.get("enum") and value not in schema["enum"]:
        return f"{_where(path)} is {value!r} and not one of {', '.join(map(repr, schema['enum']))}"
    return None


def _type_problem(value: Any, schema: Schema, path: str, root: Schema) -> str | None:
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds or []
    if not kinds or any(_is_type(value, kind) for kind in kinds):
        return None
    return f"{_where(path)} is {value!r} and not of type {' or '.join(kinds)}"


def _is_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, (object,)))


def _range_problem(value: Any, schema: Schema, path: str, root: Schema) -> str | None:
    size, low, high = value, "minimum", "maximum"
    if isinstance(value, str):
        size, low, high = len(value), "minLength", "maxLength"
    elif isinstance(value, (list, tuple)):
        size, low, high = len(value), "minItems", "maxItems"
    if isinstance(size, bool) or not isinstance(size, (int, float)):
        return None
    outside = (
        size < schema.get(low, size)
        or size > schema.get(high, size)
        or (low == "minimum" and _is_excluded(size, schema))
    )
    limits = {key: schema[key] for key in (low, high, "exclusiveMinimum", "exclusiveMaximum") if key in schema}
    return f"{_where(path)} is {value!r}, outside {json.dumps(limits)}" if outside else None


def _is_excluded(number: float, schema: Schema) -> bool:
    low, high = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    return (low is not None and number <= low) or (high is not None and number >= high)


def _choice_problem(value: Any, schema: Schema, path: str, root: Schema) -> str | None:
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not choices:
        return None
    problems = [schema_problem(value, choice, path, root) for choice in choices]
    if not all(problems):
        return None
    return next((p for p in problems if p and " and not of type " not in p), problems[0])


def _object_problem(value: Any, schema: Schema, path: str, root: Schema) -> str | None:
    if not isinstance(value, Mapping):
        return None
    known = schema.get("properties", {})
    extra = schema.get("additionalProperties", "properties" not in schema)
    for name in schema.get("required", ()):
        if name not in value:
            return f"{_join(path, name)!r} is missing"
    for name, item in value.items():
        if name not in known and not extra:
            return f"it takes no {_join(path, name)!r}{did_you_mean(name, known)}"
        part = known.get(name, extra if isinstance(extra, Mapping) else _ANYTHING)
        if problem := schema_problem(item, part, _join(path, name), root):
            return problem
    return None


def _items_problem(value: Any, schema: Schema, path: str, root: Schema) -> str | None:
    if not isinstance(value, (list, tuple)):
        return None
    first: Sequence[Any] = schema.get("prefixItems", ())
    rest = schema.get("items", _ANYTHING)
    parts = [*first, *([rest] * (len(value) - len(first)))]
    pairs = enumerate(zip(value, parts, strict=False))
    problems = (schema_problem(item, part, f"{path}[{i}]", root) for i, (item, part) in pairs)
    return next(filter(None, problems), None)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _first_that_is_something(choices: Sequence[Any], root: Schema) -> Schema:
    # LangChain leaves nothing of a model inside itself; any other choice is known better.
    described = [choice for choice in choices if choice] or choices
    fitting = (choice for choice in described if _resolved(choice, root).get("type") != "null")
    first: Schema = next(fitting, described[0])
    return first


def _first_type(schema: Schema) -> str:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    return kind if isinstance(kind, str) else next((k for k in kind if k != "null"), "null")


def _example_of_type(kind: str, schema: Schema, root: Schema, inside: frozenset[str]) -> Any:
    if kind == "object":
        return _example_object(schema, root, inside)
    if kind == "array":
        items = [example(part, root, inside) for part in schema.get("prefixItems", ())]
        missing = max(0, schema.get("minItems", 0) - len(items))
        item = schema.get("items", _ANYTHING)
        return items + [_another(item, i if schema.get("uniqueItems") else 0, root, inside) for i in range(missing)]
    if kind in {"integer", "number"}:
        return _example_number(kind, schema)
    return {"boolean": False, "null": None}.get(kind, _example_text(schema))


def _example_object(schema: Schema, root: Schema, inside: frozenset[str]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    made = {name: example(properties.get(name, _ANYTHING), root, inside) for name in schema.get("required", ())}
    missing = max(0, schema.get("minProperties", 0) - len(made))
    others = schema.get("additionalProperties", _ANYTHING)
    return made | {"a" * (i + 1): example(others, root, inside) for i in range(missing)}


def _another(schema: Schema, number: int, root: Schema, inside: frozenset[str]) -> Any:
    """An example, and for each *number* another one, as far as the type tells how."""
    value = example(schema, root, inside)
    schema = _resolved(schema, root)
    if schema.get("enum"):
        return schema["enum"][number % len(schema["enum"])]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value + number * schema.get("multipleOf", 1)
    return value + "a" * number if isinstance(value, str) else value


def _example_number(kind: str, schema: Schema) -> float:
    fitting = (number for number in _numbers(schema) if _is_example(number, kind, schema))
    number = next(fitting, 0)
    return int(number) if kind == "integer" else number


def _numbers(schema: Schema) -> Iterator[float]:
    """Numbers that are worth a try, the plainest first."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = schema.get("multipleOf", 1)
    yield from (low, 0) if low is not None else (0,)
    for bound in (low, high):
        if bound is not None:
            # Rounded, since 3 * 0.1 is not 0.3.
            multiples = ((bound // step + i) * step for i in (0, 1, -1))
            yield from (round(multiple, 12) for multiple in multiples)
            yield bound
    if low is not None and high is not None:
        yield (low + high) / 2


def _is_example(number: float, kind: str, schema: Schema) -> bool:
    step = schema.get("multipleOf", 1 if kind == "integer" else None)
    if _range_problem(number, schema, "", schema) is not None:
        return False
    return step is None or abs(number / step - round(number / step)) < _NEARLY


def _example_text(schema: Schema) -> str:
    if schema.get("contentMediaType") == "application/json":
        return json.dumps(example(schema.get("contentSchema", _ANYTHING)))
    if "pattern" in schema:
        # Only here: most schemas have none.
        from pytest_lc_callbacks._fake.matching_text import matching_text

        if (text := matching_text(schema["pattern"])) is not None:
            return text
    text = _FORMATS.get(schema.get("format", ""), "a")
    return text.ljust(schema.get("minLength", 0), "a")[: schema.get("maxLength", None)]
