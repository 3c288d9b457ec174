"""Real models stay unreached: the call fails before the network, in every mode, and nothing absorbs that."""

from __future__ import annotations

import partners
import pytest
from acme import BLOCKED, KEPT, PROVIDER

CALLS = """
import asyncio
import pytest
import langchain_acme
from langchain_core.runnables import RunnableLambda

async def read(stream):
    return [chunk async for chunk in stream]

MODELS = [langchain_acme.ChatAcme, langchain_acme.ChatAcmeStreaming, langchain_acme.Acme]
CALLS = {
    "invoke": lambda model: model.invoke("hi"),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("hi")),
    "stream": lambda model: list(model.stream("hi")),
    "astream": lambda model: asyncio.run(read(model.astream("hi"))),
    "batch": lambda model: model.batch(["hi", "ho"], return_exceptions=True),
    "abatch": lambda model: asyncio.run(model.abatch(["hi", "ho"], return_exceptions=True)),
    "astream_events": lambda model: asyncio.run(read(model.astream_events("hi", version="v2"))),
    "fallbacks": lambda model: model.with_fallbacks([RunnableLambda(str)]).invoke("hi"),
    "async fallbacks": lambda model: asyncio.run(model.with_fallbacks([RunnableLambda(str)]).ainvoke("hi")),
    "retry": lambda model: model.with_retry().invoke("hi"),
    "parallel": lambda model: RunnableLambda(model.invoke).batch(["hi", "ho"]),
}

@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("model", MODELS)
def test_it(model, call):
    try:
        CALLS[call](model())
    except Exception:
        pass
"""


@pytest.fixture
def project(pytester):
    """A project beside a provider's package."""
    pytester.makepyfile(langchain_acme=PROVIDER)
    pytester.syspathinsert()
    return pytester


def test_every_mode(project):
    """
    A call of a provider's model fails in every mode, `except Exception` or not, and reaches nothing.
    """
    project.makepyfile(CALLS + "\ndef test_reached():\n    assert not langchain_acme.reached\n")

    result = project.runpytest_inprocess("-p", "no:randomly", BLOCKED)

    result.assert_outcomes(failed=33, passed=1)
    result.stdout.fnmatch_lines(
        [
            "expected no call of a real model, but ChatAcme (langchain_acme) was called at test_every_mode.py:*",
            "  it was stopped before it reached the network: *",
            "hint: give the code under test a FakeChatModel. *@pytest.mark.lc_callbacks(block_real_models=False).",
        ]
    )


def test_off_by_default(project):
    """
    Real models are called where the setting is not on.
    """
    project.makepyfile(CALLS)

    project.runpytest_inprocess().assert_outcomes(passed=33)


TEST = """
import pytest
from {package} import ChatAcme

def call():
    assert ChatAcme().invoke("hi").content == "real"
"""


@pytest.mark.parametrize(
    ("marker", "options", "outcome"),
    [
        ("@pytest.mark.lc_callbacks(block_real_models=True)", [], {"failed": 1}),
        ("@pytest.mark.lc_callbacks(block_real_models=False)", [BLOCKED], {"passed": 1}),
        ("", [BLOCKED], {"failed": 1}),
        ("", [BLOCKED, "-olc_callbacks_observe=off"], {"failed": 1}),
        ("@pytest.mark.lc_callbacks", [], {"passed": 1}),
    ],
    ids=["by the marker", "allowed by the marker", "for the project", "unwatched", "not asked for"],
)
def test_where_it_is_set(project, marker, options, outcome):
    """
    The block is set for the project or for a test, a marker allows single tests, and it needs no observer.
    """
    project.makepyfile(TEST.format(package="langchain_acme") + f"\n{marker}\ndef test_it():\n    call()\n")

    project.runpytest_inprocess(*options).assert_outcomes(**outcome)


@pytest.mark.parametrize(
    ("package", "options", "outcome"),
    [
        ("acme_models", [], {"passed": 1}),
        ("acme_models", ["-olc_callbacks_real_model_packages=other acme_models"], {"failed": 1}),
        ("langchain_tests_of_mine.fakes", [], {"passed": 1}),
        ("langchain_tests_of_mine.models", [], {"failed": 1}),
    ],
    ids=["unknown", "listed", "fakes of a package", "models of a package"],
)
def test_which_packages(pytester, package, options, outcome):
    """
    The block covers packages called langchain_..., but for modules of fakes, and those that the project lists.
    """
    path = pytester.path.joinpath(*package.split(".")).with_suffix(".py")
    path.parent.mkdir(exist_ok=True)
    path.write_text(PROVIDER)
    pytester.syspathinsert()
    pytester.makepyfile(TEST.format(package=package) + "\ndef test_it():\n    call()\n")

    pytester.runpytest_inprocess(BLOCKED, *options).assert_outcomes(**outcome)


