"""Runs that nobody will end: they are found when the fixtures are gone, and it is said why nobody will."""

from __future__ import annotations

import pytest
from programs import HEAD

SET_TO_ERROR = "-olc_callbacks_unfinished_run=error"


@pytest.fixture
def run(pytester):
    """Runs a test file that leaves something open."""

    def run(source, *args):
        pytester.makepyfile(HEAD + source)
        return pytester.runpytest_inprocess("-p", "no:randomly", SET_TO_ERROR, *args)

    return run


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "KEPT.append(FakeChatModel().stream('hi')); next(KEPT[0])",
            "FakeChatModel: something still refers to its stream, which nobody reads to its end or closes",
        ),
        (
            "KEPT.append((RunnableLambda(str) | FakeChatModel()).stream('hi')); next(KEPT[0])",
            "RunnableSequence: something still refers to its stream, which nobody reads to its end or closes",
        ),
        (
            """
    begun, go = threading.Event(), threading.Event()
    KEPT.append(go)
    def work(value):
        begun.set()
        go.wait()
    KEPT.append(threading.Thread(target=RunnableLambda(work).invoke, args=(1,), name="worker", daemon=True))
    KEPT[1].start()
    begun.wait()
""",
            "work: the thread worker is still in it",
        ),
        (
            """
    begun = asyncio.Event()
    async def wait(value):
        begun.set()
        await asyncio.get_running_loop().create_future()
    loop = asyncio.new_event_loop()
    KEPT.append(RunnableLambda(wait).ainvoke(1))
    task = loop.create_task(KEPT[0])
    loop.run_until_complete(begun.wait())
    task._log_destroy_pending = False
    loop.close()
""",
            "wait: something still refers to its coroutine, which nobody goes on with",
        ),
        (
            """
    begun = asyncio.Event()
    async def wait(value):
        begun.set()
        await asyncio.get_running_loop().create_future()
    loop = asyncio.new_event_loop()
    task = loop.create_task(RunnableLambda(wait).ainvoke(1))
    loop.run_until_complete(begun.wait())
    task._log_destroy_pending = False
    loop.close()
""",
            "wait: nothing is left that could end it: *",
        ),
        (
            "CallbackManager.configure().on_tool_start({'name': 'search'}, 'q')",
            "search: nothing is left that could end it: what ran it was dropped half-way, or never said that it ended",
        ),
    ],
    ids=["a kept stream", "a kept chain", "a thread", "a kept coroutine", "a dropped coroutine", "by hand"],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning")
def test_who_forgot_it(run, body, reason):
    """
    A kept generator, a thread that never ends and a coroutine that was dropped are each found, and told apart.
    """
    source = body if body.startswith("\n") else f"\n    {body}\n"
    result = run(
        f"""
@pytest.mark.lc_callbacks
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning")
def test_it():{source}

def test_clean_up():
    for kept in KEPT:
        try:
            getattr(kept, "close", getattr(kept, "set", getattr(kept, "join", None)))()
        except RuntimeError:
            # LangChain cannot end a run without a loop.
            pass
"""
    )

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "expected every run to have ended with its test, but * still open: *  [[]unfinished_run]",
            f"  {reason.replace('[', '[[]')}",
            "to allow this: *",
        ]
    )


def test_a_run_of_the_set_up(run):
    """
    A run that a fixture leaves open is the fixture's, and no finding of the test's body.
    """
    result = run("""
@pytest.fixture
def begun(fake_chat_model):
    KEPT.append(fake_chat_model.stream("hi"))
    next(KEPT[0])

def test_it(begun):
    pass

def test_clean_up():
    KEPT[0].close()
""")

    result.assert_outcomes(passed=2)


def test_a_run_that_is_just_beginning(run):
    """
    A run that a task is just beginning is not reported, although LangChain has no run manager for it yet.
    """
    result = run("""
LOOP = asyncio.new_event_loop()

@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5])
def test_it(recording_handler, turns):
    async def wait(value):
        await asyncio.sleep(0.01)
    KEPT.append(LOOP.create_task(RunnableLambda(wait).ainvoke(1, {"callbacks": [recording_handler]})))
    for _ in range(turns):
        LOOP.run_until_complete(asyncio.sleep(0))

def test_clean_up():
    LOOP.run_until_complete(asyncio.gather(*KEPT))
    LOOP.close()
""")

    result.assert_outcomes(passed=6)


def test_what_is_alive_is_not_touched(run):
    """
    The search for what may still end a run asks no lazy object, which would load itself or raise, for its class.
    """
    result = run("""
class Lazy:
    touched = []
    def __getattribute__(self, name):
        Lazy.touched.append(name)
        raise RuntimeError("outside of the context")
    __class__ = property(lambda self: Lazy.touched.append("__class__"))

@pytest.fixture(scope="session")
def app():
    return [Lazy(), {"app": Lazy()}]

def test_it(app, callback_scopes):
    KEPT.append(CallbackManager.configure().on_chain_start({}, {"app": Lazy()}, name="by hand"))

def test_nobody_touched_it():
    assert Lazy.touched == []
""")

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*by hand: *"])


def test_a_failing_test_keeps_its_error(run):
    """
    A run that the traceback of a failed test may hold is shown as open, and not reported.
    """
    result = run("""
def test_it(fake_chat_model):
    stream = fake_chat_model.stream("hi")
    next(stream)
    assert stream is None
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FakeChatModel*open"])
    result.stdout.no_fnmatch_line("*unfinished_run*")


def test_a_failing_test_that_forgot(run):
    """
    A run that is certainly forgotten is told below the failure of its test, and is no second failure.
    """
    result = run("""
def test_it(fake_chat_model):
    CallbackManager.configure().on_tool_start({"name": "search"}, "q")
    assert False
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["search*open", "*LangChain callbacks after teardown*", "expected every run * still open: search*"]
    )


