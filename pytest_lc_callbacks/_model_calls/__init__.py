"""Recorded model calls: the file, and what a call is in it; knows no room of ours, and redacts nothing."""

from pytest_lc_callbacks._model_calls.answer import (
    answer_of_chunks,
    answer_of_error,
    answer_of_result,
    as_chat,
    chunks_of,
    error_of,
    result_of,
)
from pytest_lc_callbacks._model_calls.file import ModelCall, ModelCallsError, append_calls, read_calls, shown
from pytest_lc_callbacks._model_calls.recording import RECORDER, is_ci
from pytest_lc_callbacks._model_calls.request import canonical, request_of, request_of_text

__all__ = [
    "RECORDER",
    "ModelCall",
    "ModelCallsError",
    "answer_of_chunks",
    "answer_of_error",
    "answer_of_result",
    "append_calls",
    "as_chat",
    "canonical",
    "chunks_of",
    "error_of",
    "is_ci",
    "read_calls",
    "request_of",
    "request_of_text",
    "result_of",
    "shown",
]
