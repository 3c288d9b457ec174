"""Findings as annotations of GitHub Actions, at the line of the test."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_lc_callbacks._report.lines import Line
from pytest_lc_callbacks._words import count

# GitHub shows ten of a kind and step: the last of them counts the rest.
_SHOWN = 9
_KINDS = {"error": "error", "warn": "warning"}


def is_github() -> bool:
    """Whether GitHub Actions reads what we print."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def is_step_summary(path: Path) -> bool:
    """Whether *path* is the file to which the commands of a step append."""
    given = os.environ.get("GITHUB_STEP_SUMMARY")
    return bool(given) and Path(str(given)) == path


def commands(lines: Iterable[Line], root: Path) -> list[str]:
    """
    The commands that GitHub reads off standard output.

    Args:
        lines: What the session wrote.

        root: The folder that the files of the tests are relative to.
    """
    told: dict[str, list[str]] = {kind: [] for kind in _KINDS.values()}
    left = dict.fromkeys(told, 0)
    for kind, text in _findings(lines, root):
        if len(told[kind]) < _SHOWN:
            told[kind].append(text)
        else:
            left[kind] += 1
    rest = [f"::{kind}::and {count(number, 'more finding')}, in the summary" for kind, number in left.items() if number]
    return [text for kind in told.values() for text in kind] + rest


def _findings(lines: Iterable[Line], root: Path) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line["kind"] == "test":
            for finding in line["findings"]:
                kind = _KINDS.get(finding["level"], "warning")
                yield kind, _command(kind, line, finding, root)


def _command(kind: str, test: Mapping[str, Any], finding: Mapping[str, Any], root: Path) -> str:
    place = {"title": f"{finding['name']} in {test['test']}"[:200]}
    if test["file"]:
        place = {"file": _from_workspace(test["file"], root), "line": str(test["line"] or 1), **place}
    properties = ",".join(f"{name}={_escaped(text, ',:')}" for name, text in place.items())
    return f"::{kind} {properties}::{_escaped(finding['summary'])}"


def _from_workspace(file: str, root: Path) -> str:
    """The path as GitHub knows it: from the checkout on."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    path = root / file
    if workspace and path.is_relative_to(workspace):
        path = path.relative_to(workspace)
        return path.as_posix()
    return file


def _escaped(text: str, more: str = "") -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    for sign in more:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
