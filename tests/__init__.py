"""Tests; `tests/support` holds what several of them share."""

import pytest

# Before the first import from there, so that an assertion in a helper shows its values, as one in a test does.
pytest.register_assert_rewrite("tests.support")
