"""Reading images and catalogues under the guard: what GDAL connects to, and what a document may not refer to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.shutil import copy as copy_raster
from rasterio.transform import from_origin
from rasterio.windows import Window

from phidias_gateway.errors import InputError, SourceUnreadable
from phidias_gateway.inputs import AreaOfInterest, Scenes
from phidias_gateway.references import Archive, Site
from phidias_processes.eo import guarded_http
from phidias_processes.eo.bands import Band
from phidias_processes.eo.composite import grid_of_raster
from phidias_processes.eo.grid import native_grid
from phidias_processes.eo.guarded_http import GuardedReader, Unreadable
from phidias_processes.eo.scenes import find_scenes
from phidias_processes.eo.sources import Sources, _checked
from phidias_processes.spectral_index import SpectralIndex
from tests.names import Names
from tests.processes.conftest import VIRGINIA
from tests.processes.servers import Answer, FileServer, Server

NIR = "/sentinel-2-l1c/S2A_MSIL1C_virginia/B08.tif"
SECRET = 4242


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[FileServer]:
    """A server of this machine, with an image that nobody may get."""
    folder = tmp_path / "secret"
    folder.mkdir()
    write(folder / "secret.tif", SECRET, size=64, pixel=40)
    with FileServer(folder) as server:
        yield server


def write(path: Path, value: int, *, size: int = 128, pixel: float = 20, **profile: Any) -> Path:
    profile = {"crs": "EPSG:32631", "transform": from_origin(500_000, 5_000_000, pixel, pixel), **profile}
    with rasterio.open(path, "w", driver="GTiff", width=size, height=size, count=1, dtype="uint16", **profile) as image:
        image.write(np.full((1, size, size), value, "uint16"))
    return path


def tag(path: Path, namespace: str, **tags: str) -> Path:
    with rasterio.open(path, "r+") as image:
        image.update_tags(ns=namespace, **tags)
    return path


# --- what GDAL connects to -------------------------------------------------------------------------------------------


def test_gdal_connects_to_nothing_but_the_guard(run, virginia, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """GDAL's own resolver cannot know this name: whatever it has read, it has read through the guard."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")
    names["catalogue.example"] = ["127.0.0.2"]
    site = Site(allow_hosts=frozenset({"catalogue.example"}))
    with FileServer(virginia.folder, "127.0.0.2") as server:
        catalogue = f"http://catalogue.example:{server.port}/catalog.json"
        ran = run("spectral-index", scenes={"catalogue": catalogue}, area={"bbox": VIRGINIA}, site=site)
        assert sum(NIR in request for request in server.requests) > 2
    with ran.image() as image:
        assert (image.read(1) != -32768).any()


@pytest.mark.parametrize("way", ["rebinding", "redirect"])
def test_what_changes_while_an_image_is_read(virginia, names: Names, way: str) -> None:
    names.publish("127.0.0.2")
    names["images.example"] = ["127.0.0.2"]
    content = (virginia.folder / NIR[1:]).read_bytes()
    with (
        FileServer(virginia.folder, "127.0.0.2") as outside,
        FileServer(virginia.folder, "127.0.0.3", outside.port) as inside,
        closing(Sources(Site(), input="raster")) as sources,
    ):
        outside.special[NIR] = lambda: (200, {"Connection": "close"}, content)

        def work(open_at: Callable[[str], rasterio.DatasetReader]) -> None:
            image = open_at("")
            image.read(1, window=Window(0, 0, 16, 16))
            names["images.example"] = ["127.0.0.3" if way == "rebinding" else "127.0.0.2"]
            if way == "redirect":
                outside.special[NIR] = lambda: (302, {"Location": inside.url + NIR}, b"")
            image.read(1)

        with pytest.raises(SourceUnreadable, match="raster cannot be read"):
            sources.read("", Band("", f"http://images.example:{outside.port}{NIR}"), work)
        assert len(outside.requests) > 1
        assert inside.requests == []


# --- what a file may not refer to ------------------------------------------------------------------------------------


def overviews(path: Path, place: str) -> None:
    tag(write(path, 1), "OVERVIEWS", OVERVIEW_FILE=place)


def overviews_of_jpeg2000(path: Path, place: str) -> None:
    draft = path.with_suffix(".tif")
    overviews(draft, place)
    copy_raster(draft, path.with_suffix(".jp2"), driver="JP2OpenJPEG", WRITE_METADATA="YES", RESOLUTIONS=1)
    path.with_suffix(".jp2").rename(path)


def geolocation(path: Path, place: str) -> None:
    tag(write(path, 1), "GEOLOCATION", X_DATASET=place, Y_DATASET=place, X_BAND="1", Y_BAND="1")


def grid_shift(path: Path, place: str) -> None:
    write(path, 1, crs=f"+proj=utm +zone=31 +ellps=bessel +nadgrids={place} +type=crs")


