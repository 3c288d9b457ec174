"""
Every example in README.md and docs/ is run as the test file a reader would write.

A page says what is special about a block in HTML comments on the lines above it, where a reader does not see them:

- `<!-- outcome: failed=1 -->`: what pytest counts (passed, failed, error, skipped, xfailed, xpassed); without it,
  everything in the block passes.
- `<!-- output -->`: this block is not code; it is in what the last example printed. `...` stands for anything.
- `<!-- file: conftest.py -->`: this block is a file that the examples after it on the page find beside them.
- `<!-- options: --lc-callbacks-tree -->`: pytest's command line for this block.
- `<!-- needs: langchain_anthropic -->`: skip the block where that cannot be imported; also
  `<!-- needs: langgraph.types:TracePolicy -->`, for a name in a module.
"""

from __future__ import annotations

import gc
import re
import shlex
import sys
import traceback
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [CHECKOUT / "README.md", *sorted(CHECKOUT.joinpath("docs").rglob("*.md"))]

# Comments, then a fenced block. Blocks inside a list are indented.
BLOCK = re.compile(
    r"(?P<notes>(?:^[ ]*<!--[^\n]*-->\n)*)"
    r"^(?P<indent>[ ]*)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
NOTE = re.compile(r"<!-- (?P<name>outcome|output|file|options|needs)(?:: (?P<value>.*?))? -->")


@dataclass
class Example:
    """A block of a page that is a test file."""

    page: Path
    line: int
    text: str
    notes: dict[str, str | None]
    files: dict[str, str]
    outputs: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Where the block stands."""
        return f"{self.page.relative_to(CHECKOUT).as_posix()}:{self.line}"

    @property
    def module(self) -> str:
        """A file name that says where the block stands; unique, since all of them may be imported in one process."""
        return f"test_{re.sub(r'[^a-zA-Z0-9]+', '_', self.id)}.py"

    @property
    def outcome(self) -> dict[str, int] | None:
        """What pytest counts for this block; None if everything passes."""
        stated = self.notes.get("outcome")
        return {k: int(v) for k, v in (part.split("=") for part in re.split(r",\s*", stated))} if stated else None


def examples(page: Path) -> list[Example]:
    """The examples of *page*, with the outputs it shows for them."""
    text = page.read_text(encoding="utf-8")
    found: list[Example] = []
    files: dict[str, str] = {}
    for block in BLOCK.finditer(text):
        notes = {note["name"]: note["value"] for note in NOTE.finditer(block["notes"])}
        code = dedent(block["text"])
        if "file" in notes:
            files[notes["file"]] = code
        elif "output" in notes:
            found[-1].outputs.append(code)
        elif block["language"] == "python":
            line = text.count("\n", 0, block.start("text"))
            # Blank lines in front, so that a traceback shows the line numbers of the page.
            found.append(Example(page, line, "\n" * line + code, notes, dict(files)))
    return found


EXAMPLES = [example for page in PAGES for example in examples(page)]


class Results:
    """A pytest plugin that keeps what pytest counts and prints for each file."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.printed: defaultdict[str, list[str]] = defaultdict(list)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
            for report in terminalreporter.getreports(outcome):
                module = Path(report.nodeid.split("::")[0]).name
                self.counts[module][outcome] += 1
                self.printed[module] += [report.longreprtext, *(content for _, content in report.sections)]


def missing(example: Example) -> bool:
    """Whether *example* needs something that is not installed."""
    module, _, name = (example.notes.get("needs") or "").partition(":")
    if not module:
        return False
    return find_spec(module) is None or (bool(name) and not hasattr(import_module(module), name))


# Every example is run once per process, several in one run of pytest.
BATCH = 12
_results: dict[str, tuple[Counter[str], str]] = {}


@pytest.fixture
def result(example, pytester):
    """What pytest counted and printed for *example*."""
    if example.id not in _results:
        alike = [e for e in EXAMPLES if not missing(e) and _surroundings(e) == _surroundings(example)]
        # A batch is no larger, since each of several processes runs those of its tests.
        first = alike.index(example) // BATCH * BATCH
        _results.update(run(pytester, alike[first : first + BATCH]))
    return _results[example.id]


def _surroundings(example):
    """Examples with the same answer can be run in one go."""
    return example.notes.get("options"), example.page if example.files else None, example.files


def run(pytester, batch):
    """What one pytest counts and prints for each example of *batch*."""
    for name, text in {**batch[0].files, **{example.module: example.text for example in batch}}.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    options = shlex.split(batch[0].notes.get("options") or "")
    results = Results()
    # One block that cannot be imported is that block's failure only.
    terminal = pytester.runpytest_inprocess(
        "--continue-on-collection-errors", *options, *(example.module for example in batch), plugins=[results]
    )
    _forget(terminal)
    # With options, it is the run as a whole that a page shows.
    whole = [terminal.stdout.str()] if options else []
    return {e.id: (results.counts[e.module], "\n".join(results.printed[e.module] + whole)) for e in batch}


def _forget(terminal):
    """Free what examples leave on purpose, such as a coroutine that nobody awaits; no other test is to hear of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for made in terminal.reprec.getcalls("pytest_runtest_makereport"):
            if made.call.excinfo is not None:
                traceback.clear_frames(made.call.excinfo.tb)
                for frame, _ in traceback.walk_tb(made.call.excinfo.tb):
                    # Until Python 3.13 a frame keeps a dict of its variables, which is emptied when it is read again.
                    dict(frame.f_locals)
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            vars(sys).pop(name, None)
        gc.collect()


def shown(printed):
    """What pytest printed, and once more without the margin in which it marks the lines of an exception."""
    exceptions = re.findall(r"(?:^E.*\n?)+", printed, re.MULTILINE)
    return "\n".join([printed, *(dedent(re.sub("^E", "", e, flags=re.MULTILINE)) for e in exceptions), ""])


def pattern(output):
    """The expected *output* as a regular expression for whole lines."""
    lines = output.rstrip().splitlines()
    anything = (r"(?:.*\n)*?" if line.strip() == "..." else _line(line) + r"[ ]*\n" for line in lines)
    return re.compile("^[ ]*" + "".join(anything), re.MULTILINE)


def _line(line):
    return ".*".join(map(re.escape, line.rstrip().split("...")))


# pytest inside pytest has one heap: what an example leaves may be freed in any test of these.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "example",
    [
        pytest.param(
            e,
            id=e.id,
            marks=[
                pytest.mark.skipif(missing(e), reason=f"the page: needs {e.notes.get('needs')}"),
                pytest.mark.partner(*(needed.replace("_", "-") for needed in [e.notes.get("needs")] if needed)),
            ],
        )
        for e in EXAMPLES
    ],
)
def test_example(example, result):
    """
    An example on a page does what the page says.
    """
    counts, printed = result

    assert counts, "pytest found no test in this block: name the file it is, <!-- file: app.py -->"
    assert dict(counts) == (example.outcome or {"passed": counts["passed"]}), printed
    for output in example.outputs:
        if not pattern(output).search(shown(printed)):
            pytest.fail(f"the page shows:\n{output}\nbut pytest printed:\n{printed}", pytrace=False)


@pytest.mark.once
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_links_between_pages_lead_somewhere(page):
    """
    A link to a file of this repository names one that is there, and behind `#` one of its headings.
    """
    links = re.findall(r"\]\((?![a-z]+:)([^)#\s]*)#?([^)\s]*)\)", page.read_text(encoding="utf-8"))
    targets = [(page.parent / file if file else page, heading) for file, heading in links]

    assert [str(target) for target, _ in targets if not target.exists()] == []
    assert [(target.name, heading) for target, heading in targets if heading and heading not in anchors(target)] == []


def anchors(page):
    """What `#` may name on *page*: its headings in small letters, with hyphens for blanks and no punctuation."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings}


@pytest.mark.once
def test_the_guide_lists_its_pages():
    """
    `docs/README.md` links to every page beside it.
    """
    guide = CHECKOUT / "docs" / "README.md"

    linked = re.findall(r"\]\(([^)#\s]+)", guide.read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(page.name for page in PAGES if page.parent == guide.parent and page != guide)


PAGE = """
<!-- file: conftest.py -->
```python
import pytest

@pytest.fixture
def two():
    return 2
```

- In a list:

  <!-- outcome: failed=1, passed=1 -->
  ```python
  def test_one(two):
      assert two == 2

  def test_two(two):
      raise AssertionError(f"expected 1, but got {two}\\n  at 0x{id(two):x}")
  ```

  <!-- output -->
  ```text
  AssertionError: expected 1, but got 2
    at 0x...
  ```

```toml
not = "ours"
```
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page with one example of everything."""
    monkeypatch.setattr(sys.modules[__name__], "CHECKOUT", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_a_page_is_read_as_its_comments_say(page):
    """
    Python blocks are examples, unless a comment says that they are files or outputs; other languages are prose.
    """
    [example] = examples(page)

    assert example.id == "page.md:14"
    assert example.outcome == {"failed": 1, "passed": 1}
    assert list(example.files) == ["conftest.py"]
    assert example.outputs == ["AssertionError: expected 1, but got 2\n  at 0x...\n"]
    assert example.text.splitlines()[14] == "def test_one(two):"


def test_an_example_is_held_against_what_pytest_says(page, pytester):
    """
    The outcome is what pytest counted, the output what it printed, with `...` for what differs from run to run.
    """
    [example] = examples(page)

    counts, printed = run(pytester, [example])[example.id]

    assert counts == example.outcome
    assert pattern(example.outputs[0]).search(shown(printed))
    assert not pattern("AssertionError: expected 1, but got 3").search(shown(printed))
