"""Which installed package a class is from."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

from pytest_lc_callbacks._stack import is_library
from pytest_lc_callbacks._values import ask


def package_of(cls: type) -> str | None:
    """
    The installed package that defines *cls*, with its version: ``acme-callbacks 1.2``.

    Returns:
        None for the user's own code, and where the package is not certain.
    """
    module = ask(cls, "__module__")
    file = getattr(sys.modules.get(module), "__file__", None) if type(module) is str else None
    return _package(module, file) if file is not None and is_library(file) else None


@lru_cache
def _package(module: str, file: str) -> str | None:
    """To read what is installed takes a tenth of a second: it is done where a finding is made, once for a module."""
    names = list(dict.fromkeys(packages_distributions().get(module.partition(".")[0], ())))
    if len(names) > 1:
        # Several packages share a folder, as those of opentelemetry do.
        names = [name for name in names if _has(name, file)]
    if len(names) != 1:
        return None
    try:
        found = distribution(names[0])
    except PackageNotFoundError:
        return None
    return f"{found.metadata['Name']} {found.version}"


def _has(name: str, file: str) -> bool:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return False
    return any(str(path.locate()) == file for path in found.files or ())
