"""Secrets taken out of text before it leaves the process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

REDACTED = "[redacted]"

Rule = str | re.Pattern[str] | Callable[[str], str]
"""What a project may add: a regular expression whose matches are replaced, or a function from text to text."""


class Shape(NamedTuple):
    """A kind of secret that is known by its form."""

    name: str
    """Whose it is."""

    markers: tuple[str, ...]
    """It has one of these in it. A text without any is not searched, so that a long text costs little."""

    pattern: str
    """The secret, as a regular expression; of one with the groups ``keep`` and ``rest``, those two stay."""


# What comes before a secret's first letter: no letter or digit, or the end of an escape. The `repr` of a text writes a
# line end as a letter after a backslash, and a terminal's colour ends with one.
_AFTER_ESCAPE = r"(?<=\\[abfnrtv])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=\[m)|(?<=[\[;]\dm)|(?<=[\[;]\d\dm)"
_BEGIN = rf"(?:\b|{_AFTER_ESCAPE})"


def _shape(name: str, markers: str, pattern: str) -> Shape:
    return Shape(name, tuple(markers.split()), pattern.replace(r"\b", _BEGIN, 1))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # When they are needed: compiling them all takes longer than loading the plugin, and most suites need none.
    return re.compile(pattern)


# The prefixes and lengths are those of the public rules of gitleaks, of GitHub's secret scanning and of the providers'
# own pages. A rule here may be shorter than theirs: half a key that is printed is worse than a word that is not.
SHAPES: tuple[Shape, ...] = (
    _shape(
        "private key", "PRIVATE KEY", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[^-]*-----[\s\S]*?(?:-----END [^-]*-----|\Z)"
    ),
    _shape(
        "OpenAI, Anthropic, Stripe",
        "sk- sk_ pk- pk_ rk- rk_",
        r"\b[spr]k[-_](?:[A-Za-z0-9]+[-_]){0,4}[A-Za-z0-9_-]{16,}",
    ),
    _shape("LangSmith", "lsv2_ ls__", r"\b(?:lsv2_(?:pt|sk)_|ls__)[A-Za-z0-9_]{16,}"),
    _shape("Google API key", "AIza", r"\bAIza[A-Za-z0-9_-]{30,}"),
    _shape("Google OAuth", "ya29. GOCSPX-", r"\b(?:ya29\.|GOCSPX-)[A-Za-z0-9_-]{20,}"),
    _shape(
        "GitHub",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
    ),
    _shape(
        "GitLab",
        "glpat- gldt- glrt- glcbt- glptt- glsoat- glft-",
        r"\bgl(?:pat|dt|rt|cbt|ptt|soat|ft)-[A-Za-z0-9_.-]{16,}",
    ),
    _shape("Slack token", "xox xapp-", r"\b(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{10,}"),
    _shape("AWS key id", "AKIA ASIA ABIA ACCA", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    _shape("Amazon Bedrock", "ABSK bedrock-api-key-", r"\b(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/=_-]{40,}"),
    _shape("Hugging Face", "hf_ api_org_", r"\b(?:hf_|api_org_)[A-Za-z0-9]{20,}"),
    _shape(
        "Groq, xAI, Replicate, Perplexity, Tavily",
        "gsk_ xai- r8_ pplx- tvly-",
        r"\b(?:gsk_|xai-|r8_|pplx-|tvly-)[A-Za-z0-9_-]{20,}",
    ),
    _shape("Fireworks, NVIDIA", "fw_ nvapi-", r"\b(?:fw_|nvapi-)[A-Za-z0-9_-]{20,}"),
    _shape("Pinecone", "pcsk_", r"\bpcsk_[A-Za-z0-9_]{20,}"),
    _shape("SendGrid", "SG.", r"\bSG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    _shape("npm", "npm_", r"\bnpm_[A-Za-z0-9]{30,}"),
    _shape("PyPI", "pypi-", r"\bpypi-[A-Za-z0-9_-]{30,}"),
    _shape("DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", r"\bdo[por]_v1_[a-f0-9]{32,}"),
    _shape("webhook secret", "whsec_", r"\bwhsec_[A-Za-z0-9+/=_-]{16,}"),
    _shape("Docker", "dckr_pat_ dckr_oat_", r"\bdckr_[po]at_[A-Za-z0-9_-]{16,}"),
    _shape("Databricks", "dapi", r"\bdapi[a-f0-9]{32}(?:-\d)?\b"),
    _shape("Shopify", "shpat_ shpca_ shppa_ shpss_", r"\bshp(?:at|ca|pa|ss)_[A-Za-z0-9]{24,}"),
    _shape("HashiCorp Vault", "hvs. hvb. hvr.", r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    _shape("Grafana", "glsa_ glc_", r"\b(?:glsa_|glc_)[A-Za-z0-9_+/=]{20,}"),
    _shape(
        "Linear, Notion, Figma", "lin_api_ ntn_ secret_ figd_", r"\b(?:lin_api_|ntn_|secret_|figd_)[A-Za-z0-9_-]{24,}"
    ),
    _shape(
        "Supabase, Postman, Airtable, Square",
        "sbp_ PMAK- sq0",
        r"\b(?:sbp_[a-f0-9]{32,}|PMAK-[a-f0-9-]{32,}|sq0[a-z]{3}-[A-Za-z0-9_-]{20,})",
    ),
    _shape("Sentry", "sntrys_ sntryu_", r"\bsntry[su]_[A-Za-z0-9+/=_-]{20,}"),
    _shape("Mailgun, Mailchimp", "key- -us", r"\b(?:key-[a-f0-9]{32}|[a-f0-9]{32}-us\d{1,2})\b"),
    _shape("Twilio", "SK AC", r"\b(?:SK|AC)[a-f0-9]{32}\b"),
    _shape("Telegram bot", ":AA", r"\b\d{8,10}:AA[A-Za-z0-9_-]{30,}"),
    _shape("JSON web token", "eyJ", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*"),
    _shape("webhook address", "hooks.slack.com", r"(?P<keep>hooks\.slack\.com/(?:services|workflows)/)[^\s\"'<>]+"),
    _shape("webhook address", "/api/webhooks/", r"(?P<keep>discord(?:app)?\.com/api/webhooks/)[^\s\"'<>]+"),
    _shape("webhook address", "webhook.office.com", r"(?P<keep>webhook\.office\.com/)[^\s\"'<>]+"),
    _shape(
        "signed address",
        "? &",
        r"(?i)(?P<keep>[?&](?:sig|signature|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)"
        r"|(?:access_|auth_|id_|refresh_)?token|(?:api[_-]?)?key|code|password|client_secret|subscription-key)=)"
        r"(?!\[redacted\])[^\s&\"'<>#]{6,}",
    ),
    _shape(
        "address with a password",
        "://",
        r"(?i)(?P<keep>\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@\"']{0,100}:)[^\s/\"'<>]+(?P<rest>@)",
    ),
    _shape("bearer", "earer EARER", r"(?i)(?P<keep>\bbearer\s+)(?!\[redacted\])[A-Za-z0-9._~+/=-]{8,}"),
    _shape(
        "basic", "asic ASIC", r"(?P<keep>\b(?i:basic)\s+)(?=[A-Za-z0-9+/]+[A-Z0-9+/=])[A-Za-z0-9+/]{8,}={0,2}(?![\w.])"
    ),
)

# A quick look at whether any of them can be found.
_MARKERS = tuple(marker for shape in SHAPES for marker in shape.markers)

# What stands for one of these names is a secret whatever it looks like ...
_SURE = (
    r"api[_-]?keys?|secret[_-]?(?:access[_-]?)?keys?|access[_-]?keys?|account[_-]?keys?|private[_-]?keys?"
    r"|(?:access|auth|refresh|id|session|bearer|security|bot|csrf|oauth|device|api|personal[_-]access)[_-]?tokens?"
    r"|client[_-]?secrets?|app[_-]?secrets?|signing[_-]?(?:secret|key)s?|encryption[_-]?keys?|master[_-]?keys?"
    r"|connection[_-]?strings?|passwords?|passwd|passphrases?|shared[_-]?access[_-]?(?:key|signature)"
)
# ... and of one of these only if it does not look like a word: a model's `token` is one.
_MAYBE = r"tokens?|secrets?|pwd|pass|credentials?|auth|authorization|sig|signature|apikey|jwt|otp"
_WHOLE_LINE = r"(?:proxy-)?authorization|(?:set-)?cookies?|x-api-key|x-auth-token"
_QUOTED = r"""\\*"(?:[^"\\\n]|\\(?!"))*\\*"|\\*'(?:[^'\\\n]|\\(?!'))*\\*'"""
_SEPARATOR = r"""(?P<close>\\*["'`]?)\s*(?::=|=>|[:=]|(?<=["']),)\s*"""
_PREFIX = r"(?:[bru]{1,2}(?=\\*[\"']))?"

_NAMED = rf"(?i)(?P<name>{_SURE}){_SEPARATOR}{_PREFIX}(?P<value>{_QUOTED}|(?!SecretStr\()[^\s,;)\]}}\"'\\]{{3,}})"
_PASSWORD = (
    r"(?im)(?P<name>" + _BEGIN + r"(?:password|passphrase|passwd|pwd))(?P<close>)[ \t]*[:=][ \t]*"
    r"(?P<value>(?!\[redacted\]|SecretStr\(|[bru]{0,2}\\*[\"'{\[(])[^\s,;)\]}\"'\\]+(?:[ \t]+[^\s,;)\]}\"'\\]+)*)"
)
# What follows the name of an event, as in `["llm_new_token", "chat_model_start"]`, is the next entry and no value.
_MAYBE_NAMED = (
    rf"(?i)(?:(?<![a-z0-9])|{_AFTER_ESCAPE})(?:[a-z0-9]+[_-]){{0,3}}(?<!llm_new_)(?P<name>{_MAYBE}){_SEPARATOR}{_PREFIX}"
    rf"(?P<value>{_QUOTED}|[^\s,;)\]}}\"'\\]{{8,}})"
)
_HEADER = (
    rf"(?im)(?P<name>(?:(?<![\w-])|{_AFTER_ESCAPE})(?:{_WHOLE_LINE})){_SEPARATOR}{_PREFIX}"
    rf"""(?P<value>{_QUOTED}|(?!\[redacted\])[^\s"'{{[(][^\n"']*)"""
)
# A quick look at whether the four above can find anything.
_ANY_NAME = r"(?i)key|token|secret|passw|passphrase|pwd|pass\b|credential|auth|cookie|sig|jwt|otp|connection"
_SECRET_NAME = rf"(?i)(?:^|[^a-z])(?:{_SURE}|{_MAYBE}|{_WHOLE_LINE})$"
_CAMEL = r"(?<=[a-z0-9])(?=[A-Z])"
_WORDLIKE = r"[A-Za-z]?[a-z]*|[A-Z]+|[\W_]*"


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
    except BaseException as error:
        if issubclass(type(error), KeyboardInterrupt):
            raise
        return f"(withheld: a rule of pytest_lc_callbacks_redact raised {type(error).__name__})"


def clean_data(value: Any) -> Any:
    """*value*, data as JSON has it, without secrets: in its texts, and under names that tell of one."""
    if isinstance(value, dict):
        return {key: REDACTED if _is_secret(key, item) else clean_data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_data(item) for item in value]
    return clean(value) if isinstance(value, str) else value


def redact(text: str, rules: Iterable[Rule] = ()) -> str:
    """
    *text* without API keys, bearer tokens, passwords, and what the project's *rules* name.

    Raises:
        TypeError: If a rule is none.
    """
    for rule in rules:
        text = _apply(rule, text)
    if any(map(text.__contains__, _MARKERS)):
        for shape in SHAPES:
            if any(map(text.__contains__, shape.markers)):
                text = _compiled(shape.pattern).sub(_keep, text)
    if not _compiled(_ANY_NAME).search(text):
        return text
    text = _compiled(_HEADER).sub(_unnamed, text)
    text = _compiled(_PASSWORD).sub(_unnamed, text)
    text = _compiled(_NAMED).sub(_unnamed, text)
    return _compiled(_MAYBE_NAMED).sub(_unless_a_word, text)


def is_secret_name(name: str) -> bool:
    """Whether a key of this *name* holds a secret: ``"api_key"``, ``"clientSecret"``, but not ``"max_tokens"``."""
    words = _compiled(_CAMEL).sub("_", name)
    return len(name) < 100 and not name.endswith("tokens") and _compiled(_SECRET_NAME).search(words) is not None


def _is_secret(key: str, value: Any) -> bool:
    return isinstance(value, str) and value != "" and is_secret_name(key)


def _keep(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return f"{groups.get('keep') or ''}{REDACTED}{groups.get('rest') or ''}"


def _unnamed(match: re.Match[str]) -> str:
    value = match["value"]
    bare = value.strip("\\\"'* ")
    # What pydantic masks already, and names without a value; `ANY` is what a list to paste has instead of a secret.
    without_value = ("None", "null", "True", "true", "False", "false", "ANY")
    if len(bare) < 3 or bare.startswith("SecretStr(") or bare in without_value:
        return match[0]
    if bare.startswith(REDACTED.strip("]")):
        return match[0]
    start = match.start("value") - match.start()
    quote = value[: len(value) - len(value.lstrip("\\\"'"))]
    return f"{match[0][:start]}{quote}{REDACTED}{quote}"


def _unless_a_word(match: re.Match[str]) -> str:
    bare = match["value"].strip("\\\"'")
    if len(bare) < 8 or " " in bare or _compiled(_WORDLIKE).fullmatch(bare) or bare.replace(".", "").isdigit():
        return match[0]
    return _unnamed(match)


def _apply(rule: Rule, text: str) -> str:
    if isinstance(rule, (str, re.Pattern)):
        return re.sub(rule, REDACTED, text)
    if not callable(rule):
        raise TypeError(f"expected a regular expression or a function of the text, not {type(rule).__name__}")
    result = rule(text)
    if not isinstance(result, str):
        raise TypeError(f"expected a text from {getattr(rule, '__name__', rule)!s}, not {type(result).__name__}")
    return result
