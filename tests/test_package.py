"""The package as a whole: what is shipped, and which room may know which."""

from __future__ import annotations

import ast
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

import pytest_lc_callbacks

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
PACKAGE = Path(pytest_lc_callbacks.__file__).parent
NAME = PACKAGE.name

# Which rooms a room may import, with all that is below those; inside functions and for annotations too.
# A new room gets its line here before it gets a caller.
ARROWS: dict[str, set[str]] = {
    "_events": set(),
    "_patterns": {"_events"},
    "_matching": {"_patterns"},
    "_snapshot": {"_events"},
    "_trees": {"_events"},
    "_text": {"_matching"},
    "_hints": {"_matching"},
    "_expectations": {"_matching"},
    "_recording": {"_text", "_hints", "_expectations", "_snapshot", "_trees"},
    "_scopes": {"_recording"},
    "_scope_table": {"_scopes"},
    "_scope_targets": {"_scopes"},
    "_scope_evidence": {"_scope_targets"},
    "_scope_words": {"_events"},
    "_scope_reasons": {"_scope_evidence", "_scope_words"},
    "_scope_excess": {"_scopes", "_scope_words"},
    "_scope_failures": {"_scope_reasons", "_scope_excess"},
    "_scoped_recording": {"_scope_failures", "_scope_table"},
    "_findings": {"_scopes"},
    "_handler": {"_scoped_recording"},
    "_callers": set(),
    "_observer": {"_handler", "_callers"},
    "_patches": set(),
    "_settings": set(),
    "_warnings": set(),
    "_redaction": set(),
    "_living": set(),
    "_expected_errors": set(),
    "_handler_errors": {"_findings", "_callers"},
    "_swallowed": {"_handler_errors", "_patches"},
    "_langchains_own": {"_events", "_patches"},
    "_open_runs": {"_events"},
    "_real_models": {"_callers", "_patches"},
    "_spy": {"_handler", "_patches"},
    "_report_section": {"_findings"},
    "_watch": {
        "_expected_errors",
        "_fake_script",
        "_langchains_own",
        "_observer",
        "_open_runs",
        "_report_section",
        "_spy",
        "_swallowed",
    },
    "_outcome": {"_redaction", "_settings", "_warnings", "_watch"},
    "_parity": {"_observer"},
    "_report": {"_recording"},
}
# The fake model is a house of its own, and can be used without any recorder: its rooms know each other alone.
FAKE = {path.stem for path in PACKAGE.glob("_fake_*.py")}
ARROWS |= {room: FAKE - {room} for room in FAKE}
# These hand the rest to a user, who may want any room.
DOORS = {"__init__", "__main__", "plugin", "hooks", "contract"}

# Who may know what is not in the standard library.
OUTSIDE = {
    "langchain_core": {
        "_handler",
        "_langchains_own",
        "_observer",
        "_open_runs",
        "_parity",
        "_real_models",
        "_spy",
        "_swallowed",
        "contract",
    }
    | FAKE,
    "langgraph": {"_handler"},
    "pydantic": FAKE,
    "typing_extensions": FAKE,
    "pytest": {"_outcome", "plugin", "hooks", "contract"},
    "pluggy": {"plugin", "hooks"},
    "jinja2": {"_report"},
}


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def rooms() -> dict[str, list[Path]]:
    """Each room's name and its files: a module is one, a package may be several."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found.setdefault(room, []).append(path)
    return found


def below(room: str) -> set[str]:
    """Every room that *room* may import."""
    return ARROWS[room] if room in FAKE else ARROWS[room].union(*map(below, ARROWS[room]))


def known(room: str) -> set[str]:
    """Every other room that *room* imports."""
    named = (name.split(".") for path in rooms()[room] for name in imports(path))
    return {parts[1] for parts in named if parts[0] == NAME and len(parts) > 1} - {room}


def imports(path: Path) -> Iterator[str]:
    """The dotted name of everything that *path* imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides which room is meant"
            module = node.module or ""
            # `from pytest_lc_callbacks import _events` is about the room, not about the package.
            yield from (f"{NAME}.{alias.name}" for alias in node.names) if module == NAME else (module,)


@pytest.mark.once
def test_the_wheel_holds_the_package_and_nothing_else(tmp_path, monkeypatch):
    """
    The wheel is the package: no tests, no examples, no second top-level name.
    """
    hatchling = pytest.importorskip("hatchling.build", reason="the wheel is built by hatchling")
    checkout = HERE.parent
    # A build backend is called in the project's folder.
    monkeypatch.chdir(checkout)

    with ZipFile(tmp_path / hatchling.build_wheel(str(tmp_path))) as wheel:
        shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
        [entry_points] = (wheel.read(name).decode() for name in wheel.namelist() if name.endswith("entry_points.txt"))

    source = (p for p in (checkout / NAME).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    assert shipped == {p.relative_to(checkout).as_posix() for p in source}
    assert f"{NAME}/py.typed" in shipped
    assert entry_points.split("\n")[:2] == ["[pytest11]", f"lc_callbacks = {NAME}.plugin"]


def test_the_tests_import_what_is_installed():
    """
    Where the package is installed from a wheel, the tests look at that and not at the checkout they lie in.
    """
    installed = [f for f in distribution("pytest-lc-callbacks").files or () if f.as_posix() == f"{NAME}/__init__.py"]

    # An editable installation lists a pointer to the checkout instead of the package.
    assert [f.locate() for f in installed] in ([], [PACKAGE / "__init__.py"])


@pytest.mark.parametrize("room", sorted(rooms().keys() - DOORS))
def test_rooms_know_only_those_below_them(room):
    """
    Arrows between rooms point down, as the table in this file says.
    """
    assert room in ARROWS, f"{room} is a new room: say in ARROWS which rooms it may import"
    assert known(room) <= below(room)


@pytest.mark.parametrize("room", sorted(rooms()))
def test_only_the_rooms_that_say_so_know_the_world_outside(room):
    """
    LangChain, pytest and jinja2 are each known in the rooms made for them; elsewhere there is only Python.
    """
    roots = {name.split(".")[0] for path in rooms()[room] for name in imports(path)}
    outside = roots - sys.stdlib_module_names - {NAME}

    assert {name for name in outside if room not in OUTSIDE.get(name, set())} == set()


def test_no_two_rooms_need_each_other():
    """
    Taking away whatever needs nothing that is left, all rooms but the doors go.
    """
    left = {room: known(room) for room in rooms().keys() - DOORS}
    while ready := [room for room, needed in left.items() if not needed & left.keys()]:
        for room in ready:
            del left[room]

    assert left == {}


def test_every_public_name_can_be_had():
    """
    What the package lists, it has: each name is fetched from its room when first asked for.
    """
    for name in pytest_lc_callbacks.__all__:
        assert getattr(pytest_lc_callbacks, name).__module__.startswith(NAME) or name == "EventName"


@pytest.mark.once
@pytest.mark.parametrize("path", sorted(HERE.glob("test_*.py")), ids=lambda path: path.name)
def test_every_test_states_a_fact(path):
    """
    Read together, the docstrings of the tests are the plugin's specification.
    """
    functions = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, FUNCTIONS)]
    tests = [function for function in functions if function.name.startswith("test_")]

    assert [test.name for test in tests if not ast.get_docstring(test)] == []


def test_the_house_names_every_room():
    """
    The page for contributors names each room, and none that is gone.
    """
    page = HERE.parent.joinpath("docs", "house.md").read_text(encoding="utf-8")
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}

    assert named == {path.name for path in PACKAGE.glob("*.py")}
