"""Findings of runs that end twice, end without a start, or begin after their parent has ended."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        ("run.on_chain_end({})", None),
        ("run.on_chain_end({}); run.on_chain_error(ValueError())", "2 ends: chain_start, chain_end, chain_error"),
        ("run.on_chain_end({}); run.on_chain_end({}); run.on_chain_end({})", "3 ends: chain_start, chain_end, *"),
    ],
)
def test_runs_end_once(run, ends, found):
    """
    A run that is ended by hand is found if it is ended more than once.
    """
    result = run(f"""
def test_it(callback_scopes):
    run = CallbackManager.configure().on_chain_start(None, {{}}, name="mine")
    {ends}
""")

    if found is None:
        result.assert_outcomes(passed=1)
    else:
        result.stdout.fnmatch_lines([f"*expected mine to start and end once, but it had {found}*"])


def test_an_end_without_a_start(run):
    """
    A run that ends without a start is found.
    """
    result = run("""
from langchain_core.callbacks import CallbackManagerForChainRun
from uuid import uuid4

def test_it(callback_scopes):
    handlers = CallbackManager.configure().handlers
    CallbackManagerForChainRun(run_id=uuid4(), handlers=handlers, inheritable_handlers=[]).on_chain_end({})
""")

    result.stdout.fnmatch_lines(["*expected (start not heard) to start and end once, but it had no start: chain_end*"])


LATE = """
@pytest.mark.parametrize("wait", [False, True])
def test_it(callback_scopes, wait):
    async def later():
        await go.wait()
        await FakeChatModel(name="late").ainvoke("hi")

    async def bot(text):
        tasks.append(asyncio.create_task(later()))
        if wait:
            go.set()
            await tasks[0]

    async def program():
        await RunnableLambda(bot).ainvoke("hi")
        go.set()
        await tasks[0]

    tasks, go = [], asyncio.Event()
    asyncio.run(program())
    assert wait or not {fails}
"""


def test_a_run_that_began_after_its_parent_had_ended(run):
    """
    A task that outlives the run that began it is found; one that is waited for is not.
    """
    result = run(LATE.format(fails=False))

    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*Warning: expected late to begin before its parent ended, but bot had ended before *[[]lifecycle]",
            "*[[]parent-ended]",
        ]
    )


def test_the_tree_marks_a_late_run(run):
    """
    The run tree of a failing test says which run began after its parent had ended.
    """
    result = run(LATE.format(fails=True))

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*late * (bot had ended before late began)"])
