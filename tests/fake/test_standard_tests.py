"""LangChain's own tests for chat models, passed by FakeChatModel with responses that any user could script."""

from __future__ import annotations

from typing import Any, ClassVar

import partners
import pytest
from langchain_core.messages import AIMessage, BaseMessage

from pytest_lc_callbacks._fake.model import FakeChatModel

ChatModelIntegrationTests = partners.fetch("langchain_tests.integration_tests", "ChatModelIntegrationTests")
ChatModelUnitTests = partners.fetch("langchain_tests.unit_tests", "ChatModelUnitTests")
respx = partners.fetch("respx")

# Under anyio's plugin, which leaves synchronous tests alone; pytest-asyncio would warn about them.
pytestmark = [
    pytest.mark.partner("langchain-tests", "respx"),
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning"),
]

DETAILS = ["audio_input", "audio_output", "reasoning_output", "cache_read_input", "cache_creation_input"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def local_downloads(monkeypatch):
    """
    The pictures, sounds and documents that the standard tests download come from here.
    """
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "pytest-lc-callbacks")
    with respx.mock(assert_all_called=False) as router:
        router.get(url__regex=r".*\.(png|pdf|wav)$").respond(content=b"a small file")
        yield


def scripted(model: FakeChatModel) -> FakeChatModel:
    """*model* with an answer for each question of the standard tests."""
    joke = {"setup": "Why was the cat on the keyboard?", "punchline": "To keep an eye on the mouse."}
    calls = [
        ("magic_function(3)", "magic_function", {"input": 3}),
        ("Hello!", "magic_function", {"input": 3}),
        ("magic_function_no_args()", "magic_function_no_args", {}),
        ("Pirate greeting", "greeting_generator", {"answer_style": "pirate"}),
        ("What is 3 + 4", "my_adder_tool", {"a": 3, "b": 4}),
        ("weather in San Francisco", "get_weather", {"location": "San Francisco, CA"}),
        ("Chinese", "unicode_customer", {"customer_name": "你好啊集团", "description": "technology"}),
        ("Japanese", "unicode_customer", {"customer_name": "こんにちは株式会社", "description": "technology"}),
    ]
    for question, tool, args in calls:
        model.on(question).respond(tool_calls=[(tool, args)], always=True)
    model.on("joke").respond(joke, always=True)
    return model.respond("Hello there, how are you today?", always=True)


def with_details(**usage: Any) -> AIMessage:
    return AIMessage(
        "Hello there.", usage_metadata={"input_tokens": 50, "output_tokens": 50, "total_tokens": 100, **usage}
    )


def asked(message: AIMessage, *, stream: bool) -> BaseMessage:
    model = FakeChatModel(responses=[message])
    if not stream:
        return model.invoke("Hello")
    chunks = list(model.stream("Hello"))
    return sum(chunks[1:], start=chunks[0])


class Switches:
    """
    All features that LangChain's standard tests know are switched on.
    """

    @property
    def chat_model_class(self):
        return FakeChatModel

    @property
    def chat_model_params(self):
        return {"model": "fake-1", "provider": self.provider}

    provider: str | None = None
    model_override_value = "fake-2"
    has_tool_calling = True
    has_tool_choice = True
    has_structured_output = True
    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_audio_inputs = True
    supports_video_inputs = True
    supports_anthropic_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True
    returns_usage_metadata = True
    supports_model_override = True
    supported_usage_metadata_details: ClassVar = {"invoke": DETAILS, "stream": DETAILS}

    @pytest.fixture
    def model(self, request):
        extra = getattr(request, "param", None) or {}
        return scripted(FakeChatModel(**{**self.standard_chat_model_params, **self.chat_model_params, **extra}))


class TestUnit(Switches, ChatModelUnitTests):
    """
    The unit tests pass; the one that is left out loads a serialized model, which LangChain does for its own alone.
    """

    @property
    def init_from_env_params(self):
        return {"LC_OUTPUT_VERSION": "v1"}, self.chat_model_params, {"output_version": "v1"}


class TestIntegration(Switches, ChatModelIntegrationTests):
    """
    The integration tests pass; the one that is left out replays recorded HTTP.
    """

    def invoke_with_audio_input(self, *, stream=False):
        return asked(with_details(input_token_details={"audio": 10}), stream=stream)

    def invoke_with_audio_output(self, *, stream=False):
        return asked(with_details(output_token_details={"audio": 10}), stream=stream)

    def invoke_with_reasoning_output(self, *, stream=False):
        return asked(with_details(output_token_details={"reasoning": 10}), stream=stream)

    def invoke_with_cache_read_input(self, *, stream=False):
        return asked(with_details(input_token_details={"cache_read": 10}), stream=stream)

    def invoke_with_cache_creation_input(self, *, stream=False):
        return asked(with_details(input_token_details={"cache_creation": 10}), stream=stream)


class TestAnthropic(TestIntegration):
    """
    The integration tests pass in the shapes of Anthropic's integration.
    """

    provider = "anthropic"


class TestOpenAI(TestIntegration):
    """
    The integration tests pass in the shapes of OpenAI's integration.
    """

    provider = "openai"


out_of_the_prompt = pytest.mark.xfail(reason="auto() makes arguments that fit, and reads none out of the prompt")


class TestAuto(TestIntegration):
    """
    The integration tests pass without a script, by `auto()`, but for those that need arguments out of the prompt.
    """

    @pytest.fixture
    def model(self, request):
        extra = getattr(request, "param", None) or {}
        return FakeChatModel(**{**self.standard_chat_model_params, **self.chat_model_params, **extra}).auto()

    @out_of_the_prompt
    def test_tool_calling(self, model):
        """
        The question names the argument.
        """
        super().test_tool_calling(model)

    @out_of_the_prompt
    async def test_tool_calling_async(self, model):
        """
        The question names the argument.
        """
        await super().test_tool_calling_async(model)

    @out_of_the_prompt
    def test_unicode_tool_call_integration(self, model):
        """
        The question names the customer.
        """
        super().test_unicode_tool_call_integration(model)


class TestAutoAnthropic(TestAuto):
    """
    So do they in the shapes of Anthropic's integration.
    """

    provider = "anthropic"


class TestAutoOpenAI(TestAuto):
    """
    And in those of OpenAI's.
    """

    provider = "openai"
