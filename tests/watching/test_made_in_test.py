"""A test without any fixture of ours: a fake model that it makes is watched."""

from __future__ import annotations

import pytest

LEFT_OVER = """
    from pytest_lc_callbacks import FakeChatModel

    def test_a_question():
        model = FakeChatModel(responses=["Paris", "Oslo"])
        assert model.invoke("France?").content == "Paris"
"""
# pytest inside pytest would make errors of warnings, as ours does.
WARN = "-Wdefault::pytest_lc_callbacks.CallbackFindingWarning"


def test_a_script_left_over_is_a_warning(pytester):
    """
    A script left over is a warning where the test asks for none of our fixtures.
    """
    pytester.makepyfile(LEFT_OVER)

    result = pytester.runpytest_inprocess(WARN)

    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*unused_response*"])


def test_a_script_used_up_is_nothing(pytester):
    """
    A script that was used up gives no warning.
    """
    pytester.makepyfile(LEFT_OVER.replace(', "Oslo"', ""))

    result = pytester.runpytest_inprocess(WARN)

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*warning*")


@pytest.mark.parametrize(
    ("level", "outcomes"), [("error", {"failed": 1}), ("off", {"passed": 1}), ("warn", {"passed": 1, "warnings": 1})]
)
def test_the_project_may_set_the_level(pytester, level, outcomes):
    """
    A level that the project writes down holds for such a test as for any other.
    """
    pytester.makepyfile(LEFT_OVER)

    pytester.runpytest_inprocess(WARN, f"-olc_callbacks_unused_response={level}").assert_outcomes(**outcomes)


def test_a_marker_sets_the_level(pytester):
    """
    With the marker the test asks to be watched, and a script left over fails it.
    """
    pytester.makepyfile(LEFT_OVER.replace("def test", "import pytest\n\n    @pytest.mark.lc_callbacks\n    def test"))

    pytester.runpytest_inprocess(WARN).assert_outcomes(failed=1)


def test_nothing_is_watched_where_the_observer_is_off(pytester):
    """
    `lc_callbacks_observe = off` holds for fake models that tests make too.
    """
    pytester.makepyfile(LEFT_OVER)

    pytester.runpytest_inprocess(WARN, "-olc_callbacks_observe=off").assert_outcomes(passed=1)


@pytest.mark.parametrize(("scope", "warnings"), [("function", 1), ("module", 0), ("session", 0)])
def test_models_of_fixtures(pytester, scope, warnings):
    """
    The model of a test's own fixture is the test's; that of a wider fixture serves other tests too.
    """
    pytester.makepyfile(
        f"""
        import pytest
        from pytest_lc_callbacks import FakeChatModel

        @pytest.fixture(scope={scope!r})
        def model():
            return FakeChatModel(responses=["Paris", "Oslo"])

        def test_a_question(model):
            assert model.invoke("France?").content == "Paris"
        """
    )

    pytester.runpytest_inprocess(WARN).assert_outcomes(passed=1, warnings=warnings)


def test_a_failing_test_hears_what_the_program_hid(pytester):
    """
    A failing test keeps its error, and shows in its section what the program caught.
    """
    pytester.makepyfile(
        """
        from pytest_lc_callbacks import FakeChatModel

        def test_a_question():
            model = FakeChatModel(responses=["Paris", "Oslo"])
            model.on("France").respond("Rome")
            try:
                [model.invoke("France?") for _ in range(2)]
            except RuntimeError:
                pass
            assert False
        """
    )

    result = pytester.runpytest_inprocess(WARN)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E       assert False", "*- LangChain callbacks -*", "*exhausted_model*"])
    result.stdout.no_fnmatch_line("*unused_response*")


def test_a_call_that_goes_on(pytester):
    """
    While a call goes on, nothing is said of the script; when the fixtures are torn down, it is judged.
    """
    pytester.makepyfile(
        """
        import pytest
        from pytest_lc_callbacks import FakeChatModel

        @pytest.fixture
        def streams():
            streams = []
            yield streams
            for stream in streams:
                model.invoke("Norway?")

        model = None

        def test_a_question(streams):
            global model
            model = FakeChatModel(responses=["Paris", "Oslo"])
            streams.append(model.stream("France?"))
            next(streams[0])
            model.calls[0].response = None
        """
    )

    pytester.runpytest_inprocess(WARN).assert_outcomes(passed=1)


def test_another_observer_goes_on_hearing(pytester):
    """
    A fake model that is made while `observe_callbacks` is on takes nothing from it.
    """
    pytester.makepyfile(
        """
        from pytest_lc_callbacks import FakeChatModel, observe_callbacks

        def test_a_question():
            with observe_callbacks() as observed:
                FakeChatModel().invoke("France?")
            assert observed.names == ["chat_model_start", "llm_end"]
        """
    )

    pytester.runpytest_inprocess(WARN).assert_outcomes(passed=1)


def test_an_exhausted_model_that_the_program_hides(pytester):
    """
    What the program caught is a warning too.
    """
    pytester.makepyfile(
        """
        from pytest_lc_callbacks import FakeChatModel

        def test_a_question():
            model = FakeChatModel(responses=["Paris"])
            for _ in range(2):
                try:
                    model.invoke("France?")
                except RuntimeError:
                    pass
        """
    )

    result = pytester.runpytest_inprocess(WARN)

    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*exhausted_model*"])


def test_tests_without_a_model_are_left_alone(pytester):
    """
    A test that makes no fake model is not watched: its failure shows no section.
    """
    pytester.makepyfile("def test_sum():\n    assert 1 + 1 == 3\n")

    result = pytester.runpytest_inprocess(WARN)

    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*LangChain callbacks*")
