"""Logistic fits, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from gridseval.results.stats.logistic import fit_logistic


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [1.0, 1e-3, 400.0])
def test_fits_are_those_of_statsmodels(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(2, 1, 150) * scale
    success = rng.random(150) < 1 / (1 + np.exp(-(1.5 - values / scale)))
    found = fit_logistic(values.tolist(), success.tolist())
    assert found is not None
    model = sm.Logit(success.astype(float), sm.add_constant(values)).fit(disp=0)
    assert found.intercept == pytest.approx(model.params[0], rel=1e-5)
    assert found.slope == pytest.approx(model.params[1], rel=1e-5)
    assert (found.lower, found.upper) == pytest.approx(tuple(model.conf_int()[1]), rel=1e-5)
    assert found.p_value == pytest.approx(model.llr_pvalue, rel=1e-4)
    expected = model.predict([[1.0, scale]])[0]
    assert found.rate(scale) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("values", "outcomes"),
    [
        ([1.0] * 10, [True, False] * 5),
        ([1.0, 2.0, 3.0], [True] * 3),
        ([1.0, 2.0, 3.0, 4.0], [False, False, True, True]),
        ([1.0, 1.0, 1.0, 5.0], [False, False, False, True]),
        ([], []),
    ],
)
def test_where_no_maximum_exists_nothing_is_returned(
    values: list[float], outcomes: list[bool]
) -> None:
    assert fit_logistic(values, outcomes) is None
