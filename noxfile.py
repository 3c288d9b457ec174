"""What CI runs: style, types, and the tests against the built wheel on every supported Python."""

from __future__ import annotations

import os
from pathlib import Path

import nox
from nox.command import CommandFailed

PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]

# For what need not be repeated on each: the oldest Python, and the newest for which every dependency has a wheel.
BOTH_ENDS = ["3.11", "3.13"]

# These run together. Newer langgraph-checkpoint or langgraph-prebuilt would install beside them, and crash on import.
LOWEST = [
    "langchain-core==1.0.0",
    "langchain==1.0.4",
    "langgraph==1.0.6",
    "langgraph-prebuilt==1.0.5",
    "langgraph-checkpoint==3.0.1",
    "pytest==8.2.0",
]

# Published callback handlers, each put through our suite in a process of its own: some leave LangChain changed.
HANDLERS = {
    "Braintrust": ["braintrust"],
    "Langfuse": ["langfuse"],
    "Mlflow": ["mlflow-skinny", "alembic", "pandas"],
    "OpenAIUsage": ["langchain-community"],
    "OpenInference": ["openinference-instrumentation-langchain", "opentelemetry-sdk"],
    "Posthog": ["posthog"],
    "Sentry": ["sentry-sdk"],
    "Traceloop": ["opentelemetry-instrumentation-langchain", "opentelemetry-sdk"],
}

# The Python whose cell also measures coverage.
MEASURED = "3.13"

WHEELS = Path("build", "wheel")

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "virtualenv"
# A Python that is not there is a cell that was not tested: that fails, and is not mended by a download.
nox.options.error_on_missing_interpreters = True
nox.options.download_python = "never"
nox.options.sessions = ["lint", "typing", "tests", "lowest", "newest", "reports"]


def group(name: str) -> tuple[str, ...]:
    """The requirements of a dependency group in pyproject.toml."""
    return nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name)


def wheel() -> Path:
    """The wheel that the session *build* made."""
    [path] = WHEELS.glob("*.whl")
    return path.resolve()


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting."""
    tools = group("lint")
    hooks = Path(".pre-commit-config.yaml").read_text(encoding="utf-8")
    if missing := [tool for tool in tools if f'"{tool}"' not in hooks]:
        session.error(f".pre-commit-config.yaml has other versions than pyproject.toml: {', '.join(missing)}")
    session.install(*tools)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("validate-pyproject", "pyproject.toml")


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel, once for all cells."""
    for old in WHEELS.glob("*.whl"):
        old.unlink()
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(WHEELS), ".")


@nox.session(python=BOTH_ENDS, requires=["build"])
def typing(session: nox.Session) -> None:
    """Types: of the code itself, of what a user calls, and of everything the package exports."""
    session.install(f"{wheel()}[test]", "nox", *group("typing"))
    session.run("mypy")
    session.run("pyright")
    # Outside the checkout, so that the types are those that the wheel brings to a user.
    session.chdir(session.create_tmp())
    session.run("pyright", "--ignoreexternal", "--verifytypes", "pytest_lc_callbacks")


@nox.session(python=PYTHONS, requires=["build"])
def tests(session: nox.Session) -> None:
    """The tests and the examples, against the wheel, with today's releases."""
    install(session, f"{wheel()}[test,partners]", "coverage>=7.10")
    if session.python != MEASURED:
        run_tests(session, "pytest")
        return
    session.run("coverage", "erase")
    run_tests(session, "coverage", "run", str(Path(session.bin, "pytest")))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(python=BOTH_ENDS, requires=["build"])
def lowest(session: nox.Session) -> None:
    """The same with the oldest releases that we support; partners need newer ones."""
    install(session, f"{wheel()}[test]", *LOWEST)
    run_tests(session, "pytest")


@nox.session(python=BOTH_ENDS, requires=["build"])
def newest(session: nox.Session) -> None:
    """
    The comparisons with the partners' real integrations alone, strict about what is new in these.

    Where a partner has released something newer than those comparisons were made with, a difference is a warning in
    the other sessions and a failure in this one.
    """
    install(session, f"{wheel()}[test,partners]")
    session.env["LC_CALLBACKS_NEWEST"] = "1"
    session.run("pytest", "-n", "2", "-m", "partner and not once", *(session.posargs or ["tests"]))


@nox.session(requires=["build"])
def reports(session: nox.Session) -> None:
    """What the reports of other plugins show of ours; these plugins change the tests of nobody else's session."""
    others = ("pytest-html>=4.0", "pytest-json-ctrf>=0.6", "pytest-github-actions-annotate-failures>=0.3")
    install(session, f"{wheel()}[test]", *others)
    session.run("pytest", "tests/end_to_end/test_other_reports.py", *session.posargs)


@nox.session(requires=["build"])
def handlers(session: nox.Session) -> None:
    """What the suite for handler authors finds in published handlers: it prints the faults, and fails for none."""
    needed = dict.fromkeys(package for packages in HANDLERS.values() for package in packages)
    install(session, str(wheel()), "langchain", "langgraph", *needed)
    for name in HANDLERS:
        # 1 is pytest's word for failed tests.
        place = ["-c", os.devnull, "--rootdir=.", "--import-mode=importlib", "-p", "no:cacheprovider"]
        session.run(
            "pytest",
            *place,
            "-q",
            "--tb=short",
            "-k",
            f"Test{name}",
            "benchmarks/_published_handlers.py",
            success_codes=[0, 1],
        )


def install(session: nox.Session, *requirements: str) -> None:
    """Install *requirements*, or fail with their names."""
    try:
        session.install(*requirements)
    except CommandFailed:
        session.error(f"pip cannot install {', '.join(requirements)} on {session.python}; its lines above say why")


def run_tests(session: nox.Session, *pytest: str) -> None:
    """Run the tests with the command *pytest*, then the examples."""
    # `pytest`, not `python -m pytest`: the latter puts the checkout before the installed wheel.
    session.run(*pytest, "-n", "2", "-m", "not once", *(session.posargs or ["tests"]))
    session.run("pytest", "examples")