def test_models_that_reach_nothing(project):
    """
    The block lets through fakes, a project's own models, its overrides of a provider's, and answers from a cache.
    """
    project.makepyfile("""
        from langchain_acme import ChatAcme, ChatResult, ChatGeneration, AIMessage
        from langchain_core.caches import InMemoryCache
        from langchain_core.language_models import FakeListChatModel
        from pytest_lc_callbacks import FakeChatModel
        import pytest

        class Overridden(ChatAcme):
            def _generate(self, *args, **kwargs):
                return ChatResult(generations=[ChatGeneration(message=AIMessage("mine"))])

        class Extended(ChatAcme):
            def _generate(self, *args, **kwargs):
                return super()._generate(*args, **kwargs)

        CACHE = InMemoryCache()

        @pytest.mark.lc_callbacks(block_real_models=False)
        def test_fill_the_cache():
            ChatAcme(cache=CACHE).invoke("hi")

        def test_harmless():
            assert FakeChatModel().invoke("hi")
            assert FakeListChatModel(responses=["x"]).invoke("hi")
            assert Overridden().invoke("hi").content == "mine"
            assert ChatAcme(cache=CACHE).invoke("hi").content == "real"

        def test_harmful():
            Extended().invoke("hi")
    """)

    project.runpytest_inprocess("-p", "no:randomly", BLOCKED).assert_outcomes(passed=2, failed=1)


def test_a_provider_that_is_imported_by_the_test(project):
    """
    The block covers a class that is made in the middle of a test.
    """
    project.makepyfile("""
        def test_it():
            from langchain_acme import ChatAcme
            ChatAcme().invoke("hi")
    """)

    project.runpytest_inprocess(BLOCKED).assert_outcomes(failed=1)


def test_nobody_absorbs_it(project):
    """
    A test whose code catches everything, or gathers exceptions, fails when its body is over.
    """
    project.makepyfile("""
        import asyncio
        from langchain_acme import ChatAcme

        def test_except_everything():
            try:
                ChatAcme().invoke("hi")
            except BaseException:
                pass

        def test_gather():
            async def program():
                await asyncio.gather(ChatAcme().ainvoke("hi"), return_exceptions=True)
            asyncio.run(program())
    """)

    result = project.runpytest_inprocess(BLOCKED)

    result.assert_outcomes(failed=2)
    assert result.stdout.str().count("expected no call of a real model") >= 2


def test_a_test_may_expect_it(project):
    """
    `pytest.raises` catches the refusal like any failure.
    """
    project.makepyfile("""
        import pytest
        from langchain_acme import ChatAcme

        def test_it():
            with pytest.raises(pytest.fail.Exception, match="no call of a real model"):
                ChatAcme().invoke("hi")
    """)

    project.runpytest_inprocess(BLOCKED).assert_outcomes(passed=1)


def test_the_model_of_an_agent(project):
    """
    A graph of langgraph lets the refusal through.
    """
    project.makepyfile("""
        import asyncio
        from langchain.agents import create_agent
        from langchain_acme import ChatAcme

        def test_sync():
            create_agent(ChatAcme(), []).invoke({"messages": ["hi"]})

        def test_async():
            asyncio.run(create_agent(ChatAcme(), []).ainvoke({"messages": ["hi"]}))
    """)

    project.runpytest_inprocess(BLOCKED).assert_outcomes(failed=2)


def test_nothing_is_left(project):
    """
    After a blocked test the provider's classes, and LangChain's, are as they were.
    """
    project.makepyfile("""
        import langchain_acme
        import pytest
        from langchain_core.language_models import BaseChatModel

        BEFORE = {cls: dict(vars(cls)) for cls in (langchain_acme.ChatAcme, langchain_acme.Acme, BaseChatModel)}

        @pytest.mark.lc_callbacks(block_real_models=True)
        def test_blocked():
            with pytest.raises(pytest.fail.Exception):
                langchain_acme.ChatAcme().invoke("hi")

        def test_afterwards():
            for cls, before in BEFORE.items():
                changed = {name for name in vars(cls) if name in before and vars(cls)[name] is not before[name]}
                assert changed <= {"_agenerate_with_cache"}
                assert "__init_subclass__" not in vars(cls)
    """)

    project.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=2)


def test_nothing_is_left_of_the_projects_block(project):
    """
    After the session LangChain's classes are as they were.
    """
    before = [dict(vars(cls)) for cls in KEPT]
    project.makepyfile(CALLS)

    project.runpytest_inprocess(BLOCKED)

    assert [dict(vars(cls)) for cls in KEPT] == before


@pytest.mark.parametrize(
    ("package", "model"),
    [
        pytest.param("langchain_openai", "ChatOpenAI", marks=pytest.mark.partner("langchain-openai", "openai")),
        pytest.param("langchain_openai", "OpenAI", marks=pytest.mark.partner("langchain-openai", "openai")),
        pytest.param(
            "langchain_anthropic", "ChatAnthropic", marks=pytest.mark.partner("langchain-anthropic", "anthropic")
        ),
    ],
)
def test_real_providers(pytester, package, model):
    """
    The block covers the models of the packages that people have.
    """
    partners.fetch(package, model)
    pytester.makepyfile(f"""
        import asyncio
        import pytest
        from {package} import {model}

        llm = {model}(api_key="none", model="some-model", base_url="http://localhost:1", max_retries=0)

        async def astream():
            return [chunk async for chunk in llm.astream("hi")]

        @pytest.mark.parametrize(
            "call",
            [
                lambda: llm.invoke("hi"),
                lambda: asyncio.run(llm.ainvoke("hi")),
                lambda: list(llm.stream("hi")),
                lambda: asyncio.run(astream()),
            ],
            ids=["invoke", "ainvoke", "stream", "astream"],
        )
        def test_it(call):
            with pytest.raises(pytest.fail.Exception, match="no call of a real model"):
                call()
    """)

    pytester.runpytest_inprocess(BLOCKED).assert_outcomes(passed=4)
