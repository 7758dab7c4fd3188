"""Rasters as inputs: an address is passed on for the gateway to read, all else is uploaded."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameters,
)

from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input
from phidias_qgis.links import STREAMED
from phidias_qgis.local_rasters import LocalRaster, of_layer


class RasterParameter(QgsProcessingParameterRasterLayer):
    """A raster layer that QGIS's history and logs call by its id if its source is a link, which may be signed."""

    def clone(self) -> RasterParameter:
        return RasterParameter(self)

    def valueAsPythonString(self, value: Any, context: QgsProcessingContext) -> str:
        if address(value):
            return repr(unsigned(address(value)))
        layer = QgsProcessingParameters.parameterAsRasterLayer(self, {self.name(): value}, context)
        if layer is not None and address(layer.source()):
            return repr(layer.id())
        return str(super().valueAsPythonString(value, context))


def make_raster(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A raster layer."""
    return [RasterParameter(target.name, target.title, optional=target.optional)]


def read_raster(target: Input, entered: Entered) -> LocalRaster | dict[str, Any] | None:
    """A link for what the gateway can read itself, a LocalRaster for all else; None if it was left out."""
    if not entered.given(target.name):
        return None
    href = address(entered.raw(target.name))
    if href:
        return {"href": href}
    layer = entered.algorithm.parameterAsRasterLayer(entered.parameters, target.name, entered.context)
    if layer is None or not layer.isValid():
        raise target.problem(
            tr("the raster {} cannot be opened.").format(entered.text(target.name)),
            tr("Choose a raster layer or file."),
        )
    href = address(layer.source())
    if href:
        return {"href": href}
    return of_layer(target, layer, entered)


def write_raster(target: Input, value: Any) -> dict[str, Any]:
    """The address; a gateway knows its own user's results without their signatures."""
    return {target.name: unsigned(value["href"])}


def unsigned(href: str) -> str:
    """A link without its signature, if it is one of a result."""
    parts = urlsplit(href)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if "signature" not in dict(query):
        return href
    kept = [(name, text) for name, text in query if name not in ("signature", "expires")]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def address(value: Any) -> str:
    """The http(s) address in a layer's source or a parameter's value, empty if there is none."""
    text = value.strip() if isinstance(value, str) else ""
    text = text[len(STREAMED) :] if text.startswith(STREAMED) else text
    return text if text.startswith(("http://", "https://")) else ""
