"""How strict a test is: ini settings and markers, and what they refuse."""

from __future__ import annotations

import re

import pytest
from programs import HEAD, PROGRAMS

from pytest_lc_callbacks._watching.settings import FINDINGS, Settings, read_marker, refuse_unknown_names

INI = {f"lc_callbacks_{name}": level for name, (level, _) in FINDINGS.items()} | {
    "lc_callbacks_block_real_models": False
}


def mark(*args, **kwargs):
    """A marker as pytest gives it."""
    return pytest.mark.lc_callbacks(*args, **kwargs).mark


def test_the_defaults():
    """
    By default what is certain is an error, what may be meant is a warning, and real models are not blocked.
    """
    settings = Settings.of(INI.get, [])

    assert {name for name in FINDINGS if settings.level(name) == "warn"} == {
        "unfinished_run",
        "orphan_run",
        "lifecycle",
        "changed_payload",
        "duplicate_handler",
        "pending_task",
        "trace_upload",
    }
    assert all(settings.level(name) in ("warn", "error") for name in FINDINGS)
    assert not settings.block_real_models


def test_the_closest_wins():
    """
    The test's marker wins over the class's, and that over the project's setting.
    """
    ini = INI | {"lc_callbacks_lifecycle": "off", "lc_callbacks_block_real_models": True}
    markers = [mark(lifecycle="error"), mark(lifecycle="warn", orphan_run="off", block_real_models=False)]

    settings = Settings.of(ini.get, markers)

    assert (settings.level("lifecycle"), settings.level("orphan_run")) == ("error", "off")
    assert not settings.block_real_models
    assert Settings.of(ini.get, []).level("lifecycle") == "off"


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        (
            mark(handler_eror="off"),
            r"lc_callbacks\(handler_eror=...\): expected one of handler_error, duplicate_event, .* max_total_tokens "
            r"\(did you mean 'handler_error'\?\)",
        ),
        (mark(xyz=1), r"lc_callbacks\(xyz=...\): expected one of handler_error, [^(]*block_real_models, [^(]*_tokens$"),
        (
            mark(lifecycle="eror"),
            r"lc_callbacks\(lifecycle=...\): eror: expected one of off, warn, error \(did you mean",
        ),
        (mark(lifecycle=False), r"lc_callbacks\(lifecycle=...\): False: expected one of off, warn, error$"),
        (mark("off"), r"lc_callbacks\('off'\): expected keywords, such as handler_error='off'"),
        (mark(block_real_models="yes"), r"lc_callbacks\(block_real_models='yes'\): expected True or False"),
    ],
    ids=["misspelt name", "unknown name", "misspelt level", "no level", "no keyword", "no bool"],
)
def test_markers_that_mean_nothing(marker, message):
    """
    A marker that says something else is refused, with what it could say.
    """
    with pytest.raises(ValueError, match=message):
        read_marker(marker.args, marker.kwargs)


def test_settings_that_do_not_exist():
    """
    A setting with our prefix that does not exist is refused, and other settings are left alone.
    """
    refuse_unknown_names(["lc_callbacks_observe", "testpaths"], ["lc_callbacks_observe"])

    with pytest.raises(ValueError, match=r"lc_callbacks_obsrve: expected one of lc_callbacks_observe \(did you mean"):
        refuse_unknown_names(["lc_callbacks_obsrve"], ["lc_callbacks_observe"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "lc_callbacks_lifecycle=loud"], "lc_callbacks_lifecycle = loud: expected one of off, warn, error"),
        (["-o", "lc_callbacks_lifecicle=off"], r"lc_callbacks_lifecicle: .*did you mean 'lc_callbacks_lifecycle'\?\)"),
        (["-o", "lc_callbacks_observe=some"], "lc_callbacks_observe = some: expected one of auto, all, off"),
    ],
    ids=["level", "name", "observe"],
)
def test_the_project_is_told(pytester, options, message):
    """
    A wrong setting stops pytest before it collects, with the right ones.
    """
    result = pytester.runpytest_inprocess(*options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert re.search(message, result.stderr.str())


def test_a_project_without_settings(pytester):
    """
    A project without a settings file is told nothing.
    """
    pytester.makepyfile("def test_it():\n    pass")

    result = pytester.runpytest_inprocess("--no-header")

    result.assert_outcomes(passed=1, warnings=0)
    assert result.stderr.str() == ""


def test_a_wrong_setting_in_a_file(pytester):
    """
    A wrong setting is found in settings files, pyproject.toml among them.
    """
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nlc_callbacks_unused_respons = "off"')

    result = pytester.runpytest_inprocess()

    assert "(did you mean 'lc_callbacks_unused_response'?)" in result.stderr.str()


def test_a_wrong_marker_is_the_tests_error(pytester):
    """
    A test with a wrong marker does not run and is named, and the other tests run.
    """
    pytester.makepyfile("""
        import pytest

        @pytest.mark.lc_callbacks(unfinishd_run="warn")
        def test_wrong():
            pass

        @pytest.mark.lc_callbacks(unfinished_run="error")
        def test_right():
            pass
    """)

    result = pytester.runpytest_inprocess("-p", "no:randomly")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*::test_wrong: @pytest.mark.lc_callbacks(unfinishd_run=...): expected one *did you mean 'unfinished_run'?)"]
    )


def test_where_a_marker_may_stand(pytester):
    """
    A marker may stand on a test, its class or its module, and the closest wins.
    """
    test = PROGRAMS["handler_error"].replace("def test_it(fake", "def test_it(self, fake").replace("\n", "\n    ")
    pytester.makepyfile(
        HEAD
        + f"""
pytestmark = pytest.mark.lc_callbacks(handler_error="off")
{PROGRAMS["handler_error"].replace("test_it", "test_module")}
class TestClass:
    pytestmark = pytest.mark.lc_callbacks(handler_error="error")
    {test.replace("test_it", "test_class")}
    @pytest.mark.lc_callbacks(handler_error="off")
    {test.strip().replace("test_it", "test_test")}
"""
    )

    result = pytester.runpytest_inprocess("-p", "no:randomly", "-v")

    result.stdout.fnmatch_lines(["*::test_module PASSED*", "*::test_class FAILED*", "*::test_test PASSED*"])


def test_the_settings_are_listed(pytester):
    """
    `pytest --help` and `--markers` name every setting.
    """
    helped, marked = pytester.runpytest_inprocess("--help"), pytester.runpytest_inprocess("--markers")

    assert all(f"lc_callbacks_{name}" in helped.stdout.str() for name in FINDINGS)
    marked.stdout.fnmatch_lines(["@pytest.mark.lc_callbacks(finding=level, ...*"])
