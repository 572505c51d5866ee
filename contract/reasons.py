"""Every reason that a rule can give, with its parameters and its words in both languages.

A reason is sent as a code with numbers, so that each reader gets it in their own language and a test can prove that
every code has words. Rules may use only the codes of `REASON_WORDS`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = ("id", "en")

ON_THE_SPOT_RADIUS = 0.5
"""Metres or body heights: a person within this radius stayed on the spot, and the reason gives no number."""

REASON_WORDS: Mapping[str, Mapping[Language, str]] = MappingProxyType(
    {
        "stayed": {
            "id": "berada di zona selama {dwell_s:duration}",
            "en": "stayed in the zone for {dwell_s:duration}",
        },
        "stayed_over_threshold": {
            "id": "lebih lama dari batas {threshold_s:duration}",
            "en": "longer than the limit of {threshold_s:duration}",
        },
        "shorter_than_threshold": {
            "id": "lebih singkat dari batas {threshold_s:duration}",
            "en": "shorter than the limit of {threshold_s:duration}",
        },
        "usual_stay_here": {
            "id": "tidak lebih lama dari yang biasa di tempat dan jam ini ({usual_s:duration})",
            "en": "no longer than is usual at this place and hour ({usual_s:duration})",
        },
        "looked_like_passing": {
            "id": "jalurnya seperti orang lewat (skor {score:percent}, perlu {needed:percent})",
            "en": "moved like a passer-by (score {score:percent}, needed {needed:percent})",
        },
        "within_body_heights": {
            "id": "bergerak dalam jarak {radius:decimal} kali tinggi badan",
            "en": "moved within {radius:decimal} body heights",
        },
        "within_metres": {
            "id": "bergerak dalam jarak {radius_m:decimal} m",
            "en": "moved within {radius_m:decimal} m",
        },
        "on_the_spot": {"id": "hampir tidak berpindah tempat", "en": "hardly moved from the spot"},
        "people_over_capacity": {
            "id": "{count:integer} orang di zona, batasnya {capacity:integer}",
            "en": "{count:integer} people in the zone, the limit is {capacity:integer}",
        },
        "lasted": {
            "id": "berlangsung selama {duration_s:duration}",
            "en": "lasted {duration_s:duration}",
        },
        "outside_usual_places": {
            "id": "di luar tempat orang biasa berhenti",
            "en": "outside the places where people usually stay",
        },
        "by_night": {"id": "pada malam hari", "en": "by night"},
        "longer_than_usual_here": {
            "id": "lebih lama dari yang biasa di tempat dan jam ini ({usual_s:duration})",
            "en": "longer than is usual at this place and hour ({usual_s:duration})",
        },
        "resident_like": {
            "id": "tetap di tempat yang sama, seperti orang yang biasa ada di situ",
            "en": "stays in one place, as people do who belong there",
        },
        "came_back": {
            "id": "datang {visits:integer} kali dalam {window_s:duration}",
            "en": "came {visits:integer} times within {window_s:duration}",
        },
        "stayed_together_in_all": {
            "id": "total {dwell_s:duration} di zona",
            "en": "{dwell_s:duration} in the zone in all",
        },
        "group_metres": {
            "id": "{count:integer} orang berkumpul dalam jarak {radius_m:decimal} m",
            "en": "{count:integer} people within {radius_m:decimal} m of each other",
        },
        "group_body_heights": {
            "id": "{count:integer} orang berkumpul dalam jarak {radius:decimal} kali tinggi badan",
            "en": "{count:integer} people within {radius:decimal} body heights of each other",
        },
        "group_dissolved": {"id": "kelompok sudah bubar", "en": "the group parted"},
        "short_contacts": {
            "id": "{contacts:integer} kali dihampiri sebentar dalam {window_s:duration}",
            "en": "{contacts:integer} short contacts within {window_s:duration}",
        },
        "people_per_square_metre": {
            "id": "{density:decimal} orang per m², batasnya {limit:decimal}",
            "en": "{density:decimal} people per m², the limit is {limit:decimal}",
        },
        "below_density": {
            "id": "kepadatan kembali di bawah batas",
            "en": "the density fell below the limit again",
        },
        "unusual_count": {
            "id": "{count:integer} orang, biasanya paling banyak {usual:integer} pada jam ini",
            "en": "{count:integer} people, usually at most {usual:integer} at this hour",
        },
        "usual_count_again": {"id": "jumlah orang kembali seperti biasa", "en": "the count is as usual again"},
        "crowd_grew": {
            "id": "dari {before:integer} menjadi {count:integer} orang dalam {window_s:duration}",
            "en": "from {before:integer} to {count:integer} people within {window_s:duration}",
        },
        "closer_together": {"id": "orang-orang saling mendekat", "en": "people moved closer together"},
        "crowd_parted": {"id": "kerumunan sudah berkurang", "en": "the crowd has thinned out"},
        "people_ran": {
            "id": "{count:integer} orang bergerak cepat ({speed_mps:decimal} m/dtk)",
            "en": "{count:integer} people moved fast ({speed_mps:decimal} m/s)",
        },
        "people_ran_body_heights": {
            "id": "{count:integer} orang bergerak cepat ({speed:decimal} kali tinggi badan per detik)",
            "en": "{count:integer} people moved fast ({speed:decimal} body heights per second)",
        },
        "ran_apart": {"id": "menjauh ke segala arah", "en": "away from each other"},
        "people_gone": {
            "id": "{share:percent} orang pergi dalam {window_s:duration}",
            "en": "{share:percent} of the people were gone within {window_s:duration}",
        },
        "calm_again": {"id": "gerakan kembali tenang", "en": "movement is calm again"},
        "against_the_flow": {
            "id": "bergerak melawan arah; hanya {share:percent} gerakan di sini ke arah itu",
            "en": "moved against the flow; only {share:percent} of movement here goes that way",
        },
        "people_estimated": {
            "id": "terlalu padat untuk dihitung: kira-kira {low:integer} sampai {high:integer} orang, "
            "diperkirakan dari {figures:integer} sosok yang terlihat sebagian",
            "en": "too dense to count: about {low:integer} to {high:integer} people, "
            "estimated from {figures:integer} partly seen figures",
        },
        "estimate_over_capacity": {"id": "batasnya {capacity:integer}", "en": "the limit is {capacity:integer}"},
        "density_estimated": {
            "id": "kira-kira {density_low:decimal} sampai {density_high:decimal} orang per m², "
            "batasnya {limit:decimal}",
            "en": "about {density_low:decimal} to {density_high:decimal} people per m², the limit is {limit:decimal}",
        },
        "crowd_grew_beyond_count": {
            "id": "dari {before:integer} orang menjadi lebih padat daripada yang bisa dihitung "
            "dalam {window_s:duration}",
            "en": "from {before:integer} people to more than can be counted within {window_s:duration}",
        },
        "crowd_too_dense_to_count": {
            "id": "kerumunan terlalu padat untuk dihitung satu per satu",
            "en": "the crowd is too dense to count one by one",
        },
        "left_zone": {"id": "sudah meninggalkan zona", "en": "left the zone"},
        "below_capacity": {"id": "jumlah orang kembali di bawah batas", "en": "the count fell below the limit again"},
        "camera_covered": {"id": "kamera tertutup", "en": "the camera is covered"},
        "camera_defocused": {"id": "gambar kamera kabur", "en": "the camera's picture is out of focus"},
        "camera_moved": {
            "id": "arah kamera berubah dari pandangan semula",
            "en": "the camera no longer points where it did",
        },
        "camera_frozen": {"id": "gambar kamera membeku", "en": "the camera's picture is frozen"},
        "camera_dark": {"id": "gambar kamera gelap", "en": "the camera's picture is dark"},
        "camera_no_stream": {"id": "kamera tidak mengirim gambar", "en": "the camera sends no picture"},
        "camera_clock_wrong": {
            "id": "jam kamera selisih {offset_s:duration} dari jam perangkat",
            "en": "the camera's clock differs from the edge device's by {offset_s:duration}",
        },
        "camera_at_fault": {
            "id": "gambar kamera tidak dapat dipercaya",
            "en": "the camera's picture cannot be trusted",
        },
        "camera_lost": {"id": "gambar kamera terputus", "en": "the camera's picture was lost"},
        "worker_restarted": {"id": "program di perangkat dimulai ulang", "en": "the edge worker was restarted"},
    }
)


class Reason(BaseModel):
    """Why a rule signals: a code of `REASON_WORDS` and the numbers of its sentence (SI units)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    code: str
    params: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Self:
        words = REASON_WORDS.get(self.code)
        if words is None:
            raise ValueError(f"unknown reason code {self.code!r}; known: {', '.join(sorted(REASON_WORDS))}")
        wanted = parameters_of(words["en"])
        if set(self.params) != wanted:
            raise ValueError(f"reason {self.code!r} takes the parameters {sorted(wanted)}, got {sorted(self.params)}")
        return self

    def text(self, language: Language) -> str:
        """Return the reason as part of a sentence, with numbers and durations in the language's notation."""
        radius = {"within_body_heights": "radius", "within_metres": "radius_m"}.get(self.code)
        on_the_spot = radius is not None and self.params[radius] <= ON_THE_SPOT_RADIUS
        words = REASON_WORDS["on_the_spot" if on_the_spot else self.code][language]
        return _WordsFormatter(language).vformat(words, (), self.params)


