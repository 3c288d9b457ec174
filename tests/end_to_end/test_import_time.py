"""What pytest has to load because the plugin is installed: next to nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# Runs pytest on its arguments and then tells what was imported meanwhile, on the last line.
PROBE = """
import json, sys
import pytest
code = pytest.main(sys.argv[1:])
print()
print(json.dumps([int(code), sorted(sys.modules)]))
"""
# Named although the subtraction below covers them: these are what a plugin for LangChain is tempted to load.
HEAVY = {"langchain_core", "langgraph", "langsmith", "pydantic", "jinja2", "asyncio"}

WAYS = {
    "by entry point": ["-p", "lc_callbacks"],
    "by module": ["-p", "pytest_lc_callbacks.plugin"],
}
ERRANDS = ["--help", "--fixtures", "--markers", "--collect-only", "--verbose"]


def loaded(directory, *args):
    """The top-level names that a pytest without autoloading imports for *args*."""
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # Neither are the settings of the run that this test is part of.
    for name in [n for n in env if n.startswith(("PYTEST_XDIST", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "COV"))]:
        del env[name]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *args], cwd=directory, env=env, capture_output=True, text=True, check=True
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == pytest.ExitCode.OK, done.stdout
    return {name.split(".")[0] for name in modules}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with one test that has nothing to do with LangChain."""
    directory = tmp_path_factory.mktemp("project")
    (directory / "test_sums.py").write_text("def test_sum():\n    assert 1 + 1 == 2\n")
    return directory


@pytest.fixture(scope="module")
def plain(project):
    """What pytest loads by itself for each errand."""
    return {errand: loaded(project, errand) for errand in ERRANDS}


@pytest.mark.parametrize("errand", ERRANDS)
@pytest.mark.parametrize("way", WAYS)
def test_loading_the_plugin_imports_nothing_heavy(project, plain, way, errand):
    """
    The plugin imports itself and modules of Python's own, however it is loaded and whatever pytest is asked to do.
    """
    brought = loaded(project, *WAYS[way], errand) - plain[errand]

    assert "pytest_lc_callbacks" in brought
    assert brought & HEAVY == set()
    assert brought - sys.stdlib_module_names == {"pytest_lc_callbacks"}
