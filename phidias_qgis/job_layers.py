"""The files of one job as layers: opened, drawn as the process says, with their period and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import QgsMapLayer

from backend_client import Job
from phidias_qgis import item, layers, metadata, rendering
from phidias_qgis.links import links
from phidias_qgis.references import Reference, file_of

if TYPE_CHECKING:
    from backend_client import Gateway


@dataclass(frozen=True)
class JobLayers:
    """What the layers of a job have in common. Its methods may be used on any thread; what they give belongs to it."""

    connection: str
    """Name of the connection that the job ran on"""
    job: str
    title: str
    """Of the job's group in the layer tree"""
    item: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The STAC Item of the results, empty if there is none"""

    def name_of(self, file: str, otherwise: str) -> str:
        """What the job's Item calls a file."""
        asset = item.asset_of(self.item, file)
        return asset.title if asset else otherwise

    def streamed(self, href: str, name: str, *, raster: bool) -> QgsMapLayer:
        """A result, read where it lies. Raises NotStreamed."""
        links.remember(Reference(self.connection, self.job, file_of(href)), href)
        layer = layers.open_link(href, name, raster=raster)
        self.dress(layer, file_of(href), name)
        return layer

    def downloaded(self, path: Path, href: str, name: str, *, raster: bool) -> QgsMapLayer:
        """A result that was written to `path`; its style and metadata are kept beside it, where QGIS finds them."""
        links.remember_copy(path, href)
        layer = layers.open_file(str(path), name, raster=raster)
        if layer.isValid() and self.dress(layer, file_of(href), name):
            keep_beside(layer, path)
        return layer

    def dress(self, layer: QgsMapLayer, file: str, name: str) -> bool:
        """Give a layer the looks, period and metadata of a file of the job; False if nothing is told of it."""
        asset = item.asset_of(self.item, file)
        if asset is None:
            return False
        rendering.apply(layer, asset)
        metadata.apply(layer, asset, name)
        return True


def keep_beside(layer: QgsMapLayer, path: Path) -> None:
    """Write a layer's style and metadata beside its file, so that QGIS opens it with them anywhere."""
    layer.saveNamedStyle(str(path.with_suffix(".qml")))
    layer.saveNamedMetadata(str(path.with_suffix(".qmd")))


def layers_of(connection: str, gateway: Gateway, job: Job, title: str, results: Mapping[str, Any]) -> JobLayers:
    """What turns the results of a job into layers; asks the gateway for their Item."""
    began = job.created.astimezone() if job.created else None
    group = f"{title} ({began:%Y-%m-%d %H:%M})" if began else title
    return JobLayers(connection, job.id, group, item.fetch(gateway, results))
