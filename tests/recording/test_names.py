"""The names of events, and what people look for under another name."""

from __future__ import annotations

from typing import get_args

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from pytest_lc_callbacks import EventName, event
from pytest_lc_callbacks._recording.names import EVENT_NAMES, event_name


@pytest.mark.parametrize("name", sorted(EVENT_NAMES))
def test_an_event_is_named_with_or_without_on(name: str) -> None:
    """
    Every event's name is accepted, and the name of the handler's method too.
    """
    assert event_name(name) == event_name(f"on_{name}") == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chat_model_end", "'chat_model_end' is not a callback event: a chat model reports 'llm_end'."),
        ("on_chat_model_end", "'on_chat_model_end' is not a callback event: a chat model reports 'llm_end'."),
        ("chat_model_error", "'chat_model_error' is not a callback event: a chat model reports 'llm_error'."),
        ("prompt_start", "'prompt_start' is not a callback event: a prompt reports 'chain_start'."),
        (
            "embeddings_start",
            "'embeddings_start' is not a callback event: LangChain sends no callbacks for embeddings.",
        ),
        ("llm_strat", "'llm_strat' is not a callback event (did you mean 'llm_start' or 'tool_start'?)"),
        ("LLM_END", "'LLM_END' is not a callback event (did you mean 'llm_end' or 'tool_end'?)"),
        ("", "'' is not a callback event: the events are agent_action, agent_finish, chain_end, chain_error,"),
    ],
)
def test_an_unknown_event_says_why(name: str, message: str) -> None:
    """
    A name that LangChain does not have raises at once, with the reason or the nearest names.
    """
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared below
        event(name)
    assert str(caught.value).startswith(message)


def test_every_method_of_the_installed_handler_is_an_event() -> None:
    """
    Every method of the installed LangChain's handler is an event.
    """
    methods = {name.removeprefix("on_") for name in dir(BaseCallbackHandler) if name.startswith("on_")}
    assert methods <= EVENT_NAMES
    assert set(get_args(EventName)) <= EVENT_NAMES
