"""The readers that make rows of what handlers commonly write."""

from __future__ import annotations

from types import SimpleNamespace as Thing

from pytest_lc_callbacks.contract import otel_records, run_tree_records


class Exporter:
    """As OpenTelemetry's InMemorySpanExporter."""

    def __init__(self, spans):
        self.spans = spans

    def get_finished_spans(self):
        return tuple(self.spans)

    def clear(self):
        self.spans = []


def span(name, span_id, parent=None, *, status="UNSET", description=None, **attributes):
    context = Thing(span_id=span_id, trace_id=7)
    return Thing(
        name=name,
        context=context,
        parent=parent and Thing(span_id=parent),
        status=Thing(status_code=Thing(name=status), description=description),
        attributes=attributes,
        events=[Thing(attributes={"message": "said"})],
    )


def test_spans_are_rows():
    """
    A span's row has its ids, its attributes' and events' values as text, and its status as error; reading clears.
    """
    exporter = Exporter([span("outer", 1, input="hi"), span("inner", 2, 1, status="ERROR", description="overloaded")])

    rows = otel_records(exporter)

    assert rows[0] == {
        "name": "outer", "id": 1, "parent": None, "trace": 7, "text": "input=hi\nmessage=said", "error": None
    }  # fmt: skip
    assert (rows[1]["parent"], rows[1]["error"]) == (1, "overloaded")
    assert otel_records(exporter) == []


def test_an_error_without_words_is_an_error():
    """
    A span of status ERROR without a description has an error all the same.
    """
    assert otel_records(Exporter([span("outer", 1, status="ERROR")]))[0]["error"] == "an error"


def test_run_trees_are_rows():
    """
    Every run of a tree is a row with the root's id as its trace; a list is emptied.
    """
    child = Thing(id=2, name="inner", parent_run_id=1, inputs={"a": 1}, outputs=None, error="bad", child_runs=[])
    roots = [Thing(id=1, name="outer", parent_run_id=None, inputs="hi", outputs="ho", error=None, child_runs=[child])]

    rows = run_tree_records(roots)

    assert [(row["name"], row["id"], row["parent"], row["trace"], row["error"]) for row in rows] == [
        ("outer", 1, None, 1, None),
        ("inner", 2, 1, 1, "bad"),
    ]
    assert rows[1]["text"] == "{'a': 1}\nNone"
    assert roots == []
