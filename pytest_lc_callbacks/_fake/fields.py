"""The fields of a fake model, and what LangChain derives from them: parameters, metadata, serialized form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.load import dumpd
from pydantic import ConfigDict, Field, SecretStr

from pytest_lc_callbacks._fake.messages import count_message, count_tokens
from pytest_lc_callbacks._fake.providers import PAYLOADS

if TYPE_CHECKING:
    from langchain_core.load.serializable import SerializedNotImplemented
    from langchain_core.messages import BaseMessage

    from pytest_lc_callbacks._fake.providers.plain import Payloads


class ModelFields(BaseChatModel):
    """A chat model with the usual fields; `provider` decides what handlers and LangSmith read of them."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        populate_by_name=True, protected_namespaces=(), arbitrary_types_allowed=True
    )

    model_name: str = Field(default="fake-chat-model", alias="model")
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    timeout: float | None = None
    max_retries: int | None = None
    api_key: SecretStr | None = Field(default=None, exclude=True)
    streaming: bool | None = None
    provider: Literal["anthropic", "openai"] | None = None
    stream_usage: bool = True
    usage: bool = True
    latency: float = Field(default=0, ge=0)
    chunk_latency: float = Field(default=0, ge=0)

    @property
    def model(self) -> str:
        """The same as `model_name`: integrations use both names."""
        return self.model_name

    def get_token_ids(self, text: str) -> list[int]:
        """A token for every four characters begun; no tokenizer is downloaded."""
        return list(range(count_tokens(text)))

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """The tokens that `usage_metadata` counts for *messages*."""
        return sum(map(count_message, messages))

    def to_json_not_implemented(self) -> SerializedNotImplemented:
        """The object by its class and model name: its `repr` counts calls, and would differ each time."""
        serialized = super().to_json_not_implemented()
        serialized["repr"] = f"{type(self).__name__}(model_name={self.model_name!r})"
        return serialized

    @cached_property
    def _serialized(self) -> dict[str, Any]:
        """The `serialized` of start events."""
        return self._payloads.serialized(self) or dict(dumpd(self))

    @property
    def _payloads(self) -> Payloads:
        return PAYLOADS[self.provider]

    @property
    def _llm_type(self) -> str:
        return self._payloads.llm_type

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return self._payloads.identifying_params(self)

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        params = super()._get_invocation_params(stop=stop, **kwargs)
        return self._payloads.invocation_params(self, params, kwargs)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        defaults = super()._get_ls_params(stop=stop or self.stop, **kwargs)
        # LangChain's TypedDict does not allow the None that providers' integrations give for some keys.
        return self._payloads.ls_params(  # type: ignore[return-value]
            self, dict(defaults), lambda: self._get_invocation_params(stop=stop, **kwargs)
        )

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None], /) -> dict[str, Any]:
        return self._payloads.combine(llm_outputs, self)
