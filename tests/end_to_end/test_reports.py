"""Public bug reports: the cause is named, no false one is, and the mended program is silent."""

from __future__ import annotations

import pytest
import report_programs_asked  # noqa: F401  # adds its reports
import report_programs_components  # noqa: F401  # adds its reports
import report_programs_counts  # noqa: F401  # adds its reports
import report_programs_graphs  # noqa: F401  # adds its reports
import report_programs_handlers  # noqa: F401  # adds its reports
import report_programs_payloads  # noqa: F401  # adds its reports
import report_programs_plain  # noqa: F401  # adds its reports
import report_programs_reads  # noqa: F401  # adds its reports
import report_programs_scopes  # noqa: F401  # adds its reports
import report_programs_silent  # noqa: F401  # adds its reports
import report_programs_tools  # noqa: F401  # adds its reports
import report_programs_tracers  # noqa: F401  # adds its reports
import report_programs_unasked  # noqa: F401  # adds its reports
import report_programs_values  # noqa: F401  # adds its reports
from report_programs import REPORTS, Report, told

# LangChain deprecates message histories since 1.6.4, and still has them.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning"),
    # Some reports are of coroutines that nobody awaits.
    pytest.mark.filterwarnings("ignore:.*(on_llm_new_token|save).* was never awaited:RuntimeWarning"),
]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_the_cause_is_named(report: Report) -> None:
    """
    What a test is told of the buggy program names the cause, and no other one.
    """
    said = told(report.buggy, report.check, report.spied)

    assert [words for words in report.says if words not in said] == [], said
    assert [words for words in report.never if words in said] == [], said


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_the_mended_program_is_silent(report: Report) -> None:
    """
    The mended program passes its check and earns no finding.
    """
    assert told(report.good, report.reads_good or report.check, report.spied) == ""
