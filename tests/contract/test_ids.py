from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contract.clock import ManualClock
from contract.ids import Sha256Hex, Slug, UuidV7, UuidV7Factory

NOON = datetime(2026, 11, 24, 5, 0, 0, 123_000, tzinfo=UTC)
MS = int(NOON.timestamp() * 1000)


def test_ids_are_of_version_7_and_carry_the_millisecond() -> None:
    made = UuidV7Factory(ManualClock(NOON))()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == MS


def test_ids_of_one_millisecond_differ_and_sort_as_made() -> None:
    factory = UuidV7Factory(ManualClock(NOON))
    made = [factory() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {item.int >> 80 for item in made} == {MS}


def test_order_survives_a_step_of_the_clock_back() -> None:
    clock = ManualClock(NOON)
    factory = UuidV7Factory(clock)
    before = factory()
    clock.step_wall(-3600.0)
    after = factory()
    assert after > before
    clock.step_wall(7200.0)
    assert factory().int >> 80 == MS + 3_600_000


def test_a_counter_that_overflows_borrows_the_next_millisecond() -> None:
    factory = UuidV7Factory(ManualClock(NOON))
    first = factory()
    factory._counter = (1 << 24) - 1
    second = factory()
    assert second > first
    assert second.int >> 80 == MS + 1
    assert second.version == 7


@given(st.integers(min_value=0, max_value=(1 << 24) - 2))
def test_the_counter_fills_its_bits_in_order(counter: int) -> None:
    factory = UuidV7Factory(ManualClock(NOON))
    factory()
    factory._counter = counter
    made = factory()
    assert made.version == 7
    assert ((made.int >> 64 & 0xFFF) << 12 | made.int >> 50 & 0xFFF) == counter + 1


def test_an_id_of_another_version_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"expected a UUID of version 7 \(RFC 9562\), got version 4"):
        TypeAdapter(UuidV7).validate_python(uuid4())
    made = UUID("018f0000-0000-7000-8000-000000000000")
    assert TypeAdapter(UuidV7).validate_python(made) == made


@pytest.mark.parametrize("text", ["a", "0", "bahari", "gang-tiga-2", "a" * 64, "a--b"])
def test_slugs_are_lower_case_letters_digits_and_inner_hyphens(text: str) -> None:
    assert TypeAdapter(Slug).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "-a", "a-", "A", "a b", "a/b", "..", "a_b", "é", "a" * 65, "a\n", "a%2f"])
def test_what_could_break_a_path_or_url_is_no_slug(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Slug).validate_python(text)


@pytest.mark.parametrize("text", ["0" * 63, "0" * 65, "G" * 64, "A" * 64, ""])
def test_a_digest_is_64_lower_case_hexadecimal_digits(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Sha256Hex).validate_python(text)
