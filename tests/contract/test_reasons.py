from __future__ import annotations

import pytest
from pydantic import ValidationError

from contract.reasons import LANGUAGES, REASON_WORDS, Language, Reason, format_duration, parameters_of, sentence


@pytest.mark.parametrize("code", REASON_WORDS)
def test_every_reason_has_the_same_parameters_in_every_language_and_can_be_said(code: str) -> None:
    words = REASON_WORDS[code]
    assert set(words) == set(LANGUAGES)
    wanted = {language: parameters_of(words[language]) for language in LANGUAGES}
    assert wanted["id"] == wanted["en"]
    reason = Reason(code=code, params=dict.fromkeys(wanted["en"], 2.5))
    for language in LANGUAGES:
        text = reason.text(language)
        assert text
        assert "{" not in text


@pytest.mark.parametrize("code", REASON_WORDS)
def test_no_reason_calls_anybody_a_suspect(code: str) -> None:
    for text in REASON_WORDS[code].values():
        assert not {"suspect", "tersangka", "pelaku"} & set(text.lower().split())


def test_an_unknown_code_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match=r"unknown reason code 'loafed'; known: .*\bbelow_capacity, "):
        Reason(code="loafed")


@pytest.mark.parametrize("params", [{}, {"dwell_s": 1.0, "more": 2.0}, {"dwell": 1.0}])
def test_parameters_must_be_those_of_the_sentence(params: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=r"takes the parameters \['dwell_s'\]"):
        Reason(code="stayed", params=params)


@pytest.mark.parametrize(
    ("seconds", "indonesian", "english"),
    [
        (-1.0, "0 dtk", "0 s"),
        (59.4, "59 dtk", "59 s"),
        (59.6, "1 mnt", "1 min"),
        (160.0, "2 mnt 40 dtk", "2 min 40 s"),
        (3600.0, "1 jam", "1 h"),
        (3660.0, "1 jam 1 mnt", "1 h 1 min"),
        (90_000.0, "25 jam", "25 h"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, indonesian: str, english: str) -> None:
    assert (format_duration(seconds, "id"), format_duration(seconds, "en")) == (indonesian, english)


@pytest.mark.parametrize(
    ("code", "parameter", "radius", "indonesian", "english"),
    [
        ("within_body_heights", "radius", 0.2, "hampir tidak berpindah tempat", "hardly moved from the spot"),
        ("within_metres", "radius_m", 0.5, "hampir tidak berpindah tempat", "hardly moved from the spot"),
        (
            "within_body_heights",
            "radius",
            2.0,
            "bergerak dalam jarak 2,0 kali tinggi badan",
            "moved within 2.0 body heights",
        ),
        ("within_metres", "radius_m", 0.6, "bergerak dalam jarak 0,6 m", "moved within 0.6 m"),
    ],
)
def test_a_small_range_of_movement_is_said_without_a_number(
    code: str, parameter: str, radius: float, indonesian: str, english: str
) -> None:
    reason = Reason(code=code, params={parameter: radius})
    assert (reason.text("id"), reason.text("en")) == (indonesian, english)


@pytest.mark.parametrize(("language", "decimal"), [("id", "1,5"), ("en", "1.5")])
def test_numbers_are_written_as_the_language_writes_them(language: Language, decimal: str) -> None:
    assert decimal in Reason(code="within_metres", params={"radius_m": 1.5}).text(language)


def test_reasons_join_into_one_sentence_with_one_capital() -> None:
    reasons = (Reason(code="stayed", params={"dwell_s": 160.0}), Reason(code="left_zone"))
    assert sentence(reasons, "en") == "Stayed in the zone for 2 min 40 s, left the zone"
    assert sentence((), "id") == ""
