"""Which threads are a test's own: the test's, those that began since its set-up, and whatever has its context."""

from __future__ import annotations

import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from pytest_lc_callbacks._threads import OwnThreads, current_frames


@pytest.fixture
def older():
    """A thread that was there before the test's set-up, and runs what it is given."""
    with ThreadPoolExecutor(1, "older") as executor:
        executor.submit(threading.get_ident).result()
        yield executor


@pytest.fixture
def threads(older):
    """What knows the test's own threads."""
    threads = OwnThreads()
    yield threads
    threads.end()


def in_a_new_thread(function):
    """What *function* returns there."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(function).result()


def test_the_tests_thread_and_new_threads_are_its_own(threads):
    """
    The thread that runs the test is its own, and so is each thread that began since.
    """
    assert threads.has_current()
    assert in_a_new_thread(threads.has_current)
    assert in_a_new_thread(lambda: in_a_new_thread(threads.has_current))


def test_an_older_thread_is_not(threads, older):
    """
    A thread that was there before the test's set-up is not its own, unless it runs in a copy of the test's context.
    """
    assert not older.submit(threads.has_current).result()
    assert older.submit(copy_context().run, threads.has_current).result()


def test_a_thread_of_a_wider_fixture_is_not(threads):
    """
    A thread that the fixture of a module starts in the test's set-up is not the test's, and neither is its context.
    """
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        with threads.wider_fixture():
            with threads.wider_fixture():
                assert not first.submit(threads.has_current).result()
            context = copy_context()
            second.submit(threading.get_ident).result()

        assert not first.submit(threads.has_current).result()
        assert not second.submit(context.run, threads.has_current).result()
    assert in_a_new_thread(threads.has_current)


def test_a_worker_of_an_event_loop_serves_whoever_has_a_context(threads):
    """
    The worker of an older event loop is the test's own where it runs in a context of tests, and else is not.

    The loop of a session keeps the context in which it was made, and runs the coroutines of all tests in it.
    """
    with ThreadPoolExecutor(1, "asyncio") as workers:
        with threads.wider_fixture():
            context = copy_context()
            workers.submit(threading.get_ident).result()

        assert workers.submit(context.run, threads.has_current).result()
        assert not workers.submit(threads.has_current).result()


def test_a_number_that_is_given_again(threads):
    """
    A new thread that the system gives the number of an older one is the test's own.
    """

    def has_current_with_the_number_of_another():
        threads._others[threading.get_ident()] = threading.Thread()
        return threads.has_current()

    assert in_a_new_thread(has_current_with_the_number_of_another)


def test_tests_may_be_nested(threads, older):
    """
    A test inside a test has threads of its own; when it is over, the context is the outer test's again.
    """
    inner = OwnThreads()
    assert not older.submit(copy_context().run, threads.has_current).result()

    inner.end()

    assert older.submit(copy_context().run, threads.has_current).result()
    assert not inner.has_current()


@pytest.mark.parametrize("is_on", [True, False])
def test_no_collection_while_frames_are_read(monkeypatch, is_on):
    """
    Before Python 3.12 nothing is collected while the frames are read, since that can stop the process for ever; the
    collector is as it was before.
    """
    asked, read, was_on = [], sys._current_frames, gc.isenabled()

    def frames():
        asked.append(gc.isenabled())
        return read()

    monkeypatch.setattr(sys, "_current_frames", frames)
    (gc.enable if is_on else gc.disable)()
    try:
        found = current_frames()
        left = gc.isenabled()
    finally:
        (gc.enable if was_on else gc.disable)()

    assert threading.get_ident() in found
    assert asked == [is_on and sys.version_info >= (3, 12)]
    assert left == is_on
