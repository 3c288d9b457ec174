"""The spies of a test: which handlers they hear, which they refuse, and what they leave behind."""

from __future__ import annotations

from unittest.mock import MagicMock, create_autospec

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers import LangChainTracer
from spied_handlers import Base, Child, Plain

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, Spy, _made, observe_callbacks
from pytest_lc_callbacks._handlers.spy import Spies


def test_a_class_is_every_instance_from_then_on(spy_on):
    """
    A spied class records every later instance, also of subclasses, each for itself; earlier instances are left alone.
    """
    before = Base()
    spy = spy_on(Base)
    first, second = Base(), Child()
    for handler in (before, first, second):
        FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert [each.handler for each in spy.handlers] == [first, second]
    assert spy.names == ["chat_model_start", "llm_end"] * 2
    with pytest.raises(LookupError, match=r"2 instances of Base received something; see \.handlers"):
        _ = spy.handler


def test_two_spies_hear_the_same(spy_on):
    """
    A handler may be spied on by itself and by its class; asking twice gives the same Recording.
    """
    of_class = spy_on(Child)
    handler = Child()
    of_handler = spy_on(handler)

    FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert of_class.names == of_handler.names == ["chat_model_start", "llm_end"]
    assert spy_on(handler) is of_handler
    assert repr(of_handler) == "<Spy on Child: 2 events, 1 run>"


def test_only_what_a_test_makes_is_told(spy_on):
    """
    A listener is told of a recording handler that a test makes, and of no recording that an observer or a spy makes.
    """
    handler, told = Plain(), []

    def listener(kind, made):
        told.append((kind, made))

    _made.listen(listener, "handler", "script")
    try:
        spy = spy_on(handler)
        with observe_callbacks():
            RunnableLambda(str).invoke(1, {"callbacks": [handler]})
        recorder = RecordingHandler()
    finally:
        _made.stop(listener)

    assert spy.names == ["chain_start", "chain_end"]
    assert told == [("handler", recorder)]


def test_a_subclass_that_is_made_later(spy_on):
    """
    A subclass of a spied class is spied on too, also if it is defined in the middle of a test.
    """
    spy = spy_on(Base)

    class Later(Base):
        def on_llm_end(self, response, **kwargs):
            """Not the method of the base."""

    class LookingUpLater(Base):
        def __getattribute__(self, name):
            return object.__getattribute__(self, name)

    for handler in (Later(), LookingUpLater()):
        FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert spy.names == ["chat_model_start", "llm_end"] * 2


def test_nothing_is_left():
    """
    After the test a spied class has what it had, inherited methods included, and the Recording stays.
    """

    def content():
        # Python before 3.14 gives a class an empty __annotations__ as soon as somebody asks for it.
        return {cls: {k: v for k, v in vars(cls).items() if k != "__annotations__"} for cls in (Base, Child)}

    spies, before = Spies(), content()
    spy, handler = spies(Base), Child()
    FakeChatModel().invoke("hi", {"callbacks": [handler]})

    spies.stop()
    FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert content() == before
    assert spy.names == ["chat_model_start", "llm_end"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (RecordingHandler(), "a RecordingHandler records what it receives: ask it directly"),
        (RecordingHandler, "a RecordingHandler records what it receives: ask it directly"),
        (Spy(Plain()), "this is a Recording, not a handler: ask it directly"),
        (MagicMock(spec=BaseCallbackHandler), "a mock keeps its calls itself"),
        (MagicMock(), "a mock keeps its calls itself: .* or use recording_handler instead of the mock"),
        (create_autospec(BaseCallbackHandler, instance=True), "a mock keeps its calls itself"),
        ([Plain()], "it takes one handler, or a class of them: call it for each"),
        (CallbackManager([]), "a callback manager is no handler: pass each of its .handlers"),
        (BaseCallbackHandler, "this would be every handler there is"),
        (AsyncCallbackHandler, "this would be every handler there is"),
        (print, "expected a callback handler or a class of them"),
        ("on_llm_end", "expected a callback handler or a class of them"),
        (dict, "expected a callback handler or a class of them"),
        (None, "expected a callback handler or a class of them"),
    ],
    ids=[
        "recorder", "recorders", "spy", "mock", "any mock", "autospec", "list", "manager", "base", "async base",
        "function", "text", "class", "nothing",
    ],
)  # fmt: skip
def test_what_cannot_be_spied_on(spy_on, target, reason):
    """
    `spy_on` refuses whatever is no handler of the user's, and says why.
    """
    with pytest.raises(TypeError, match=r"spy_on\(.*\): " + reason.replace("(", r"\(")):
        spy_on(target)


class Tracer(LangChainTracer):
    """One that sends nothing."""

    def _persist_run_single(self, run):
        pass

    def _update_run_single(self, run):
        pass


# LangChain's tracer calls pydantic's old method in langchain-core 1.0, and the warning is an error here.
OLD_PYDANTIC = pytest.mark.filterwarnings("ignore:The `.*` method is deprecated")


@OLD_PYDANTIC
@pytest.mark.parametrize("by_class", [False, True], ids=["instance", "class"])
def test_a_copy_for_one_component_is_the_handler_itself(spy_on, by_class):
    """
    LangChain replaces a LangChainTracer by a copy in the runs of models: the spy hears them as the tracer's own.
    """
    if by_class:
        spy = spy_on(Tracer)
    tracer = Tracer(client=MagicMock())
    if not by_class:
        spy = spy_on(tracer)

    chain = RunnableLambda(str) | RunnableLambda(lambda text: FakeChatModel().invoke(text))
    chain.invoke("hi", {"callbacks": [tracer]})

    assert [each.handler for each in spy.handlers] == [tracer]
    assert spy.names.count("chat_model_start") == spy.names.count("llm_end") == 1
    assert spy.assert_runtime_scope()


@OLD_PYDANTIC
def test_another_tracer_is_not_the_spied_one(spy_on):
    """
    Two tracers of one class are two: the copies of one are not heard by the spy on the other.
    """
    spy = spy_on(Tracer(client=MagicMock()))

    FakeChatModel().invoke("hi", {"callbacks": [Tracer(client=MagicMock())]})

    assert spy.names == []


def test_each_instance_has_its_own_recording(spy_on):
    """
    The Recordings of a class come in the order in which the instances were made, not in that of their first events.
    """
    spy = spy_on(Base)
    first, second, silent = Base(), Child(), Base()
    FakeChatModel().invoke("hi", {"callbacks": [second]})
    FakeChatModel().invoke("hi", {"callbacks": [first]})
    FakeChatModel().invoke("ho", {"callbacks": [first]})

    assert [each.handler for each in spy.handlers] == [first, second]
    assert [each.count("llm_end") for each in spy.handlers] == [2, 1]
    assert repr(spy.handlers[1]) == "<Recording of Child: 2 events, 1 run>"
    assert silent not in [each.handler for each in spy.handlers]
