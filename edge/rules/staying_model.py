"""The numbers of the staying score. Written by `python -m bench.fit_loitering --write`; not by hand."""

from __future__ import annotations

KNOTS: tuple[tuple[float, ...], ...] = (
    (
        0.311916,
        2.70805,
        3.3322,
        3.80666,
        4.27667,
        4.78749,
    ),
    (
        0,
        2.32445,
        3.34746,
        3.91038,
        4.26522,
        4.73232,
    ),
    (
        0,
        0.462894,
        0.809342,
        0.917885,
        0.958811,
        0.987104,
    ),
    (
        0.0761248,
        0.153846,
        0.2,
        0.307692,
        0.657407,
        1,
    ),
    (
        0.321576,
        0.591837,
        0.727273,
        0.943396,
        1,
    ),
    (
        0,
        1.73876,
        3.14585,
        3.97018,
        4.45855,
        4.96929,
    ),
    (
        0,
        0.693147,
        1.09861,
        1.79176,
    ),
    (
        0,
        0.0263213,
        0.0647025,
        0.0933802,
        0.142741,
        0.450535,
    ),
)

WEIGHTS: tuple[float, ...] = (
    0.469681,
    0,
    0.271167,
    0,
    0.678241,
    0,
    0,
    0.836638,
    1.2916,
    2.96875,
    0,
    0,
    -7.45395,
    -28.0247,
    -11.3833,
    0,
    0,
    0,
    1.97342,
    0.6374,
    0,
    0,
    0.492369,
    7.72987,
    -0.340448,
    -0.710304,
    -0.797192,
    -2.54262,
    0,
    0,
    0.921782,
    1.10951,
    0,
    0,
    0,
    0,
    3.57832,
)

INTERCEPT = -2.00941

F1_CUT = 0.24
"""The score above which calling a path loitering gives the best F1 on the training part."""

SCALE_EXPONENT = 0.25
"""Of a track's scale over the median one, as far as the fit believed the walking speed."""
