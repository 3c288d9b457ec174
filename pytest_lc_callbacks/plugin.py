"""What pytest loads: options, ini settings, the marker, fixtures and hook functions."""

from __future__ import annotations
