"""Published callback handlers, put through `CallbackHandlerTests`: offline, what they make of it is read in memory."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

import pytest

from pytest_lc_callbacks.contract import CallbackHandlerTests, otel_records


def spans_in_memory() -> tuple[Any, Any]:
    """OpenTelemetry's tracer provider and the exporter that keeps its spans."""
    sdk = import_module("opentelemetry.sdk.trace")
    memory = import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    export = import_module("opentelemetry.sdk.trace.export")
    exporter, provider = memory.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    return provider, exporter


class TestLangfuse(CallbackHandlerTests):
    """langfuse.langchain.CallbackHandler."""

    exporter: ClassVar[Any]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def client(cls) -> Any:
        """A client that exports to memory."""
        langfuse = pytest.importorskip("langfuse")
        provider, cls.exporter = spans_in_memory()
        nowhere = import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
        given = {"public_key": "pk", "secret_key": "sk", "base_url": "http://localhost:9"}
        return langfuse.Langfuse(**given, tracer_provider=provider, span_exporter=nowhere)

    def make_handler(self) -> Any:
        """A handler of the client."""
        return import_module("langfuse.langchain").CallbackHandler(public_key="pk")

    def records(self, handler: Any) -> Any:
        """Its spans."""
        return otel_records(self.exporter)


class TestOpenInference(CallbackHandlerTests):
    """openinference.instrumentation.langchain.LangChainInstrumentor."""

    @pytest.fixture
    def instrumented(self) -> Any:
        """Switched on with an exporter in memory."""
        pytest.importorskip("openinference.instrumentation.langchain")
        module = import_module("openinference.instrumentation.langchain")
        provider, self.exporter = spans_in_memory()
        module.LangChainInstrumentor().instrument(tracer_provider=provider)
        yield
        module.LangChainInstrumentor().uninstrument()

    def records(self, handler: Any) -> Any:
        """Its spans."""
        return otel_records(self.exporter)


class TestTraceloop(CallbackHandlerTests):
    """opentelemetry.instrumentation.langchain.LangchainInstrumentor."""

    exporter: ClassVar[Any]

    # Of the whole class: instrumented anew, it writes no span.
    @pytest.fixture(scope="class")
    @classmethod
    def instrumented(cls) -> Any:
        """Switched on with an exporter in memory."""
        pytest.importorskip("opentelemetry.instrumentation.langchain")
        module = import_module("opentelemetry.instrumentation.langchain")
        provider, cls.exporter = spans_in_memory()
        module.LangchainInstrumentor().instrument(tracer_provider=provider)
        yield
        module.LangchainInstrumentor().uninstrument()

    def records(self, handler: Any) -> Any:
        """Its spans."""
        return otel_records(self.exporter)


class TestPosthog(CallbackHandlerTests):
    """posthog.ai.langchain.CallbackHandler."""

    def make_handler(self) -> Any:
        """A handler whose client keeps its events and sends none."""
        pytest.importorskip("posthog.ai.langchain")
        self.sent: list[Any] = []

        def keep(event: Any) -> None:
            self.sent.append(event)

        client = import_module("posthog").Posthog("key", host="http://localhost:9", sync_mode=True, before_send=keep)
        return import_module("posthog.ai.langchain").CallbackHandler(client)

    def records(self, handler: Any) -> Any:
        """Its events."""
        sent, self.sent[:] = list(self.sent), []
        return [posthog_row(event["properties"]) for event in sent]


def posthog_row(told: dict[str, Any]) -> dict[str, Any]:
    """A row of an event's properties."""
    texts = (told.get(key) for key in ("$ai_input", "$ai_input_state", "$ai_output_choices", "$ai_output_state"))
    return {
        "name": told.get("$ai_span_name"),
        "id": told.get("$ai_span_id") or told.get("$ai_trace_id"),
        "parent": told.get("$ai_parent_id"),
        "trace": told.get("$ai_trace_id"),
        "text": " ".join(map(repr, texts)),
        "error": told.get("$ai_error") if told.get("$ai_is_error") else None,
    }


class TestBraintrust(CallbackHandlerTests):
    """braintrust.integrations.langchain.BraintrustCallbackHandler."""

    @pytest.fixture(autouse=True)
    def logger(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A logger that keeps its rows in memory, of all threads."""
        pytest.importorskip("braintrust")
        logging = import_module("braintrust.logger")
        import_module("braintrust.test_helpers").init_test_logger("a-project")
        self.memory = logging._MemoryBackgroundLogger()
        lazy = import_module("braintrust.util").LazyValue(lambda: self.memory, use_mutex=True)
        monkeypatch.setattr(logging._state, "_global_bg_logger", lazy)

    def make_handler(self) -> Any:
        """A handler of that logger."""
        return import_module("braintrust.integrations.langchain.callbacks").BraintrustCallbackHandler()

    def records(self, handler: Any) -> Any:
        """Its rows."""
        return [
            {
                "name": row["span_attributes"]["name"],
                "id": row["span_id"],
                "parent": (row.get("span_parents") or [None])[0],
                "trace": row["root_span_id"],
                "text": f"{row.get('input')!r} {row.get('output')!r}",
                "error": row.get("error"),
            }
            for row in self.memory.pop()
        ]


class TestSentry(CallbackHandlerTests):
    """sentry_sdk.integrations.langchain.SentryLangchainCallback."""

    @pytest.fixture(autouse=True)
    def sdk(self) -> Any:
        """The SDK, with a transport that drops everything."""
        sentry = pytest.importorskip("sentry_sdk")
        options = {"traces_sample_rate": 1.0, "send_default_pii": True, "default_integrations": False}
        sentry.init(dsn="http://key@localhost:9/1", transport=lambda event: None, **options)
        yield
        sentry.init()

    def make_handler(self) -> Any:
        """A handler with the integration's own defaults."""
        module = import_module("sentry_sdk.integrations.langchain")
        return module.SentryLangchainCallback(max_span_map_size=100, include_prompts=True)


class TestOpenAIUsage(CallbackHandlerTests):
    """langchain_community.callbacks.OpenAICallbackHandler."""

    def make_handler(self) -> Any:
        """It counts tokens and costs."""
        pytest.importorskip("langchain_community")
        return import_module("langchain_community.callbacks.openai_info").OpenAICallbackHandler()


class TestMlflow(CallbackHandlerTests):
    """mlflow.langchain.langchain_tracer.MlflowLangchainTracer."""

    @pytest.fixture(autouse=True)
    def store(self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A store in a file, written at once."""
        pytest.importorskip("mlflow")
        monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
        import_module("mlflow").set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")

    def make_handler(self) -> Any:
        """A tracer of its own."""
        return import_module("mlflow.langchain.langchain_tracer").MlflowLangchainTracer()
