"""The Awesome Spectral Indices catalogue, read from spyndex's data files without importing that package.

Source: Montero et al. 2023, https://doi.org/10.1038/s41597-023-02096-0. Importing spyndex itself would load numpy and
xarray, only to list names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Literal

BANDS: Mapping[str, str] = MappingProxyType(
    {
        "A": "coastal",
        "B": "blue",
        "G": "green",
        "G1": "green05",
        "Y": "yellow",
        "R": "red",
        "RE1": "rededge071",
        "RE2": "rededge075",
        "RE3": "rededge078",
        "N": "nir",
        "N2": "nir08",
        "WV": "nir09",
        "S1": "swir16",
        "S2": "swir22",
    }
)
"""The catalogue's symbols of reflectance bands, and their STAC common names. Thermal and radar bands are left out."""


@dataclass(frozen=True)
class Index:
    """One spectral index; `expression` is its formula over STAC common names, constants at their defaults."""

    name: str
    title: str
    expression: str
    reference: str
    family: str
    """vegetation, water, snow, burn, soil, urban..."""


@cache
def applicable_indices() -> Mapping[str, Index]:
    """Every index that needs nothing but optical bands, by name; kernel and radar indices need more."""
    found = {}
    constants = {name: entry["default"] for name, entry in _read("constants.json").items()}
    for name, entry in sorted(_read("spectral-indices-dict.json")["SpectralIndices"].items()):
        if entry["application_domain"] in ("kernel", "radar"):
            continue
        values = {symbol: BANDS.get(symbol, constants.get(symbol)) for symbol in entry["bands"]}
        if any(value is None for value in values.values()):
            continue
        expression = re.sub(r"[A-Za-z]\w*", lambda match, values=values: str(values[match[0]]), entry["formula"])
        found[name] = Index(name, entry["long_name"], expression, entry["reference"], entry["application_domain"])
    return MappingProxyType(found)


def _read(name: str) -> dict:
    spec = find_spec("spyndex")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("spyndex is not installed; install phidias[processes]")
    return json.loads(Path(spec.submodule_search_locations[0], "data", name).read_text("utf-8"))


IndexName = Literal[tuple(applicable_indices())]
"""The name of one of them, as a choice"""
