"""The page: one HTML file that opens from disk and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import IO, Any

from jinja2 import Environment
from markupsafe import Markup

from pytest_lc_callbacks._report.lines import Line
from pytest_lc_callbacks._report.page_content import Content, pack
from pytest_lc_callbacks._words import count

_FILES = files("pytest_lc_callbacks") / "_report" / "page_files"
_SCRIPTS = ("data.js", "search.js", "copy.js", "tree.js", "app.js")


def write_page(file: IO[str], lines: Iterable[Line], changes: Mapping[str, Any] | None = None) -> None:
    """
    Write the page of a session, or of several that are merged.

    Args:
        file: Where to.

        lines: What the sessions wrote; see docs/reports.md. Each is read once and then let go.

        changes: What differs from another run; see `compare.as_page`.
    """
    content = Content()
    for line in lines:
        content.add(line)
    style = (_FILES / "page.css").read_text(encoding="utf-8")
    script = "".join((_FILES / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    # Every value is text to the template; only these two are markup, and they are our own.
    environment = Environment(autoescape=True, trim_blocks=False, keep_trailing_newline=True)
    template = environment.from_string((_FILES / "page.html").read_text(encoding="utf-8"))
    stream = template.stream(
        policy=_policy(script, style),
        style=Markup(style),
        script=Markup(script),
        blocks=content.finish_blocks(),
        index=pack(json.dumps(content.index(), separators=(",", ":"))),
        changes=changes,
        capabilities=content.capabilities,
        plain=content.plain(),
        **_head(content),
    )
    stream.enable_buffering(1000)
    file.writelines(stream)


def _policy(script: str, style: str) -> Markup:
    def hashed(text: str) -> str:
        digest = hashlib.sha256(text.encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    rules = (f"script-src {hashed(script)}", f"style-src {hashed(style)}", "base-uri 'none'", "form-action 'none'")
    return Markup("; ".join(["default-src 'none'", *rules]))


def _head(content: Content) -> dict[str, Any]:
    totals = content.totals
    versions = dict.fromkeys(
        f"{name} {number}" for each in content.sessions for name, number in each["versions"].items()
    )
    began = min((each["started"] for each in content.sessions), default=None)
    when = [] if began is None else [time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(began))]
    wrong = totals.failed + totals.errors
    unfinished = len(content.sessions) - content.ended
    counted = [
        (totals.tests, "test", ""),
        (totals.failed, "failed", "bad" if totals.failed else ""),
        *([(totals.errors, "error", "bad")] if totals.errors else []),
        (totals.findings, "finding", "warn" if totals.findings else ""),
        (totals.model_calls, "model call", ""),
        (totals.tool_calls, "tool call", ""),
        (totals.tokens, "token", ""),
    ]
    tiles = [
        {"number": f"{number:,}", "what": noun if number == 1 or noun == "failed" else f"{noun}s", "tone": tone}
        for number, noun, tone in counted
    ]
    return {
        "title": f"{wrong:,} failed of {totals.tests:,} tests - LangChain callbacks"
        if wrong
        else "LangChain callbacks",
        "versions": " · ".join([*when, *versions]),
        "tiles": [*tiles, {"number": f"{totals.seconds:,.1f} s", "what": "in tests", "tone": ""}],
        "remarks": [f"{count(unfinished, 'session')} did not end: tests may be missing."] if unfinished > 0 else [],
    }
