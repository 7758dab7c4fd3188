"""Features of layers that a gateway cannot read where they are: they are sent, in a file or within the request.

A layer is looked at on the main thread; its features are fetched on the worker thread, in `ready` and `fetched`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeature,
    QgsFeatureRequest,
    QgsFeatureSink,
    QgsGeometry,
    QgsJsonExporter,
    QgsProcessingFeatureSource,
    QgsProcessingFeedback,
    QgsVectorFileWriter,
    QgsWkbTypes,
)

from backend_client import Cancelled
from phidias_qgis.area import EDGE_PARTS, WGS84, geometry_of
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Input, InputProblem, ToFetch, ToUpload

SUFFIX = ".fgb"
Check = QgsFeatureRequest.InvalidGeometryCheck


@dataclass(frozen=True)
class FeaturesOfLayer:
    """Features that are still to be fetched from their layer."""

    target: Input
    """The input that they are given to"""
    source: QgsProcessingFeatureSource
    check: Check
    """What is to become of invalid geometries"""
    transforms: QgsCoordinateTransformContext
    area: Mapping[str, Any] | None = None
    """A GeoJSON geometry in WGS 84 that they must intersect"""

    def within(self, area: Any) -> FeaturesOfLayer:
        """What is needed if the job reads only what intersects an area: a GeoJSON geometry in WGS 84, or nothing."""
        return replace(self, area=area) if isinstance(area, Mapping) and "coordinates" in area else self

    def features(self, feedback: QgsProcessingFeedback) -> Iterator[QgsFeature]:
        """The features with flat geometries, as far as they have any. Raises InputProblem, Cancelled."""
        found = self._fetch(feedback)
        first = next(found, None)
        if first is None:
            text = tr("the layer '{}' has no feature in the area that can be used.")
            if self.area is None:
                text = tr("the layer '{}' has no feature that can be used.")
            raise self.target.problem(
                text.format(self.source.sourceName()), tr("Choose another layer, or clear its filter or selection.")
            )
        return chain([first], found)

    def _fetch(self, feedback: QgsProcessingFeedback) -> Iterator[QgsFeature]:
        request = QgsFeatureRequest()
        within = self._area_there()
        if within is not None:
            request.setFilterRect(within.boundingBox())
        engine = None if within is None else QgsGeometry.createGeometryEngine(within.constGet())
        if engine is not None:
            engine.prepareGeometry()
        # QGIS would raise in the midst of an iteration in C++, and without saying what to do.
        flag = QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks
        empty = left = 0
        for feature in self.source.getFeatures(request, flag):
            if feedback.isCanceled():
                raise Cancelled("The features were not read to their end.")
            if not feature.hasGeometry() or feature.geometry().isEmpty():
                empty += 1
                continue
            geometry = _flat(feature.geometry())
            if engine is not None and not engine.intersects(geometry.constGet()):
                continue
            if self.check != Check.GeometryNoCheck and not geometry.isGeosValid():
                if self.check == Check.GeometryAbortOnInvalid:
                    raise self._invalid(feature.id(), geometry)
                left += 1
                continue
            feature.setGeometry(geometry)
            yield feature
        if empty:
            feedback.pushWarning(tr("Features left out for having no geometry: {}").format(empty))
        if left:
            feedback.pushWarning(tr("Features left out for an invalid geometry: {}").format(left))

    def _area_there(self) -> QgsGeometry | None:
        """The area in the reference system of the features; None if there is none, or that cannot show it."""
        if self.area is None:
            return None
        wgs84, crs = QgsCoordinateReferenceSystem(WGS84), self.source.sourceCrs()
        geometry = geometry_of(self.area)
        box = geometry.boundingBox()
        if crs != wgs84:
            geometry = geometry.densifyByDistance(max(box.width(), box.height()) / EDGE_PARTS)
            try:
                geometry.transform(QgsCoordinateTransform(wgs84, crs, self.transforms))
            except QgsCsException:
                return None
        return geometry

    def _invalid(self, identifier: int, geometry: QgsGeometry) -> InputProblem:
        what = "; ".join(error.what() for error in geometry.validateGeometry()[:1]) or tr("invalid geometry")
        return self.target.problem(
            tr("the feature {} of the layer '{}' crosses itself or is malformed ({}).").format(
                identifier, self.source.sourceName(), what
            ),
            tr("Repair the layer with the tool 'Fix geometries', or have QGIS leave out invalid features."),
        )


@dataclass(frozen=True)
class UploadedFeatures(FeaturesOfLayer, ToUpload):
    """Features that are sent in a FlatGeobuf. The same features make the same file, byte by byte, and are sent once."""

    @contextmanager
    def ready(self, feedback: QgsProcessingFeedback) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="phidias-") as folder:
            path = Path(folder) / f"features{SUFFIX}"
            self._write(self.features(feedback), path)
            yield path

    def _write(self, features: Iterator[QgsFeature], path: Path) -> None:
        options = QgsVectorFileWriter.SaveVectorOptions()
        options.driverName = "FlatGeobuf"
        options.layerName = "features"
        options.layerOptions = ["SPATIAL_INDEX=NO"]
        kind = QgsWkbTypes.linearType(QgsWkbTypes.flatType(self.source.wkbType()))
        writer = QgsVectorFileWriter.create(
            str(path), self.source.fields(), kind, self.source.sourceCrs(), self.transforms, options
        )
        for feature in features:
            if not writer.addFeature(feature, QgsFeatureSink.Flag.FastInsert):
                break
        if writer.hasError() != QgsVectorFileWriter.WriterError.NoError:
            raise self.target.problem(
                tr("the features cannot be written for the upload: {}").format(writer.errorMessage()),
                tr("Export the layer as FlatGeobuf and choose that."),
            )
        del writer  # closes the file


@dataclass(frozen=True)
class InlineFeatures(FeaturesOfLayer, ToFetch):
    """Features that are sent within the request, as GeoJSON: to servers that take no FlatGeobuf."""

    def fetched(self, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        exporter = QgsJsonExporter()
        exporter.setSourceCrs(self.source.sourceCrs())
        return dict(json.loads(exporter.exportFeatures(list(self.features(feedback)))))


def _flat(geometry: QgsGeometry) -> QgsGeometry:
    """Without curves, heights and measures, which no gateway reads."""
    flat = QgsGeometry(geometry.constGet().segmentize())
    flat.get().dropZValue()
    flat.get().dropMValue()
    return flat
