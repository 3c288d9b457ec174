"""Lines of JSON as a session writes them, made by hand."""

from __future__ import annotations

from typing import Any

from pytest_lc_callbacks._report.lines import made


# The key of the line in the file.
def a_run(number: int, name: str, *, parent: int | None = None, type: str = "chain", **facts: Any) -> dict[str, Any]:  # noqa: A002
    """A run that ended well."""
    return {
        "id": number,
        "parent": parent,
        "replaced": False,
        "phase": "call",
        "name": name,
        "type": type,
        "status": "ended",
        "start": float(number),
        "duration": 1.0,
        "error": None,
        "tags": [],
        "metadata": {},
        "inputs": None,
        "outputs": None,
        "events": [[f"{type}_start", float(number), 1], [f"{type}_end", number + 1.0, 1]],
        "heard": [],
        **facts,
    }


def a_model(number: int, *, parent: int | None = None, tokens: int = 10, **facts: Any) -> dict[str, Any]:
    """A call of a model."""
    usage = {"input_tokens": tokens - 1, "output_tokens": 1, "total_tokens": tokens}
    known = {"model": "fake", "options": {}, "usage": usage, "tool_calls": [], **facts}
    return a_run(number, "FakeChatModel", parent=parent, type="chat_model", **known)


def a_tool(number: int, name: str, *, parent: int | None = None, **args: Any) -> dict[str, Any]:
    """A call of a tool."""
    return a_run(number, name, parent=parent, type="tool", inputs=args, failed=False)


def a_test(test: str, *, runs: Any = (), outcome: str = "passed", handlers: Any = (), **facts: Any) -> dict[str, Any]:
    """A test with these runs; each run heard by every handler unless it says otherwise."""
    listed = [{**run, "heard": run["heard"] or ["heard"] * len(handlers)} for run in runs]
    models = [run for run in listed if run["type"] in ("chat_model", "llm")]
    totals = {
        name: sum((run.get("usage") or {}).get(name, 0) for run in models)
        for name in ("input_tokens", "output_tokens", "total_tokens")
    }
    failed = outcome in ("failed", "error")
    return made(
        "test",
        **{
            "test": test,
            "attempt": 1,
            "outcome": outcome,
            "file": test.split("::")[0],
            "line": 3,
            "started": 1_700_000_000.0,
            "duration": 0.25,
            "phases": [{"when": "call", "outcome": outcome, "duration": 0.25}],
            "failures": [{"when": "call", "message": "assert 1 == 2", "text": "E  assert 1 == 2"}] if failed else [],
            "subtests": [],
            "watched": True,
            "causes": [],
            "findings": [],
            "handlers": list(handlers),
            "runs": listed,
            "left_out": 0,
            "totals": {
                "runs": len(listed),
                "events": 2 * len(listed),
                "model_calls": len(models),
                "tool_calls": sum(run["type"] == "tool" for run in listed),
                **totals,
            },
            **facts,
        },
    )
