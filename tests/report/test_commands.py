"""`python -m pytest_lc_callbacks report` and `otlp`."""

from __future__ import annotations

import pytest
from lines_made import a_run, a_test

from pytest_lc_callbacks.__main__ import main
from pytest_lc_callbacks._report.lines import made, write_line


def written(path, *tests, python="3.11", end=True):
    with path.open("w", encoding="utf-8") as file:
        write_line(file, made("session", started=1.7e9, versions={"python": python}))
        for test in tests:
            write_line(file, test)
        if end:
            write_line(file, made("end", exit_status=0, tests=len(tests)))
    return str(path)


def test_report(tmp_path, capsys):
    """
    Several files become one page; missing folders are made, and a line that is none is named.
    """
    one = written(tmp_path / "a.jsonl", a_test("t.py::one", outcome="failed"))
    other = written(tmp_path / "b.jsonl", a_test("t.py::two", outcome="failed"), python="3.12", end=False)
    with (tmp_path / "b.jsonl").open("a", encoding="utf-8") as file:
        file.write("{\n")

    status = main(["report", one, other, "-o", str(tmp_path / "made" / "page.html")])

    page = (tmp_path / "made" / "page.html").read_text(encoding="utf-8")
    assert status == 0
    assert "failed: t.py::one" in page
    assert "failed: t.py::two" in page
    assert "python 3.11 · python 3.12" in page
    assert "1 session did not end: tests may be missing." in page
    assert capsys.readouterr().err.startswith(f"{other}:3: expected a line of JSON")


def test_report_against(tmp_path):
    """
    With --against the page says what changed since an earlier run.
    """
    before = written(tmp_path / "a.jsonl", a_test("t.py::t", runs=[a_run(0, "a")]))
    after = written(tmp_path / "b.jsonl", a_test("t.py::t", runs=[a_run(0, "a"), a_run(1, "<b>")], outcome="failed"))

    main(["report", after, "--against", before, "-o", str(tmp_path / "page.html")])

    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Since the other run: 1 test of 1 differs: passed before, failed now: assert 1 == 2" in page
    assert "new: &lt;b&gt;" in page


@pytest.mark.parametrize("command", ["report", "otlp"])
@pytest.mark.parametrize(
    ("source", "target", "complaint"),
    [
        ("missing.jsonl", "x", "missing.jsonl: cannot be read: No such file or directory"),
        ("empty.jsonl", "x", "empty.jsonl: no line that --lc-callbacks-json wrote"),
        ("good.jsonl", "folder", "folder: cannot be written: Is a directory"),
    ],
)
def test_unusable(tmp_path, monkeypatch, capsys, command, source, target, complaint):
    """
    What cannot be read or written is exit status 2, with the reason.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.jsonl").write_text("")
    written(tmp_path / "good.jsonl", a_test("t"))

    assert main([command, source, "-o", target]) == 2
    assert capsys.readouterr().err == f"{complaint}\n"


def test_report_without_jinja(tmp_path, monkeypatch, capsys):
    """
    Without the extra, the command says what to install.
    """
    monkeypatch.setattr("pytest_lc_callbacks._report.commands.find_spec", lambda name: None)

    assert main(["report", written(tmp_path / "a.jsonl", a_test("t")), "-o", str(tmp_path / "p.html")]) == 2
    assert 'pip install "pytest-lc-callbacks[report]"' in capsys.readouterr().err


def test_otlp(tmp_path):
    """
    A line of spans is written for each test that ran anything.
    """
    source = written(tmp_path / "a.jsonl", a_test("t.py::one", runs=[a_run(0, "a")]), a_test("t.py::two"))

    assert main(["otlp", source, "-o", str(tmp_path / "spans.jsonl")]) == 0
    assert len((tmp_path / "spans.jsonl").read_text().splitlines()) == 1
