"""A fake model that answers where real ones are: their classes stay, and what would reach the network is replaced."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM

from pytest_lc_callbacks import _made
from pytest_lc_callbacks._fake.keys import with_keys
from pytest_lc_callbacks._fake.own_methods import OWN_METHODS
from pytest_lc_callbacks._fake.real_models import decision_models, implements, read_classes, refuse_decision
from pytest_lc_callbacks._fake.replaced import CHAT_METHODS, EVENT_METHODS, TEXT_METHODS, HiddenMethod, Replaced
from pytest_lc_callbacks._patches import ReplacedUntilStop, subclasses
from pytest_lc_callbacks._providers import is_of_provider, note_offline

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


class StandIn(ReplacedUntilStop):
    """
    Lets a fake model answer for real ones, from the moment it is made until `stop`.

    As a context manager it stops at the end of the block. In a test it stops at the end of the test at the latest.

    Args:
        fake: The fake model.

        classes: The classes of the real models; none for all of every provider's package.

    Raises:
        TypeError: If one of *classes* is no class that *fake* can stand in for.
    """

    def __init__(self, fake: Any, classes: tuple[Any, ...]) -> None:
        super().__init__()
        self.fake = fake
        bases = (BaseChatModel, BaseLLM) if isinstance(fake, BaseChatModel) else (BaseLLM,)
        self._classes = read_classes(classes, bases, type(fake).__name__)
        for cls in self._classes:
            self._replace(cls, inherited=True)
        for base in self._classes or bases:
            self._cover_all(base)
        if not self._classes:
            self._refuse_decisions()
        _made.tell("stand_in", self)

    def __repr__(self) -> str:
        names = ", ".join(cls.__name__ for cls in self._classes) or "every provider's models"
        return f"<StandIn for {names}: {self.fake!r}>"

    def _cover_all(self, base: type) -> None:
        """Cover what is derived from *base*, also by packages that are imported later."""
        for cls in subclasses(base):
            self._cover(cls)
        self._patches.tell_of_subclasses(base, self._cover)

    def _cover(self, cls: type) -> None:
        if is_of_provider(cls):
            self._replace(cls, inherited=False)
        elif cls not in self._classes and any(map(self._is_covered, cls.__mro__)):
            self._tell_of_own(cls)

    def _is_covered(self, cls: type) -> bool:
        return cls in self._classes if self._classes else is_of_provider(cls)

    def _tell_of_own(self, cls: type) -> None:
        """Let an application's subclass keep its own methods, which reach ours by super(), and tell of the others."""
        for name, make in OWN_METHODS.items():
            if isinstance(vars(cls).get(name), FunctionType):
                self._patches.replace(cls, name, make(Replaced(self, cls, name)))

    def _replace(self, cls: type, *, inherited: bool) -> None:
        """Replace the methods that *cls* implements: itself, or by what it has *inherited* too."""
        is_chat = issubclass(cls, BaseChatModel)
        methods, base = (CHAT_METHODS, BaseChatModel) if is_chat else (TEXT_METHODS, BaseLLM)
        hidden = {name for name in EVENT_METHODS if implements(cls, base, name, inherited=inherited)}
        made_of_chunks = {EVENT_METHODS[name] for name in hidden}
        for name in hidden:
            self._patches.replace(cls, name, HiddenMethod(Replaced(self, cls, name)))
        for name, make in methods.items():
            if name in made_of_chunks or implements(cls, base, name, inherited=inherited):
                self._patches.replace(cls, name, note_offline(make(Replaced(self, cls, name))))
        self._patches.replace(cls, "__init__", with_keys(Replaced(self, cls, "__init__")))

    def _refuse_decisions(self) -> None:
        """Let no decision model of a provider reach the network: a script has no answer for it."""
        for base in decision_models():
            for cls in subclasses(base):
                self._refuse_decision(cls)
            self._patches.tell_of_subclasses(base, self._refuse_decision)

    def _refuse_decision(self, cls: type) -> None:
        for name in ("_classify", "_aclassify"):
            if is_of_provider(cls) and name in vars(cls):
                self._patches.replace(cls, name, note_offline(refuse_decision(Replaced(self, cls, name))))
