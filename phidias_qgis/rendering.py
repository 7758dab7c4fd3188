"""How a layer is drawn, from what its Item asks for (STAC extensions `render` and `classification`).

What is not asked for, or cannot be understood, is left as QGIS draws it by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qgis.core import (
    QgsColorRamp,
    QgsContrastEnhancement,
    QgsFillSymbol,
    QgsMapLayer,
    QgsMultiBandColorRenderer,
    QgsPalettedRasterRenderer,
    QgsRasterDataProvider,
    QgsRasterLayer,
    QgsRasterRenderer,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
    QgsSingleSymbolRenderer,
    QgsStyle,
    QgsVectorLayer,
)
from qgis.PyQt.QtGui import QColor

from phidias_qgis.item import ItemAsset

REVERSED = "_r"
MILLIMETRES = 0.26
"""Width of a screen's pixel, as styles for the web count it"""

Range = tuple[float, float]


def prepare() -> None:
    """Have QGIS load its colour ramps, which belong to the main thread, before another thread asks for them."""
    QgsStyle.defaultStyle()


def apply(layer: QgsMapLayer, asset: ItemAsset) -> None:
    """Draw a layer as its asset wants to be drawn."""
    renderer = _raster(layer, asset) if isinstance(layer, QgsRasterLayer) else _vector(layer, asset)
    if renderer is not None:
        layer.setRenderer(renderer)


def _raster(layer: QgsRasterLayer, asset: ItemAsset) -> QgsRasterRenderer | None:
    provider = layer.dataProvider()
    if asset.classes:
        return QgsPalettedRasterRenderer(provider, 1, _classes(asset.classes))
    ranges = _ranges(asset)
    bands = [band for band in _bands(asset) if band <= layer.bandCount()][: len(ranges)]
    if len(bands) == 3:
        return _composite(provider, bands, ranges)
    if not bands:
        return None
    ramp = _ramp(str(asset.render.get("colormap_name") or ""))
    return _continuous(provider, bands[0], ranges[0], ramp) if ramp else _grey(provider, bands[0], ranges[0])


def _classes(told: Sequence[Mapping[str, Any]]) -> list[QgsPalettedRasterRenderer.Class]:
    return [
        QgsPalettedRasterRenderer.Class(
            entry["value"],
            QColor(f"#{entry.get('color_hint') or '808080'}"),
            str(entry.get("title") or entry.get("name") or entry.get("description") or entry["value"]),
        )
        for entry in told
        if _is_number(entry.get("value"))
    ]


def _bands(asset: ItemAsset) -> list[int]:
    """Numbers of the bands to show, from 1."""
    names = [str(band.get("name")) for band in asset.bands]
    chosen = asset.render.get("bands")
    chosen = chosen[0] if isinstance(chosen, list) and chosen and isinstance(chosen[0], list) else []
    if not chosen:
        return [1, 2, 3] if len(names) == 3 else [1]
    return [names.index(name) + 1 for name in map(str, chosen) if name in names]


def _ranges(asset: ItemAsset) -> list[Range]:
    """What is darkest and brightest in each band to show: QGIS counts in physical values, the Item in stored ones."""
    told = asset.render.get("rescale")
    ranges = []
    for band, pair in zip(_bands(asset), told if isinstance(told, list) else []):
        if not (isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair))):
            return []
        fields = asset.bands[band - 1] if band <= len(asset.bands) else {}
        scale, offset = fields.get("raster:scale", 1.0), fields.get("raster:offset", 0.0)
        if not (_is_number(scale) and _is_number(offset)):
            return []
        ranges.append((pair[0] * scale + offset, pair[1] * scale + offset))
    return ranges


def _ramp(name: str) -> QgsColorRamp | None:
    """A ramp of QGIS's by the name that it has elsewhere, in small letters."""
    plain = name[: -len(REVERSED)] if name.endswith(REVERSED) else name
    style = QgsStyle.defaultStyle()
    found = next((known for known in style.colorRampNames() if known.lower() == plain.lower()), None)
    ramp = style.colorRamp(found) if found else None
    if ramp is not None and plain != name:
        ramp.invert()
    return ramp


def _continuous(provider: QgsRasterDataProvider, band: int, values: Range, ramp: QgsColorRamp) -> QgsRasterRenderer:
    renderer = QgsSingleBandPseudoColorRenderer(provider, band)
    renderer.setClassificationMin(values[0])
    renderer.setClassificationMax(values[1])
    renderer.createShader(ramp)
    return renderer


def _grey(provider: QgsRasterDataProvider, band: int, values: Range) -> QgsRasterRenderer:
    renderer = QgsSingleBandGrayRenderer(provider, band)
    renderer.setContrastEnhancement(_stretch(provider, band, values))
    return renderer


def _composite(provider: QgsRasterDataProvider, bands: Sequence[int], ranges: Sequence[Range]) -> QgsRasterRenderer:
    renderer = QgsMultiBandColorRenderer(provider, *bands)
    red, green, blue = (_stretch(provider, band, values) for band, values in zip(bands, ranges))
    renderer.setRedContrastEnhancement(red)
    renderer.setGreenContrastEnhancement(green)
    renderer.setBlueContrastEnhancement(blue)
    return renderer


def _stretch(provider: QgsRasterDataProvider, band: int, values: Range) -> QgsContrastEnhancement:
    stretch = QgsContrastEnhancement(provider.dataType(band))
    stretch.setMinimumValue(values[0])
    stretch.setMaximumValue(values[1])
    stretch.setContrastEnhancementAlgorithm(QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum)
    return stretch


def _vector(layer: QgsVectorLayer, asset: ItemAsset) -> QgsSingleSymbolRenderer | None:
    paint = asset.render.get("paint")
    if not isinstance(paint, Mapping):
        return None
    width = paint.get("line-width", 1)
    symbol = {
        "outline_color": str(paint.get("line-color") or "#000000"),
        "outline_width": str((width if _is_number(width) else 1) * MILLIMETRES),
        "color": str(paint.get("fill-color") or "#ffffff"),
        "style": "no" if paint.get("fill-opacity") == 0 else "solid",
    }
    return QgsSingleSymbolRenderer(QgsFillSymbol.createSimple(symbol))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
