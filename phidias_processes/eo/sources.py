"""Opening the images of scenes: guarded, with GDAL's network options, and with errors that name the scene.

Only GeoTIFF and JPEG 2000, formats of one file: others (VRT and its like) could make GDAL open any file that the job
may read. And of these, none that names other files in its metadata.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeVar

import rasterio
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.io import DatasetReader

from phidias_gateway.errors import InputError, SourceUnreadable
from phidias_gateway.guard import guard
from phidias_gateway.references import Site
from phidias_processes.eo.bands import Band
from phidias_processes.eo.grid import names_a_file
from phidias_processes.eo.guarded_http import GuardedReader, Unreadable, is_web, without_query

GDAL_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_NETRC": "NO",
    "GDAL_CACHEMAX": 64,
}
MAX_OPEN = 200
ATTEMPTS = 3

Result = TypeVar("Result")


def gdal() -> rasterio.Env:
    """GDAL's options for reading, for the thread that enters this context."""
    return rasterio.Env(**GDAL_OPTIONS)


class Sources:
    """The images of a job. Opened files are kept for the next tile; each is used by one thread at a time."""

    def __init__(self, site: Site, input: str = "scenes") -> None:
        self._reader = GuardedReader(site, input=input)
        self._guard = guard(site)
        self._options = {**GDAL_OPTIONS, **self._guard.gdal_options}
        self._input = input
        self._places: dict[str, str] = {}
        self._idle: OrderedDict[tuple[str, str], list[DatasetReader]] = OrderedDict()
        self._lock = Lock()

    def read(self, scene: str, band: Band, work: Callable[[Callable[[str], DatasetReader]], Result]) -> Result:
        """What `work` makes of the image. It is given a function that opens it at an overview level ('' for none).

        `scene` is the identifier of its scene; empty for a raster that is none. Tries again when the network fails.
        Raises SourceUnreadable, which names scene, asset and address.
        """
        for attempt in range(1, ATTEMPTS + 1):
            place = self._place(scene, band)
            opened: list[tuple[tuple[str, str], DatasetReader]] = []
            try:
                with rasterio.Env(**self._options), self._lending(place, opened) as open_at:
                    return work(open_at)
            except RasterioError as error:
                self._forget(opened)
                self._places.pop(band.href, None)  # where a redirect has led may be good for an hour only
                for_good = not is_web(place) or isinstance(error, _Refused) or "not recognized" in str(error)
                if for_good or attempt == ATTEMPTS:
                    raise _unreadable(scene, band, _reason(error, place)) from None
                time.sleep(attempt / 2)
        raise AssertionError

    @contextmanager
    def _lending(
        self, place: str, opened: list[tuple[tuple[str, str], DatasetReader]]
    ) -> Iterator[Callable[[str], DatasetReader]]:
        def open_at(level: str = "") -> DatasetReader:
            key = (place, level)
            with self._lock:
                idle = self._idle.get(key)
                dataset = idle.pop() if idle else None
            dataset = dataset or _open(place, level)
            opened.append((key, dataset))
            return dataset

        yield open_at
        with self._lock:
            for key, dataset in opened:
                self._idle.setdefault(key, []).append(dataset)
                self._idle.move_to_end(key)
            while len(self._idle) > MAX_OPEN:
                for dataset in self._idle.popitem(last=False)[1]:
                    dataset.close()

    def close(self) -> None:
        """Close every file."""
        with self._lock:
            for datasets in self._idle.values():
                for dataset in datasets:
                    dataset.close()
            self._idle.clear()
        self._reader.close()

    def check_access(self, scene: str, band: Band) -> None:
        """Raises InputError if the image is denied to the site, or the site's credential for it cannot be used.

        Whatever else may be wrong with it is told when it is read.
        """
        try:
            self._reader.final_place(band.href)
        except Unreadable as error:
            if error.remedy:
                detail = _unreadable(scene, band, str(error)).detail
                raise InputError(self._input, detail, remedy=error.remedy) from None
        except InputError:
            pass

    def _place(self, scene: str, band: Band) -> str:
        """The local path, or the address after all redirects, so that GDAL need not follow them for every range.

        The address is the one to ask the guard for.
        """
        if band.href not in self._places:
            try:
                self._places[band.href] = self._guard.address(self._reader.final_place(band.href))
            except Unreadable as error:
                raise _unreadable(scene, band, str(error), error.remedy) from None
            except InputError as error:
                raise _unreadable(scene, band, str(error)) from None
        return self._places[band.href]

    def _forget(self, opened: list[tuple[tuple[str, str], DatasetReader]]) -> None:
        for _, dataset in opened:
            dataset.close()


class _Refused(RasterioIOError):
    """The file is one that must not be read."""


def _open(place: str, level: str) -> DatasetReader:
    """The image. At a level only once it has been looked at without: GDAL opens the overviews' file to find a level."""
    if not is_web(place) and not _is_file(place):
        raise RasterioIOError("the file is not in the archive")
    path = f"/vsicurl/{place}" if is_web(place) else place
    dataset = _checked(path)
    if not level:
        return dataset
    dataset.close()
    return _checked(path, OVERVIEW_LEVEL=level)


def _is_file(place: str) -> bool:
    try:
        return Path(place).is_file()
    except OSError:  # a name too long for any file
        return False


def _checked(path: str, **options: str) -> DatasetReader:
    try:
        dataset = rasterio.open(path, driver="GTiff", **options)
    except RasterioIOError as error:
        try:
            dataset = rasterio.open(path, driver="JP2OpenJPEG", **options)
        except RasterioIOError:
            raise error from None
    # GDAL would open these, wherever they are, by any driver; PROJ a grid of the reference system.
    overviews, geolocation = dataset.tags(ns="OVERVIEWS"), dataset.tags(ns="GEOLOCATION")
    wkt = dataset.crs.to_wkt(version="WKT2_2019") if dataset.crs else ""
    if "OVERVIEW_FILE" in overviews or {"X_DATASET", "Y_DATASET"} & geolocation.keys() or names_a_file(wkt):
        dataset.close()
        raise _Refused("it refers to other files")
    return dataset


def _reason(error: Exception, place: str) -> str:
    cause = error.__cause__ or error
    text = str(cause).replace(f"/vsicurl/{place}", "the file").replace(place, "the file")
    return re.sub(r"\?\S*", "", text)[:300].rstrip(".")


def _unreadable(scene: str, band: Band, reason: str, remedy: str = "") -> SourceUnreadable:
    what = f"asset {band.asset!r} of the scene {scene}" if scene else "raster"
    return SourceUnreadable(
        f"The {what} cannot be read at {without_query(band.href)}: {reason.rstrip('.')}.",
        remedy=remedy
        or (
            "Try again later; if it stays so, leave this scene out (by the period or the identifiers) or tell the "
            "catalogue's keeper."
            if scene
            else "Check that the address gives a GeoTIFF, and try again."
        ),
    )
