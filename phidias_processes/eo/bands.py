"""The names of bands, and which band of a scene a name means.

Catalogues disagree: Earth Search calls Sentinel-2's first red-edge band `rededge1` with the common name `rededge`, the
eo extension 2.0 `rededge071`, ESA `B05`; Landsat 8's near infrared has the common name `nir08`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_ALIASES: tuple[tuple[str, ...], ...] = (
    ("rededge071", "rededge1"),
    ("rededge075", "rededge2"),
    ("rededge078", "rededge3"),
    ("nir", "nir08"),
    ("nir08", "nir8a", "rededge4"),
    ("swir16", "swir1"),
    ("swir22", "swir2"),
)
"""A name, and what else to look for when a scene has no band of that name."""

_WAVELENGTHS = {"rededge071": (0.69, 0.72), "rededge075": (0.73, 0.75), "rededge078": (0.76, 0.80)}
"""Micrometres: what tells bands apart that share the common name `rededge`."""


@dataclass(frozen=True)
class Band:
    """One band of one asset of a scene: where it lies and what its numbers mean."""

    asset: str
    href: str
    """Address of the file as the catalogue gives it, made absolute"""
    index: int = 1
    """Number of the band within the file, from 1"""
    name: str = ""
    common_name: str = ""
    wavelength: float | None = None
    """Centre, in micrometres"""
    scale: float = 1.0
    offset: float = 0.0
    """Value = stored number x scale + offset"""
    nodata: float | None = None
    data_type: str = ""
    resolution: float | None = None
    """In metres"""
    categorical: bool = False
    """Its numbers name classes, so they are never averaged"""
    crs: str = ""
    transform: tuple[float, ...] = ()
    """The six affine coefficients a, b, c, d, e, f"""
    shape: tuple[int, ...] = ()
    """Rows, columns"""


def find_band(bands: Sequence[Band], wanted: str) -> Band | None:
    """The band that `wanted` means: the name of an asset, of a band, a common name, or another spelling of one."""
    names = [wanted.lower()]
    for name, *others in _ALIASES:
        if wanted.lower() == name:
            names += others
        elif wanted.lower() in others and name.startswith(("rededge", "swir")):
            names.append(name)
    for name in names:
        for band in bands:
            if band.asset.lower() == name and band.index == 1:
                return band
        for band in bands:
            if name in (band.name.lower(), band.common_name.lower()):
                return band
        low, high = _WAVELENGTHS.get(name, (0.0, 0.0))
        for band in bands:
            if band.common_name == "rededge" and band.wavelength and low <= band.wavelength <= high:
                return band
    return None


def band_names(bands: Sequence[Band]) -> list[str]:
    """What to call the bands, for a message: common names where they are unique, otherwise the name or the asset's."""
    common = [band.common_name for band in bands]
    return [
        band.common_name
        if band.common_name and common.count(band.common_name) == 1
        else (band.name or f"{band.asset}" + (f" (band {band.index})" if band.index > 1 else ""))
        for band in bands
    ]