@pytest.mark.parametrize("make", [overviews, overviews_of_jpeg2000, geolocation, grid_shift])
@pytest.mark.parametrize("place", ["path", "address"])
def test_an_image_that_names_another_file_is_refused(tmp_path: Path, canary: FileServer, make: Any, place: str) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    secret = str(tmp_path / "secret" / "secret.tif")
    make(folder / "upload", secret if place == "path" else f"/vsicurl/{canary.url}/secret.tif")
    site = Site(archives=(Archive(name="mine", prefix="https://mine.example/", path=folder),))
    with pytest.raises(InputError, match="refers to other files") as error:
        grid_of_raster("https://mine.example/upload", None, site)
    assert secret not in error.value.detail
    with pytest.raises(RasterioIOError):
        _checked(str(folder / "upload"), OVERVIEW_LEVEL="0 only")


def test_the_overviews_of_another_file_would_be_read(tmp_path: Path) -> None:
    """What the test above is about: GDAL by itself hands out the other file's pixels."""
    secret = write(tmp_path / "secret.tif", SECRET, size=64, pixel=40)
    overviews(tmp_path / "upload", str(secret))
    with rasterio.open(tmp_path / "upload", driver="GTiff") as image:
        assert image.read(1, out_shape=(64, 64)).max() == SECRET


@pytest.mark.parametrize(
    "content",
    [
        '<VRTDataset rasterXSize="64" rasterYSize="64"><SRS>EPSG:32631</SRS><VRTRasterBand dataType="UInt16" band="1">'
        "<SimpleSource><SourceFilename>{}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
        '<GDAL_WMS><Service name="TMS"><ServerUrl>{}</ServerUrl></Service></GDAL_WMS>',
        "<WCS_GDAL><ServiceURL>{}</ServiceURL></WCS_GDAL>",
        "<GDALTileIndexDataset><IndexDataset>{}</IndexDataset></GDALTileIndexDataset>",
        "ENVI\nsamples = 64\nlines = 64\nbands = 1\ndata type = 12\n;{}",
        '{{"type": "FeatureCollection", "features": [], "x": "{}"}}',
        "{}",
        "",
    ],
)
def test_other_formats_are_not_opened(tmp_path: Path, canary: FileServer, content: str) -> None:
    (tmp_path / "uploads").mkdir()
    for place in (str(tmp_path / "secret" / "secret.tif"), f"/vsicurl/{canary.url}/secret.tif"):
        (tmp_path / "uploads" / "upload").write_text(content.format(place))
        site = Site(archives=(Archive(name="", prefix="https://mine.example/", path=tmp_path / "uploads"),))
        with pytest.raises(InputError, match=r"not recognized|not a supported|supported file format"):
            grid_of_raster("https://mine.example/upload", None, site)
    assert canary.requests == []


