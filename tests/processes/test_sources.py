"""Scenes that cannot be read while a job runs: the job fails, and says which scene, why, and what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rasterio.errors import RasterioIOError

from phidias_gateway.errors import DiskFull, SourceUnreadable
from phidias_processes.eo.cog import disk_errors
from tests.processes.conftest import VIRGINIA
from tests.processes.servers import FileServer

NIR = "/sentinel-2-l1c/S2A_MSIL1C_virginia/B08.tif"
VRT = b"""<VRTDataset rasterXSize="1933" rasterYSize="1947"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>
<SourceFilename>/etc/passwd</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"""


@pytest.fixture
def server(virginia) -> Iterator[FileServer]:
    with FileServer(virginia.folder) as server:
        yield server


def job(run, server):
    catalogue = f"{server.url}/catalog.json"
    return run("spectral-index", scenes={"catalogue": catalogue}, area={"bbox": VIRGINIA})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {}, b""), "it answers 404 Not Found"),
        ((200, {}, b"<html>not found</html>"), "not recognized"),
        ((200, {}, VRT), "not recognized"),
        ((302, {"Location": "http://192.168.0.1/B08.tif"}, b""), "not a public address"),
    ],
)
def test_a_bad_asset_is_named_with_its_reason(run, server, answer, reason):
    server.special[NIR] = lambda: answer
    with pytest.raises(SourceUnreadable) as error:
        job(run, server)
    assert "asset 'nir' of the scene S2A_MSIL1C_virginia" in error.value.detail
    assert f"{server.url}{NIR}" in error.value.detail
    assert reason in error.value.detail
    assert "leave this scene out" in error.value.remedy
    assert "Traceback" not in error.value.detail


def test_an_asset_that_is_denied_while_the_job_runs(run, server):
    """The first band of the first scene has been asked for before the job was submitted."""
    server.special[NIR.replace("B08", "B04")] = lambda: (403, {}, b"")
    with pytest.raises(SourceUnreadable, match=r"asset 'red'.*: it answers 403 Forbidden") as error:
        job(run, server)
    assert "[[credentials]]" in error.value.remedy


def test_a_truncated_file_is_named(run, server, virginia):
    content = (virginia.folder / NIR[1:]).read_bytes()
    server.special[NIR] = lambda: (200, {}, content[: len(content) // 2])
    with pytest.raises(SourceUnreadable, match="asset 'nir'"):
        job(run, server)


def test_an_asset_behind_a_redirect_is_read(run, server):
    server.special[NIR] = lambda: (302, {"Location": f"{NIR}?signature=x"}, b"")
    with pytest.raises(SourceUnreadable, match="redirects too often"):
        job(run, server)
    moved = NIR.replace("B08", "moved")
    content = server.answer("GET", NIR, None)
    server.special[moved] = lambda: content
    server.special[NIR] = lambda: (302, {"Location": moved}, b"")
    with job(run, server).image() as image:
        assert (image.read(1) != -32768).any()


def test_a_network_that_fails_for_a_moment_does_not_fail_the_job(run, server, virginia):
    content = (virginia.folder / NIR[1:]).read_bytes()
    answers = iter([503, 200, 503, 503])
    server.special[NIR] = lambda: (next(answers, 200), {}, content)
    with job(run, server).image() as image:
        assert (image.read(1) != -32768).any()


def test_a_file_gone_from_the_archive_is_named(run, site, tmp_path, virginia):
    copy = tmp_path / "copy"
    shutil.copytree(virginia.folder, copy)
    (copy / NIR[1:]).unlink()
    archive = site.archives[0].model_copy(update={"path": copy})
    elsewhere = site.model_copy(update={"archives": (archive,)})
    with pytest.raises(SourceUnreadable, match="not in the archive") as error:
        run("spectral-index", scenes={"catalogue": "demo"}, area={"bbox": VIRGINIA}, site=elsewhere)
    assert str(tmp_path) not in error.value.detail


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_as_such(tmp_path):
    with pytest.raises(DiskFull) as error, disk_errors(tmp_path), Path("/dev/full").open("wb") as full:
        full.write(b"x" * 100_000)
    assert "space" in error.value.detail
    with pytest.raises(DiskFull), disk_errors(tmp_path):
        raise RasterioIOError(f"write error: {os.strerror(28)}")
    with pytest.raises(RasterioIOError), disk_errors(tmp_path):
        raise RasterioIOError("some other trouble")


def test_files_stay_open_for_the_next_tile_and_are_closed_at_the_end(run, demo_server):
    before = len(os.listdir("/proc/self/fd"))
    ran = run(
        "spectral-index", scenes={"catalogue": f"{demo_server.url}/catalog.json"}, area={"bbox": VIRGINIA}, tile=128
    )
    assert len(ran.plan["tiles"]) > 50
    opened = [request for request in demo_server.requests if "B08.tif" in request]
    assert len(opened) < len(ran.plan["tiles"]), "not opened anew for each tile"
    assert len(os.listdir("/proc/self/fd")) - before < 10
