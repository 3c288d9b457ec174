"""What handlers get from a fake model: plainly, or in the shapes of a provider."""

from __future__ import annotations

from pytest_lc_callbacks._fake.providers.anthropic import AnthropicPayloads
from pytest_lc_callbacks._fake.providers.openai import OpenAIPayloads
from pytest_lc_callbacks._fake.providers.plain import Payloads

PAYLOADS: dict[str | None, Payloads] = {
    None: Payloads(),
    "anthropic": AnthropicPayloads(),
    "openai": OpenAIPayloads(),
}
"""The payloads by what `FakeChatModel` takes as `provider`."""