def test_side_files_are_not_looked_at(tmp_path: Path, canary: FileServer) -> None:
    image = write(tmp_path / "image.tif", 7)
    write(tmp_path / "image.tif.ovr", SECRET, size=64)
    write(tmp_path / "image.tif.msk", 0)
    (tmp_path / "image.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    (tmp_path / "image_RPC.TXT").write_text("LINE_OFF: 1")
    place = f"/vsicurl/{canary.url}/secret.tif"
    (tmp_path / "image.tif.aux.xml").write_text(
        f'<PAMDataset><SRS>EPSG:4326</SRS><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{place}</MDI>'
        "</Metadata><GeoTransform>0,1,0,0,0,-1</GeoTransform></PAMDataset>"
    )
    site = Site(archives=(Archive(name="", prefix="https://mine.example/", path=tmp_path),))

    def work(open_at: Callable[[str], rasterio.DatasetReader]) -> None:
        dataset = open_at("")
        assert dataset.overviews(1) == []
        assert dataset.read(1, out_shape=(64, 64)).max() == 7
        assert dataset.read_masks(1).min() == 255
        assert (dataset.crs.to_epsg(), dataset.transform.a) == (32631, 20)
        assert dataset.files == [str(image)]

    with closing(Sources(site)) as sources:
        sources.read("", Band("", "https://mine.example/image.tif"), work)
    assert canary.requests == []


# --- what a catalogue may not refer to -------------------------------------------------------------------------------


@pytest.fixture
def edited(tmp_path: Path, virginia) -> Callable[[Callable[[dict[str, Any]], None]], Site]:
    """A site with the demo's archive, its item edited."""

    def edit(change: Callable[[dict[str, Any]], None]) -> Site:
        folder = tmp_path / "archive"
        shutil.copytree(virginia.folder, folder, dirs_exist_ok=True)
        file = next(folder.glob("*/*/*.json"))
        item = json.loads(file.read_text("utf-8"))
        change(item)
        file.write_text(json.dumps(item), "utf-8")
        return Site(archives=(Archive(name="demo", prefix="https://demo.example/", path=folder),))

    return edit


def plan(site: Site, catalogue: str = "demo") -> Any:
    process = SpectralIndex()
    inputs = process.Inputs.model_validate({"scenes": {"catalogue": catalogue}, "area": {"bbox": VIRGINIA}})
    return process.plan(inputs, site)


@pytest.mark.parametrize("key", ["proj:wkt2", "proj:code"])
def test_a_reference_system_is_no_address_and_no_path(tmp_path: Path, canary: FileServer, edited, key: str) -> None:
    (tmp_path / "secret.wkt").write_text(rasterio.crs.CRS.from_epsg(3857).to_wkt())
    for place in (f"{canary.url}/secret.wkt", str(tmp_path / "secret.wkt")):

        def change(item: dict[str, Any], place: str = place) -> None:
            for holder in (item["properties"], *item["assets"].values()):
                for name in ("proj:code", "proj:epsg", "proj:wkt2"):
                    holder.pop(name, None)
            item["properties"][key] = place

        assert plan(edited(change))["grid"]["crs"] == "EPSG:32618", "as the file has it"
    assert canary.requests == []
    shifted = (
        'GEOGCS["x",DATUM["x",SPHEROID["x",1,1],EXTENSION["PROJ4_GRIDS","/etc/x"]],EXTENSION["PROJ4","+nadgrids=x"]]'
    )
    assert native_grid(shifted, (1, 0, 0, 0, -1, 0), (1, 1)) is None


@pytest.mark.parametrize(
    "href",
    [
        "file:///etc/passwd", "http://127.0.0.1/x.tif", "https://demo.example/../x.tif", "zip+https://demo.example/x",
        "https://user:password@demo.example/x.tif", "https://other.example/\n.tif",
        "a/%2e%2e/%2e%2e/%2e%2e/%2e%2e/x.tif", "x\x00.tif", "s3://bucket/x.tif", "vrt://x", "http://[::1]/x.tif",
    ],
)  # fmt: skip
def test_an_asset_outside_is_refused_before_submission(edited, href: str) -> None:
    with pytest.raises(InputError) as error:
        plan(edited(lambda item: item["assets"]["nir"].update(href=href)))
    assert error.value.input == "scenes"
    assert "password" not in error.value.detail.replace("/etc/passwd", "")


def test_links_of_an_api_never_lead_to_local_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pystac-client reads what it does not take for an address from the disk: here there is such a file."""
    monkeypatch.chdir(tmp_path)
    page = {"collections": [{"id": "local"}], "features": [], "links": []}
    Path("file:collections.json").write_text(json.dumps(page))
    links = {"data": "file:collections.json", "search": "file:collections.json"}

    class Api(Server):
        def answer(self, method: str, path: str, body: bytes | None) -> Answer:
            landing = {"type": "Catalog", "stac_version": "1.0.0", "conformsTo": ["item-search"]}
            landing["links"] = [{"rel": relation, "href": href} for relation, href in links.items()]
            return 200, {}, json.dumps(landing).encode()

    area = AreaOfInterest.model_validate({"bbox": VIRGINIA})
    with Api() as server:
        for collections in (["local"], []):
            with pytest.raises(InputError, match="neither an http"):
                find_scenes(
                    Scenes(catalogue=server.url, collections=collections), area, ["nir"],
                    Site(allow_hosts=frozenset({"127.0.0.1"})),
                )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("assets",), [1]), (("assets", "nir"), "x"), (("assets", "nir", "href"), 7), (("properties",), None),
        (("properties", "datetime"), 5), (("geometry",), {"type": "Polygon", "coordinates": [[["x", 1]]]}),
        (("geometry", "coordinates", 0, 1, 1), float("nan")), (("assets", "nir", "proj:transform"), ["a"] * 6),
        (("assets", "nir", "proj:shape"), [1e308, float("inf")]), (("id",), "\ud800"), (("links",), {"a": 1}),
        (("properties", "eo:cloud_cover"), "many"), (("assets", "nir", "raster:bands"), 3), (("type",), []),
    ],
)  # fmt: skip
def test_documents_that_are_not_stac_are_refused_or_made_do_with(edited, path: tuple[Any, ...], value: Any) -> None:
    def change(item: dict[str, Any]) -> None:
        *above, last = path
        holder: Any = item
        for part in above:
            holder = holder[part]
        holder[last] = value

    site = edited(change)
    with suppress(InputError):
        json.dumps(plan(site), allow_nan=False).encode()


def test_documents_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(
        archives=(Archive(name="mine", prefix="https://mine.example/", path=tmp_path),),
        allow_hosts=frozenset({"127.0.0.1"}),
    )
    (tmp_path / "catalog.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="no JSON object"):
        plan(site, "mine")
    monkeypatch.setattr(guarded_http, "MAX_SECONDS", 0.0)
    with FileServer(tmp_path) as server:
        reader = GuardedReader(site, input="scenes")
        with pytest.raises(Unreadable, match="in time"):
            reader.text(f"{server.url}/catalog.json")
        monkeypatch.setattr(guarded_http, "MAX_SECONDS", 60.0)
        monkeypatch.setattr(guarded_http, "MAX_BYTES", 1000)
        for href in (f"{server.url}/catalog.json", "https://mine.example/catalog.json"):
            with pytest.raises(Unreadable, match="more than"):
                reader.text(href)
        server.special["/catalog.json"] = lambda: (302, {"Location": "http://[::1/"}, b"")
        with pytest.raises(Unreadable):
            reader.text(f"{server.url}/catalog.json")
        reader.close()
