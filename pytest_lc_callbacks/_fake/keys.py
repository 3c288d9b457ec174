"""The API keys that constructors of real models insist on, supplied where a fake model stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from pytest_lc_callbacks._model_calls import RECORDER

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from pytest_lc_callbacks._fake.replaced import Replaced

_KEY = "stand-in"
_NAMES = re.compile(r"api_?(?:key|token)$")


def with_keys(replaced: Replaced) -> Any:
    """A constructor with the keys that it is not given: where it fails without them, or would leave them empty."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # it takes the place of a class's own
        __tracebackhide__ = True
        # A recording asks the real model, which has a key of its own.
        is_on = replaced.is_on and not RECORDER.is_on
        keys = missing_keys(type(self).model_fields, kwargs) if is_on else {}
        construct = replaced.original(self)
        try:
            construct(*args, **kwargs)
        # What it raises for a missing key is the package's own business.
        except Exception:
            if not keys:
                raise
        else:
            if is_on:
                _fill_empty_keys(self)
            return
        construct(*args, **kwargs, **keys)

    return __init__


def missing_keys(fields: Mapping[str, FieldInfo], given: Mapping[str, Any]) -> dict[str, str]:
    """A key for each of *fields* that is one and is not in the *given* arguments."""
    return {field.alias or name: _KEY for name, field in _keys(fields) if not {name, field.alias} & given.keys()}


def _keys(fields: Mapping[str, FieldInfo]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in fields.items():
        kind = str(field.annotation)
        if ("str" in kind.lower() and _NAMES.search(name)) or ("SecretStr" in kind and field.is_required()):
            yield name, field


def _fill_empty_keys(model: Any) -> None:
    """Fill the keys that *model* has as empty texts: its serialized form would otherwise lack them."""
    secrets = getattr(model, "lc_secrets", None) or {}
    for name, _ in _keys(type(model).model_fields):
        value = model.__dict__.get(name)
        if name in secrets and isinstance(value, SecretStr) and not value.get_secret_value():
            model.__dict__[name] = SecretStr(_KEY)
