"""What stands around a line in the source of a file."""

from __future__ import annotations

import ast
import linecache
import zipimport
from importlib.util import spec_from_loader
from zipfile import ZipFile

import pytest

from pytest_lc_callbacks._source import line_of, lines_of, nodes_around, nodes_of

SOURCE = """\
import json


def outer(value):
    if value:
        def inner():
            return json.dumps(
                value
            )
        return inner
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(SOURCE, encoding="utf-8")
    return str(path)


def test_the_outermost_comes_first(file):
    """
    The statements that hold a line come from the outermost to the innermost, of the wanted kinds alone.
    """
    statements = [type(node).__name__ for node in nodes_around(file, 8, ast.stmt)]
    functions = [node.name for node in nodes_around(file, 8, ast.FunctionDef)]

    assert statements == ["FunctionDef", "If", "FunctionDef", "Return"]
    assert functions == ["outer", "inner"]


def test_a_module_holds_every_line(file):
    """
    A line outside every function is held by the module, which nobody gets who asks for functions.
    """
    assert nodes_around(file, 1, ast.FunctionDef) == []
    assert [type(node) for node in nodes_around(file, 1, ast.Module, ast.FunctionDef)] == [ast.Module]


@pytest.mark.parametrize("source", ["def broken(:\n", "x = " + "(" * 5_000 + ")" * 5_000, "a\0b", ""])
def test_a_source_that_is_not_known(tmp_path, source):
    """
    Of a file that is missing, no Python or nested too deep there are no functions, and nothing is raised.
    """
    path = tmp_path / "program.py"
    path.write_text(source, encoding="utf-8")

    assert nodes_around(str(path), 1, ast.FunctionDef) == []
    assert nodes_around(str(tmp_path / "missing.py"), 1, ast.FunctionDef) == []
    assert nodes_around(None, 1, ast.FunctionDef) == []


def test_a_file_that_changes(file, tmp_path):
    """
    A file that is written again is read again: what stands around a line is never that of an earlier text.
    """
    assert nodes_around(file, 5, ast.If)

    (tmp_path / "program.py").write_text("x = 1\n" * 9, encoding="utf-8")
    linecache.checkcache(file)

    assert nodes_around(file, 5, ast.If) == []


def test_a_module_in_an_archive(tmp_path):
    """
    The global names of a module lead to its source in an archive.
    """
    with ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("program.py", SOURCE)
    loader = zipimport.zipimporter(str(tmp_path / "archive.zip"))
    module = {"__name__": "program", "__loader__": loader, "__spec__": spec_from_loader("program", loader)}

    found = nodes_around(loader.get_filename("program"), 8, ast.FunctionDef, module=module)

    assert [node.name for node in found] == ["outer", "inner"]


def test_a_module_without_a_spec(file):
    """
    Of a module that has a loader and no spec, such as code that a program executes itself, the file is read.
    """
    module = {"__name__": "program", "__loader__": zipimport.zipimporter, "__spec__": None}

    assert nodes_around(file, 5, ast.If, module=module)


def test_a_line(file, tmp_path):
    """
    A line is told without white space around it, and is empty where there is none of its number.
    """
    assert line_of(file, 5) == "if value:"
    assert [line_of(file, number) for number in (None, 0, 99)] == ["", "", ""]
    assert lines_of(str(tmp_path / "missing.py")) == []


def _shown(function):
    return function


@_shown
def _decorated(value):
    return value


def test_a_function():
    """
    The nodes of a function begin with its definition, decorated or not; a lambda has none.
    """
    assert [nodes_of(each)[0].name for each in (_shown, _decorated)] == ["_shown", "_decorated"]
    assert any(isinstance(node, ast.Return) for node in nodes_of(_decorated))
    assert nodes_of(lambda: None) == []
