"""The package as a whole: what is shipped, and which room may know which."""

from __future__ import annotations

import ast
import re
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

# Small rooms that know no package of ours.
GROUND = {
    "_by_identity",
    "_causes",
    "_made",
    "_model_calls",
    "_providers",
    "_redaction",
    "_patches",
    "_source",
    "_stack",
    "_threads",
    "_values",
    "_words",
}
# Which packages a package may import, with all that is below those; inside functions and for annotations too.
ARROWS: dict[str, set[str]] = {
    "_words": {"_redaction", "_values"},
    "_causes": {"_words"},
    "_recording": {"_words", "_causes", "_source"},
    "_scopes": {"_recording", "_source", "_stack", "_model_calls"},
    "_fake": {"_words", "_made", "_patches", "_providers", "_model_calls"},
    "_handlers": {"_scopes", "_patches", "_made", "_threads", "_by_identity"},
    "_findings": {"_scopes", "_patches", "_threads", "_by_identity"},
    "_report": {"_findings", "_redaction"},
    "_contract": {"_handlers", "_fake"},
    "_watching": {"_handlers", "_findings", "_fake", "_report"},
}
# These hand the rest to a user, who may want any room.
DOORS = {"__init__", "__main__", "plugin", "hooks", "contract"}

# Who may know what is not in the standard library.
OUTSIDE = {
    "langchain_core": {"_fake", "_handlers", "_findings", "_watching", "_model_calls", "_contract"},
    "langgraph": {"_handlers", "_contract"},
    "pydantic": {"_fake", "_contract"},
    "typing_extensions": {"_fake"},
    "pytest": {"_watching", "_contract", "plugin", "hooks"},
    "pluggy": {"plugin", "hooks"},
    "jinja2": {"_report"},
    # jinja2 is built on it; its Markup is the one text that a template does not escape.
    "markupsafe": {"_report"},
    # JUnit files have no public way to add to a failure.
    "_pytest": {"_watching"},
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
    allowed = ARROWS.get(room, set())
    return allowed.union(*map(below, allowed))


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
            # `from pytest_lc_callbacks._watching import settings` is about the file, not about the package.
            found = {f"{module}.{alias.name}" for alias in node.names}
            files = {name for name in found if PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py").exists()}
            yield from files or (module,)


@pytest.mark.once
def test_the_wheel_holds_the_package_and_nothing_else(tmp_path, monkeypatch):
    """
    The wheel is the package and the guide's page about causes: no tests, no examples, no second top-level name.
    """
    hatchling = pytest.importorskip("hatchling.build", reason="the wheel is built by hatchling")
    checkout = HERE.parent
    # A build backend is called in the project's folder.
    monkeypatch.chdir(checkout)

    with ZipFile(tmp_path / hatchling.build_wheel(str(tmp_path))) as wheel:
        shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
        causes = wheel.read(f"{NAME}/causes.md")
        [entry_points] = (wheel.read(name).decode() for name in wheel.namelist() if name.endswith("entry_points.txt"))

    source = (p for p in (checkout / NAME).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    assert shipped == {p.relative_to(checkout).as_posix() for p in source} | {f"{NAME}/causes.md"}
    assert causes == checkout.joinpath("docs", "causes.md").read_bytes()
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
    assert room in ARROWS or room in GROUND, f"{room} is a new room: say in ARROWS which rooms it may import"
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


def test_the_table_of_arrows_can_be_seen_at_one_look():
    """
    At most ten packages have arrows, and each name in the table is a package, a ground room or one to come.
    """
    assert len(ARROWS) <= 10
    assert set().union(*ARROWS.values()) - GROUND <= set(ARROWS)


@pytest.mark.parametrize(
    "package", sorted({path.parent for path in PACKAGE.rglob("_*/__init__.py")}), ids=lambda p: p.name
)
def test_no_two_files_of_a_package_need_each_other(package):
    """
    Taking away whatever needs nothing that is left, all files of a package go.
    """
    dotted = {
        path: ".".join([NAME, *path.relative_to(PACKAGE).with_suffix("").parts]) for path in package.rglob("*.py")
    }
    files = set(dotted.values())
    left = {name: files.intersection(imports(path)) - {name} for path, name in dotted.items()}
    while ready := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in ready:
            del left[name]

    assert left == {}


HOUSE = HERE.parent.joinpath("docs", "house.md").read_text(encoding="utf-8")


def test_the_house_names_every_file():
    """
    The tree in `docs/house.md` has every file of the package, each with its job, and none that is gone.
    """
    tree = HOUSE.partition(f"```\n{NAME}/\n")[2].partition("```")[0]
    faces = {f"{package}/__init__.py" for package in drawn(tree, "/")}

    assert drawn(tree, ".py") | faces == {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    assert [line for line in tree.splitlines() if line and len(line.split()) < 2] == []


def drawn(tree: str, end: str) -> set[str]:
    """The paths with this *end* that a *tree* draws: what is in a folder is indented below it."""
    found, folders = set(), {0: ""}
    for line in filter(None, tree.splitlines()):
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        folders[depth] = folders[depth - 1] + name
        if name.endswith(end):
            found.add(folders[depth].removesuffix("/"))
    return found


def test_the_house_draws_the_arrows_that_are_held():
    """
    The table in `docs/house.md` is the table of arrows, without the rooms that are to come.
    """
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", HOUSE, re.MULTILINE)
    here = rooms().keys()

    assert {room: set(re.findall(r"\w+", names)) for room, names in rows} == {
        room: known & here for room, known in ARROWS.items() if room in here
    }


@pytest.mark.parametrize("name", [name for name in pytest_lc_callbacks.__all__ if name != "EventName"])
def test_the_guide_names_what_users_see(name):
    """
    What a public class has beside LangChain's own attributes stands in the guide, and nothing else is public.
    """
    public = getattr(pytest_lc_callbacks, name)
    if not isinstance(public, type):
        return
    ours = [base for base in public.__mro__ if base.__module__.startswith(NAME)]
    theirs = {attribute for base in public.__mro__ if base not in ours for attribute in dir(base)}
    pages = [HERE.parent / "README.md", *HERE.parent.joinpath("docs").glob("*.md")]
    spans = [span for page in pages for span in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))]
    told = {word for span in spans for word in re.findall(r"(?:^|\.)(\w+)", span)}

    public_names = {a for base in ours for a in vars(base) if not a.startswith("_")}
    # The checks of a suite have a table of their own.
    checks = {a for a in public_names if a.startswith("test_")}
    assert public_names - checks - theirs - told == set()


def test_every_public_name_can_be_had():
    """
    What the package lists, it has: each name is fetched from its room when first asked for.
    """
    for name in pytest_lc_callbacks.__all__:
        assert getattr(pytest_lc_callbacks, name).__module__.startswith(NAME) or name == "EventName"


@pytest.mark.once
@pytest.mark.parametrize("path", sorted(HERE.rglob("test_*.py")), ids=lambda path: path.relative_to(HERE).as_posix())
def test_every_test_states_a_fact(path):
    """
    Read together, the docstrings of the tests are the plugin's specification.
    """
    functions = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, FUNCTIONS)]
    tests = [function for function in functions if function.name.startswith("test_")]

    assert [test.name for test in tests if not ast.get_docstring(test)] == []
