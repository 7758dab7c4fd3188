"""Where a person wants an output: at a path, or nowhere in particular."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingUtils,
    QgsProject,
    QgsProperty,
)

from phidias_qgis.i18n import tr


@dataclass(frozen=True)
class Destination:
    """Where an output is wanted: at a path, or nowhere in particular; and the project to add it to, if any."""

    path: Path | None = None
    project: QgsProject | None = None
    name: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext) -> Destination:
        """Read a destination parameter, without having QGIS make a temporary file of it."""
        value, project, title = parameters.get(name), None, ""
        if isinstance(value, QgsProcessingOutputLayerDefinition):
            value, project, title = value.sink, value.destinationProject, value.destinationName
        if isinstance(value, QgsProperty):
            value = value.valueAsString(context.expressionContext(), "")[0]
        text = str(value or "").strip()
        if text in ("", QgsProcessing.TEMPORARY_OUTPUT) or text.startswith("memory:"):
            return cls(None, project, title)
        path = Path(text).expanduser().absolute()
        # What a model hands from step to step is given a path there.
        if Path(QgsProcessingUtils.tempFolder()) in path.parents:
            return cls(None, project, title)
        return cls(path, project, title)

    def obstacle(self, suffixes: tuple[str, ...] = ()) -> str:
        """Why nothing can be written there, empty if it can. Without suffixes, the path is that of a folder."""
        if self.path is None:
            return ""
        if suffixes and self.path.suffix.lower() not in suffixes:
            return tr("'{}' must end with {}.").format(self.path.name, suffixes[0])
        place = self.path.parent if suffixes else self.path
        place = next(parent for parent in (place, *place.parents) if parent.exists())
        if not place.is_dir() or not os.access(place, os.W_OK):
            return tr("'{}' cannot be written. Choose another place.").format(self.path)
        return ""
