"""A copy of a streamed layer on this computer, which the layer reads from then on; a broken download goes on later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qgis.core import QgsFeedback, QgsMapLayer, QgsTask

from backend_client import Cancelled, GatewayError, ResultNotReady
from phidias_qgis import connection, layers
from phidias_qgis.i18n import tr
from phidias_qgis.job_layers import keep_beside
from phidias_qgis.links import links
from phidias_qgis.references import Reference, file_of


class NotStreamed(ValueError):
    """The layer is no result that is read from a gateway."""

    def __init__(self, layer: QgsMapLayer) -> None:
        super().__init__(tr("The layer '{}' is no streamed result of a PHIDIAS job.").format(layer.name()))


def make_local_copy(layer: QgsMapLayer, path: str | Path, feedback: QgsFeedback | None = None) -> Path:
    """Download the result behind a layer to `path`, and have the layer read it there, with its style and metadata.

    For scripts: it blocks. Called again after a failure, it goes on where it broke off. Raises NotStreamed,
    GatewayError, NotConnected, OSError, Cancelled if the feedback was cancelled.
    """
    target = download(reference_of(layer), Path(path), feedback or QgsFeedback())
    use(layer, target)
    return target


def reference_of(layer: QgsMapLayer) -> Reference:
    """The result that a layer streams. Raises NotStreamed."""
    reference = links.reference_of(layer.source())
    if reference is None:
        raise NotStreamed(layer)
    return reference


def download(reference: Reference, path: Path, feedback: QgsFeedback) -> Path:
    """Bring a result to `path`, on any thread. Raises as make_local_copy does."""
    gateway = connection.load(reference.connection).gateway(feedback)
    found = [link for result in gateway.results(reference.job).values() for link in result.links]
    link = next((link for link in found if file_of(link.href) == reference.file), None)
    if link is None:
        raise ResultNotReady(tr("The result is not among those of its job any more."))
    path.parent.mkdir(parents=True, exist_ok=True)

    def progress(done: int, total: int | None) -> None:
        if total:
            feedback.setProgress(100 * done / total)

    gateway.download(
        link.href, path, length=link.length, progress=progress, cancelled=lambda: bool(feedback.isCanceled())
    )
    links.remember_copy(path, link.href)
    return path


def use(layer: QgsMapLayer, path: Path) -> None:
    """Have a layer read its local copy. For the layer's thread."""
    layers.point_to(layer, str(path))
    keep_beside(layer, path)


class LocalCopy(QgsTask):
    """Makes a local copy in the background; `done(error)` is called in the end, with an empty text if all went well."""

    def __init__(self, layer: QgsMapLayer, path: Path, done: Callable[[str], None]) -> None:
        super().__init__(tr("Local copy of {}").format(layer.name()), QgsTask.Flag.CanCancel)
        self._layer: QgsMapLayer | None = layer
        layer.willBeDeleted.connect(self._layer_gone)
        self._reference = reference_of(layer)
        self._path = path
        self._done = done
        self._feedback = QgsFeedback()
        self._feedback.progressChanged.connect(self.setProgress)
        self._error = ""

    def cancel(self) -> None:
        self._feedback.cancel()
        super().cancel()

    def run(self) -> bool:
        try:
            download(self._reference, self._path, self._feedback)
        except Cancelled:
            return False
        except (GatewayError, connection.NotConnected, OSError) as error:
            self._error = str(error)
        except Exception as error:  # an exception that escapes from here ends QGIS
            self._error = repr(error)
        return not self._error

    def finished(self, result: bool) -> None:
        if result and self._layer is not None:
            use(self._layer, self._path)
        self._done(self._error)

    def _layer_gone(self) -> None:
        self._layer = None
