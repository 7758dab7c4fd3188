"""PHIDIAS in QGIS: the processes of a gateway as tools of the Processing Toolbox."""

from __future__ import annotations

from typing import Any

from phidias_qgis import paths

paths.make_client_importable()


def classFactory(iface: Any) -> Any:
    """The plugin; `iface` is None in qgis_process."""
    from phidias_qgis.plugin import PhidiasPlugin

    return PhidiasPlugin(iface)
