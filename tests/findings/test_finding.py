"""Finding: plain data, and the words that a test is told."""

from __future__ import annotations

from pytest_lc_callbacks import Finding


def test_a_finding_is_plain_data():
    """
    Two findings of the same words are equal, `print` shows what is told, and the repr is short.
    """
    finding = Finding(name="lifecycle", summary="expected this, but that", details=("  evidence",))

    assert finding == Finding(name="lifecycle", summary="expected this, but that", details=("  evidence",))
    assert repr(finding) == "<Finding lifecycle: expected this, but that>"
    assert str(finding).splitlines() == [
        "expected this, but that  [lifecycle]",
        "  evidence",
        'to allow this: @pytest.mark.lc_callbacks(lifecycle="off"), or lc_callbacks_lifecycle = off for the project',
    ]


def test_a_long_line_is_cut_and_follows_whole():
    """
    The first line fits 120 columns, ends with the name of the finding, and is told whole below it if it was cut.
    """
    finding = Finding(name="handler_error", summary=f"expected this, but {'that ' * 30}")

    first, whole, _ = str(finding).splitlines()

    assert len(first) == 120
    assert first.startswith("expected this, but that that")
    assert first.endswith("...  [handler_error]")
    assert whole == f"  in full: {finding.summary}"
