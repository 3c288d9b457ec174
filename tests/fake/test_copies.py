"""Copies of a model, which share its script and calls."""

from __future__ import annotations

import copy
import pickle

import pytest
from call_modes import invoke, stream
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import ConfigurableField

from pytest_lc_callbacks import FakeChatModel, _made


def search(query: str, limit: int = 3) -> str:
    """Search the web."""


def configured(model):
    return model.configurable_fields(temperature=ConfigurableField("temperature")).with_config(
        configurable={"temperature": 0.5}
    )


def alternative(model):
    return model.configurable_alternatives(ConfigurableField("which"), default_key="one", other=FakeChatModel())


VARIANTS = {
    "bind": lambda model: model.bind(seed=1),
    "bind_tools": lambda model: model.bind_tools([search]),
    "with_config": lambda model: model.with_config(tags=["x"]),
    "model_copy": lambda model: model.model_copy(),
    "deep model_copy": lambda model: model.model_copy(deep=True, update={"temperature": 0.5}),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "configurable_fields": configured,
    "configurable_alternatives": alternative,
    "with_retry": lambda model: model.with_retry(),
    "with_fallbacks": lambda model: model.with_fallbacks([FakeChatModel()]),
}


@pytest.mark.parametrize("vary", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("ask", [invoke, stream])
def test_copies_share_script_and_calls(vary, ask):
    """
    Copies, bindings and variants of a model share its script and calls, and stream as it does.
    """
    model = FakeChatModel(responses=["one two", "three", "four"])
    variant = vary(model)

    assert ask(variant).content == "one two"
    assert model.invoke("x").content == "three"
    model.respond("five")
    assert [ask(variant).content for _ in range(2)] == ["four", "five"]
    assert model.call_count == 4


def test_a_configured_model_streams():
    """
    A model with configurable fields is made anew from its fields for each call, and still streams in chunks.
    """
    assert len(list(configured(FakeChatModel(responses=["one two three"])).stream("x"))) == 3


def test_two_models_do_not_share():
    """
    Each `FakeChatModel()` has a script and calls of its own.
    """
    one, other = FakeChatModel(responses=["one"]), FakeChatModel(responses=["other"])
    one.invoke("x")

    assert other.call_count == 0
    assert other.invoke("x").content == "other"


def test_on_gives_the_model():
    """
    `on` returns the model with the same script and calls; its `respond` adds to the rule.
    """
    model = FakeChatModel().on("refund").respond("Certainly.").respond("Again?").on("bye").respond("Goodbye.")

    assert isinstance(model, BaseChatModel)
    assert model.invoke("bye!").content == "Goodbye."
    assert [model.invoke("a refund, please").content for _ in range(2)] == ["Certainly.", "Again?"]


def test_the_queue_beside_a_rule():
    """
    `respond` of the model itself adds to the queue, also after `on`.
    """
    model = FakeChatModel(responses=["one"])
    model.on("refund").respond("Certainly.")
    model.respond("two")

    assert [model.invoke(prompt).content for prompt in ("a", "refund", "b")] == ["one", "Certainly.", "two"]


def test_scripts_are_announced():
    """
    `_made` tells its listener of each script, and of no copy.
    """
    scripts = []

    def listener(kind, made):
        scripts.append((kind, made))

    _made.listen(listener, "handler", "script")
    try:
        model = FakeChatModel(responses=["a"])
        model.model_copy(deep=True).bind(x=1)
        model.on("y")
        invoke(configured(model))
    finally:
        _made.stop(listener)
    FakeChatModel()

    assert scripts == [("script", model.script)]


def test_pickling():
    """
    A model cannot be pickled: the copy would not share its script.
    """
    with pytest.raises(TypeError, match="a FakeChatModel cannot be pickled: its script is shared"):
        pickle.dumps(FakeChatModel())
