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