def parameters_of(template: str) -> set[str]:
    """Return the names of the parameters in a template of `REASON_WORDS`."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def sentence(reasons: tuple[Reason, ...], language: Language) -> str:
    """Return all reasons as one sentence, capitalised and without a full stop; empty without reasons."""
    joined = ", ".join(reason.text(language) for reason in reasons)
    return joined[:1].upper() + joined[1:]


class _WordsFormatter(string.Formatter):
    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: object, format_spec: str) -> str:
        if not isinstance(value, int | float):
            raise TypeError(f"reason parameters are numbers, got {type(value).__name__}")
        match format_spec:
            case "duration":
                return format_duration(float(value), self._language)
            case "integer":
                return f"{value:.0f}"
            case "decimal":
                text = f"{value:.1f}"
                return text.replace(".", ",") if self._language == "id" else text
            case "percent":
                return f"{value * 100:.0f} %"
            case _:
                raise ValueError(f"unknown reason format {format_spec!r}; known: duration, integer, decimal, percent")


def format_duration(seconds: float, language: Language) -> str:
    """Return the duration as `2 mnt 40 dtk` in Indonesian or `2 min 40 s` in English; in hours from 60 minutes on."""
    hour, minute, second = ("jam", "mnt", "dtk") if language == "id" else ("h", "min", "s")
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} {second}"
    if whole < 3600:
        return f"{whole // 60} {minute}" + (f" {whole % 60} {second}" if whole % 60 else "")
    return f"{whole // 3600} {hour}" + (f" {whole % 3600 // 60} {minute}" if whole % 3600 >= 60 else "")
