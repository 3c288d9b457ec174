"""The guide's table of checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from suites import check_names

from pytest_lc_callbacks.contract import CallbackHandlerTests

PAGE = Path(__file__).resolve().parents[2] / "docs" / "handler-authors.md"


@pytest.mark.once
def test_the_guide_lists_every_check():
    """
    The table in the guide has each check with the first line of its docstring, in alphabetical order.
    """
    table = PAGE.read_text(encoding="utf-8").partition("## The checks")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)

    said = {name: getattr(CallbackHandlerTests, f"test_{name}").__doc__.strip() for name in check_names()}
    assert rows == sorted(said.items())
