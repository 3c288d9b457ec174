"""What CI runs: style, types, and the tests against the built wheel on every supported Python."""

from __future__ import annotations

from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]

# These run together. Newer langgraph-checkpoint or langgraph-prebuilt would install beside them, and crash on import.
LOWEST = [
    "langchain-core==1.0.0",
    "langchain==1.0.4",
    "langgraph==1.0.6",
    "langgraph-prebuilt==1.0.5",
    "langgraph-checkpoint==3.0.1",
    "pytest==8.2.0",
]

# The cell that also measures coverage: the newest of everything.
MEASURED = ("3.13", "newest")

WHEELS = Path("build", "wheel")

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "virtualenv"
# A Python that is not there is a cell that was not tested: that fails, and is not mended by a download.
nox.options.error_on_missing_interpreters = True
nox.options.download_python = "never"
nox.options.sessions = ["lint", "typing", "tests"]


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
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel, once for all cells."""
    for old in WHEELS.glob("*.whl"):
        old.unlink()
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(WHEELS), ".")


# The oldest Python is the one whose syntax and library everybody has, the newest the one with every branch.
@nox.session(python=[PYTHONS[0], PYTHONS[-1]], requires=["build"])
def typing(session: nox.Session) -> None:
    """Types: of the code itself, of what a user calls, and of everything the package exports."""
    session.install(f"{wheel()}[test]", "nox", *group("typing"))
    session.run("mypy")
    session.run("pyright")
    # Outside the checkout, so that the types are those that the wheel brings to a user.
    session.chdir(session.create_tmp())
    session.run("pyright", "--ignoreexternal", "--verifytypes", "pytest_lc_callbacks")


@nox.session(python=PYTHONS, requires=["build"])
@nox.parametrize("langchain", [nox.param("lowest", id="lowest"), nox.param("newest", id="newest")])
def tests(session: nox.Session, langchain: str) -> None:
    """The tests and the examples, against the wheel, with the oldest LangChain or with today's."""
    if langchain == "lowest":
        session.install(f"{wheel()}[test]", *LOWEST)
    else:
        session.install(f"{wheel()}[test,partners]", "coverage>=7.10")
    # `pytest`, not `python -m pytest`: the latter puts the checkout before the installed wheel.
    suite = ["-n", "2", "-m", "not once", *(session.posargs or ["tests"])]
    if (session.python, langchain) == MEASURED:
        session.run("coverage", "erase")
        session.run("coverage", "run", str(Path(session.bin, "pytest")), *suite)
        session.run("coverage", "combine", "--quiet")
        session.run("coverage", "report")
    else:
        session.run("pytest", *suite)
    session.run("pytest", "examples")
