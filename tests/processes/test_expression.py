"""Formulas: the catalogue's indices equal spyndex on real pixels, and nothing but arithmetic is possible."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from phidias_processes.eo.bands import Band, find_band
from phidias_processes.eo.expression import Expression, ExpressionError
from phidias_processes.eo.indices import BANDS, applicable_indices


@pytest.mark.filterwarnings("ignore")
def test_every_index_equals_spyndex_on_real_pixels(virginia):
    import spyndex

    data = {name: np.float64(virginia.read(name, (120, 120))) * 1e-4 for name in virginia.FILES}
    data |= {"yellow": (data["green"] + data["red"]) / 2, "green05": data["green"] * 0.98}
    constants = {name: entry.default for name, entry in spyndex.constants.items() if entry.default is not None}
    assert len(applicable_indices()) > 200
    for name, index in applicable_indices().items():
        expression = Expression(index.expression)
        needed = spyndex.indices[name].bands
        expected = spyndex.computeIndex(
            name, {symbol: data[BANDS[symbol]] if symbol in BANDS else constants[symbol] for symbol in needed}
        )
        expected = np.where(np.isfinite(expected), expected, np.nan)
        np.testing.assert_allclose(expression.evaluate(data), expected, rtol=1e-9, err_msg=name)


def test_listing_the_processes_loads_no_array_library():
    code = (
        "import sys, phidias_processes.spectral_index, phidias_processes.extract, phidias_processes.segmentation;"
        "print([m for m in ('numpy', 'xarray', 'rasterio', 'spyndex', 'pystac', 'odc', 'shapely') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("__import__('os').system('true')", "not arithmetic"),
        ("().__class__", "not arithmetic"),
        ("nir.shape", "not arithmetic"),
        ("open(nir)", "no function open"),
        ("[nir for nir in red]", "not arithmetic"),
        ("lambda: nir", "not arithmetic"),
        ("nir if red else blue", "not arithmetic"),
        ("'nir'", "not a number"),
        ("nir * True", "not a number"),
        ("nir + 1j", "not a number"),
        ("nir * 1e400", "not a number"),
        ("nir ** red", "exponent"),
        ("nir ** 9999999", "exponent"),
        ("9 ** 9 ** 9", "exponent"),
        ("nir +", "cannot be read"),
        ("nir, red", "not arithmetic"),
        ("clip(nir, 0)", "takes 3 values, not 2"),
        ("sqrt(x=nir)", "no function|not arithmetic"),
        ("(nir := 2)", "not arithmetic"),
        ("nir\x00", "cannot be read"),
        ("", "cannot be read"),
        ("1 + 2", "uses no band"),
        ("(" * 300 + "nir" + ")" * 300, "nested too deeply|cannot be read"),
        ("-" * 200 + "nir", "nested too deeply"),
        ("nir" + "+nir" * 240, "nested too deeply"),
        ("nir" + " " * 1000 + "+1", "longer than"),
    ],
)
def test_anything_but_arithmetic_is_refused_with_its_reason(text, reason):
    with pytest.raises(ExpressionError, match=reason):
        Expression(text)


def test_functions_and_comparisons_keep_missing_data_missing():
    bands = {"nir": np.float32([0.5, 0.1, np.nan, 0.0]), "red": np.float32([0.1, 0.2, 0.3, 0.0])}
    value = Expression("where(nir > red, sqrt(nir), clip(-nir, -0.05, 1))").evaluate(bands)
    np.testing.assert_allclose(value, [np.sqrt(np.float32(0.5)), -0.05, np.nan, 0.0], rtol=1e-6)
    assert value.dtype == np.float32
    np.testing.assert_array_equal(Expression("0.1 < nir <= 0.5").evaluate(bands), [1, 0, np.nan, 0])
    np.testing.assert_array_equal(np.isnan(Expression("(nir-red)/(nir+red)").evaluate(bands)), [0, 0, 1, 1])


def test_a_normalized_difference_is_recognized():
    assert Expression("(nir - red)/(nir + red)").is_normalized_difference
    assert Expression("(nir - red)/(red + nir)").is_normalized_difference
    assert not Expression("(nir - red)/(nir + blue)").is_normalized_difference
    assert not Expression("2.5*(nir - red)/(nir + red)").is_normalized_difference


@pytest.mark.parametrize(
    ("wanted", "asset"),
    [
        ("rededge071", "B05"),
        ("rededge1", "B05"),
        ("rededge078", "B07"),
        ("b05", "B05"),
        ("nir", "B08"),
        ("nir08", "B8A"),
        ("swir1", "B11"),
        ("lwir", None),
    ],
)
def test_the_spellings_of_a_band_lead_to_the_same_asset(wanted, asset):
    bands = [
        Band("B05", "", common_name="rededge", wavelength=0.704),
        Band("B06", "", common_name="rededge", wavelength=0.740),
        Band("B07", "", common_name="rededge", wavelength=0.783),
        Band("B08", "", common_name="nir", wavelength=0.842),
        Band("B8A", "", common_name="nir08", wavelength=0.865),
        Band("B11", "", common_name="swir16", wavelength=1.61),
    ]
    found = find_band(bands, wanted)
    assert (found and found.asset) == asset
