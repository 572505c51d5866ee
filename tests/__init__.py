"""Kentongan's tests. A package only so that `tests.support` can be imported."""
