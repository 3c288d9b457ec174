"""What LangChain is known for: each cause once, with one wording, its source and its paragraph in docs/causes.md."""

from pytest_lc_callbacks._causes import ends, events, heard, raised
from pytest_lc_callbacks._causes.cause import Cause as Cause
from pytest_lc_callbacks._causes.cause import Proof as Proof
from pytest_lc_callbacks._causes.ends import *  # noqa: F403  # the causes are all that it makes
from pytest_lc_callbacks._causes.events import *  # noqa: F403  # the causes are all that it makes
from pytest_lc_callbacks._causes.heard import *  # noqa: F403  # the causes are all that it makes
from pytest_lc_callbacks._causes.raised import *  # noqa: F403  # the causes are all that it makes

CAUSES = {
    cause.name: cause
    for room in (heard, events, raised, ends)
    for cause in vars(room).values()
    if isinstance(cause, Cause)
}
"""Every cause by its name, in the order of docs/causes.md."""