def test_the_runs_of_an_earlier_test(run):
    """
    A run that goes on after its test, and its errors, stay with that test.
    """
    result = run("""
@pytest.mark.lc_callbacks(unfinished_run="off")
def test_begins():
    KEPT.append(FakeChatModel().stream("hi", {"callbacks": [Broken()]}))
    next(KEPT[0])

def test_goes_on(callback_scopes):
    list(KEPT[0])
    assert callback_scopes.runs == []
""")

    result.assert_outcomes(passed=2)


def test_garbage_is_collected_only_for_something_open(run, monkeypatch):
    """
    A test that leaves nothing open costs no collection.
    """
    import gc

    collected = []
    monkeypatch.setattr(gc, "collect", lambda *args: collected.append(args))

    run(
        """
def test_it(fake_chat_model):
    fake_chat_model.invoke("hi")
""",
        "-p",
        "no:unraisableexception",
    )

    assert collected == []


PATCHED = """
import sys
import pytest_lc_callbacks._watching.watch

MODULES = [module for name, module in list(sys.modules.items()) if name.startswith("langchain_core")]
CLASSES = {value for module in MODULES for value in list(vars(module).values()) if isinstance(value, type)}

def methods():
    return {(cls, name): value for cls in CLASSES for name, value in vars(cls).items() if callable(value)}

BEFORE = methods()

def replaced():
    changed = [key for key, method in methods().items() if BEFORE.get(key) is not method]
    return {f"{cls.__name__}.{name}" for cls, name in changed}
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-olc_callbacks_unfinished_run=off", "-olc_callbacks_orphan_run=off"], set()),
        (["-olc_callbacks_unfinished_run=off"], set()),
        ([], {"BaseTool.run", "BaseRetriever.ainvoke", "BaseChatModel._agenerate_with_cache"}),
    ],
    ids=["both off", "unfinished_run off", "on"],
)
def test_a_finding_that_is_off_patches_nothing(run, options, expected):
    """
    With `unfinished_run` off no method of LangChain's classes is replaced, also in a test whose section shows its runs.
    """
    result = run(
        f"""{PATCHED}
def test_it(fake_chat_model, callback_scopes):
    fake_chat_model.invoke("hi")
    assert replaced() >= {expected} and bool(replaced()) is {bool(expected)}
    assert False, "here"

def test_afterwards():
    assert not replaced()
""",
        *options,
    )

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E * AssertionError: here", "FakeChatModel *ms"])


CANCELLED = """
class Waiting(FakeChatModel):
    async def _agenerate(self, *args, **kwargs):
        BEGUN.set()
        await asyncio.Event().wait()

def test_cancelled(callback_scopes):
    async def program():
        global BEGUN
        BEGUN = asyncio.Event()
        call = asyncio.ensure_future(Waiting().ainvoke("hi"))
        await BEGUN.wait()
        call.cancel()
        await asyncio.wait([call])

    asyncio.run(program())
    [run] = callback_scopes.runs
    assert not run.ended
"""


def test_a_hook_that_switches_the_finding_on(run, pytester):
    """
    A hook may switch `unfinished_run` on for a test, and then too it tells LangChain's own open runs from the user's.
    """
    pytester.makeconftest("def pytest_lc_callbacks_finding(finding): return 'error'")
    forgotten = "\ndef test_forgotten(fake_chat_model):\n    KEPT.append(fake_chat_model.stream('hi')); next(KEPT[0])\n"

    result = run(CANCELLED + forgotten, "-olc_callbacks_unfinished_run=off")

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["expected every run to have ended with its test, but 1 is still open: FakeChatModel*"])


SLOW_HANDLER = """
class Slow(AsyncCallbackHandler):
    def __init__(self):
        self.begun = asyncio.Event()

    async def on_chain_start(self, serialized, inputs, **kwargs):
        if kwargs["name"] == "inner":
            self.begun.set()
            {body}

def test_it(callback_scopes):
    async def program():
        slow = Slow()
        slow.raise_error = True
        chain = RunnableLambda(str, name="first") | RunnableLambda(str, name="inner")
        task = asyncio.create_task(chain.ainvoke(1, {{"callbacks": [slow]}}))
        await slow.begun.wait()
        while not callback_scopes.where("chain_start", run="inner").events:
            # The observer hears of it in another thread.
            await asyncio.sleep(0)
        {cancel}
        await asyncio.gather(task, return_exceptions=True)
    asyncio.run(program())
    raise ValueError("show the runs")
"""


@pytest.mark.parametrize(
    ("body", "cancel", "is_said"),
    [
        ("await asyncio.get_running_loop().create_future()", "task.cancel()", False),
        ("raise ValueError('mine')", "", True),
    ],
    ids=["cancelled while it waited", "raised"],
)
def test_a_handler_raised_only_what_it_raised(run, body, cancel, is_said):
    """
    The run tree says "a handler raised" of an exception, and not of a cancellation that came while a handler waited.
    """
    result = run(SLOW_HANDLER.format(body=body, cancel=cancel))

    result.assert_outcomes(failed=1)
    [line] = [line for line in result.outlines if "inner" in line and "open" in line]
    assert ("a handler raised" in line) == is_said
