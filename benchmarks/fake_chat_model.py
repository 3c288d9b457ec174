"""What a call of FakeChatModel costs beside LangChain's GenericFakeChatModel."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from benchmarks._compare import Prepare, compare
from pytest_lc_callbacks import FakeChatModel

RESPONSE = "Paris is the capital of France, and a lovely city to visit in spring."
PROMPT: list[BaseMessage] = [
    SystemMessage("You know everything about geography."),
    HumanMessage("Hello."),
    AIMessage("Hello, how can I help?"),
    HumanMessage("What is the capital of France?"),
]
CALLS = 50


def generic() -> BaseChatModel:
    """LangChain's fake model, which gives the same response without end."""
    return GenericFakeChatModel(messages=itertools.cycle([RESPONSE]))


def fake() -> BaseChatModel:
    """Our fake model, which gives the same response without end."""
    return FakeChatModel().respond(RESPONSE, always=True)


def listed() -> BaseChatModel:
    """Our fake model, with a list of responses."""
    return FakeChatModel(responses=[RESPONSE] * CALLS)


def invoke(model: BaseChatModel) -> None:
    """Call `invoke` as often as a round has calls."""
    for _ in range(CALLS):
        model.invoke(PROMPT)


def stream(model: BaseChatModel) -> None:
    """Read a whole stream as often as a round has calls."""
    for _ in range(CALLS):
        for _ in model.stream(PROMPT):
            pass


def main() -> None:
    """Print the ratios: `invoke` has to stay below 1.3, `stream` below 1.1."""
    for act, goal in ((invoke, 1.3), (stream, 1.1)):
        compare(
            f"{act.__name__}, a prompt of four messages, goal {goal} x",
            {
                "GenericFakeChatModel": _prepared(act, generic),
                "FakeChatModel, always=True": _prepared(act, fake),
                "FakeChatModel, responses=[...]": _prepared(act, listed),
            },
            baseline="GenericFakeChatModel",
            rounds=41,
            per=CALLS,
        )


def _prepared(act: Callable[[BaseChatModel], None], make: Callable[[], BaseChatModel]) -> Prepare:
    """Make a new model for each round: our fake keeps its calls."""
    return lambda: partial(act, make())


if __name__ == "__main__":
    main()
