"""Secrets taken out of text before it leaves the process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

REDACTED = "[redacted]"

Rule = str | re.Pattern[str] | Callable[[str], str]
"""What a project may add: a regular expression whose matches are replaced, or a function from text to text."""

_KEYS = (
    # The forms of providers' keys: OpenAI, Anthropic, LangSmith, Google, GitHub, Slack, AWS, Hugging Face, Groq, xAI.
    r"\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9_-]{16,}",
    r"\blsv2_(?:pt|sk)_[A-Za-z0-9_]{16,}",
    r"\bAIza[A-Za-z0-9_-]{30,}",
    r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
    r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\b(?:hf|gsk|xai|r8|pplx|tvly)[-_][A-Za-z0-9]{20,}",
    # JSON web tokens.
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
)
_ALONE = re.compile("|".join(_KEYS))
# A secret is also what follows the name of a scheme, or a name like api_key.
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{8,}")
_NAMES = r"(?:api[_-]?key|secret(?:[_-]?key)?|access[_-]?token|auth[_-]?token|password|passwd)"
_NAMED = re.compile(
    rf"""(["']?\b[\w-]*{_NAMES}["']?\s*[:=]\s*)("[^"\n]{{3,}}"|'[^'\n]{{3,}}'|[^\s,;)\]}}"']{{3,}})""", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(@)", re.IGNORECASE)


class Project:
    """The rules of the project whose tests run; pytest may run inside pytest, and then the innermost has the word."""

    def __init__(self) -> None:
        self._sources: list[Callable[[], Iterable[Rule]]] = []

    def begin(self, rules: Callable[[], Iterable[Rule]]) -> None:
        """Let *rules* give the project's rules, until `end`."""
        self._sources.append(rules)

    def end(self, rules: Callable[[], Iterable[Rule]]) -> None:
        """Ask *rules* no more."""
        if rules in self._sources:
            self._sources.remove(rules)

    def rules(self) -> Iterable[Rule]:
        """The rules of the project; none outside of pytest."""
        return self._sources[-1]() if self._sources else ()


PROJECT = Project()


def clean(text: str) -> str:
    """*text* without secrets, by the project's rules too; where one of these goes wrong, nothing of the text."""
    try:
        return redact(text, PROJECT.rules())
    # A project's rule may do anything; what it did must not let a secret out.
    except Exception as error:  # noqa: BLE001
        return f"(withheld: a rule of pytest_lc_callbacks_redact raised {type(error).__name__})"


def redact(text: str, rules: Iterable[Rule] = ()) -> str:
    """
    *text* without API keys, bearer tokens, passwords, and what the project's *rules* name.

    Raises:
        TypeError: If one of *rules* is neither a regular expression nor a function that gives a text.
    """
    for rule in rules:
        text = _apply(rule, text)
    text = _ALONE.sub(REDACTED, text)
    text = _BEARER.sub(rf"\1\2{REDACTED}", text)
    text = _CREDENTIALS.sub(rf"\1{REDACTED}\2", text)
    return _NAMED.sub(_replace_value, text)


def _replace_value(match: re.Match[str]) -> str:
    value = match[2]
    quote = value[0] if value[0] in "\"'" else ""
    # pydantic masks a SecretStr itself, and a name without a value hides nothing.
    if value.startswith("SecretStr(") or value.strip("\"'*") in ("", "None", "null", REDACTED, REDACTED.strip("]")):
        return match[0]
    return f"{match[1]}{quote}{REDACTED}{quote}"


def _apply(rule: Rule, text: str) -> str:
    if isinstance(rule, (str, re.Pattern)):
        return re.sub(rule, REDACTED, text)
    if not callable(rule):
        raise TypeError(f"expected a regular expression or a function of the text, not {rule!r}")
    result = rule(text)
    if not isinstance(result, str):
        raise TypeError(f"expected a text from {getattr(rule, '__name__', rule)!s}, not {result!r}")
    return result
