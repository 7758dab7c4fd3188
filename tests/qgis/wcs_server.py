"""A web coverage service (WCS 1.0.0) of one coverage, which notes what is asked of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from osgeo import gdal

CAPABILITIES = """<?xml version="1.0"?>
<WCS_Capabilities version="1.0.0" xmlns="http://www.opengis.net/wcs" xmlns:gml="http://www.opengis.net/gml"
 xmlns:xlink="http://www.w3.org/1999/xlink">
 <Service><name>WCS</name><label>Test</label></Service>
 <Capability><Request>
  <GetCapabilities>{http}</GetCapabilities>
  <DescribeCoverage>{http}</DescribeCoverage>
  <GetCoverage>{http}</GetCoverage>
 </Request></Capability>
 <ContentMetadata><CoverageOfferingBrief><name>image</name><label>Image</label>
  <lonLatEnvelope srsName="urn:ogc:def:crs:OGC:1.3:CRS84">
   <gml:pos>-76 37</gml:pos><gml:pos>-75 38</gml:pos></lonLatEnvelope>
 </CoverageOfferingBrief></ContentMetadata>
</WCS_Capabilities>"""
HTTP = """<DCPType><HTTP><Get><OnlineResource xlink:href="{url}/?"/></Get></HTTP></DCPType>"""
DESCRIPTION = """<?xml version="1.0"?>
<CoverageDescription version="1.0.0" xmlns="http://www.opengis.net/wcs" xmlns:gml="http://www.opengis.net/gml">
 <CoverageOffering><name>image</name><label>Image</label>
  <lonLatEnvelope srsName="urn:ogc:def:crs:OGC:1.3:CRS84">
   <gml:pos>-76 37</gml:pos><gml:pos>-75 38</gml:pos></lonLatEnvelope>
  <domainSet><spatialDomain>
   <gml:Envelope srsName="{crs}"><gml:pos>{west} {south}</gml:pos><gml:pos>{east} {north}</gml:pos></gml:Envelope>
   <gml:RectifiedGrid dimension="2">
    <gml:limits><gml:GridEnvelope>
     <gml:low>0 0</gml:low><gml:high>{right} {bottom}</gml:high></gml:GridEnvelope></gml:limits>
    <gml:axisName>x</gml:axisName><gml:axisName>y</gml:axisName>
    <gml:origin><gml:pos>{west} {north}</gml:pos></gml:origin>
    <gml:offsetVector>{dx} 0</gml:offsetVector><gml:offsetVector>0 -{dy}</gml:offsetVector></gml:RectifiedGrid>
  </spatialDomain></domainSet>
  <rangeSet><RangeSet><name>bands</name><label>Bands</label></RangeSet></rangeSet>
  <supportedCRSs><requestResponseCRSs>{crs}</requestResponseCRSs><nativeCRSs>{crs}</nativeCRSs></supportedCRSs>
  <supportedFormats nativeFormat="GTiff"><formats>GTiff</formats></supportedFormats>
  <supportedInterpolations><interpolationMethod>nearest neighbor</interpolationMethod></supportedInterpolations>
 </CoverageOffering>
</CoverageDescription>"""


class CoverageServer(ThreadingHTTPServer):
    """Serves the image at `path`, whose reference system is `crs`."""

    daemon_threads = True

    def __init__(self, path: str, crs: str) -> None:
        self.path, self.crs = path, crs
        self.asked: list[tuple[float, ...]] = []
        """West, south, east, north of each piece of the coverage that was asked for"""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: CoverageServer

    def do_GET(self) -> None:
        query = {name.upper(): values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        kind, content = {
            "GETCAPABILITIES": self.capabilities,
            "DESCRIBECOVERAGE": self.description,
            "GETCOVERAGE": self.coverage,
        }[query["REQUEST"].upper()](query)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def capabilities(self, query: dict[str, str]) -> tuple[str, bytes]:
        return "text/xml", CAPABILITIES.format(http=HTTP.format(url=self.server.url)).encode()

    def description(self, query: dict[str, str]) -> tuple[str, bytes]:
        dataset = gdal.Open(self.server.path)
        west, dx, _, north, _, dy = dataset.GetGeoTransform()
        columns, rows = dataset.RasterXSize, dataset.RasterYSize
        place = {"west": west, "north": north, "east": west + columns * dx, "south": north + rows * dy}
        grid = {"dx": dx, "dy": -dy, "right": columns - 1, "bottom": rows - 1}
        return "text/xml", DESCRIPTION.format(crs=self.server.crs, **place, **grid).encode()

    def coverage(self, query: dict[str, str]) -> tuple[str, bytes]:
        west, south, east, north = (float(edge) for edge in query["BBOX"].split(","))
        self.server.asked.append((west, south, east, north))
        target = f"/vsimem/{threading.get_ident()}.tif"
        size = {"width": int(query["WIDTH"]), "height": int(query["HEIGHT"])}
        gdal.Translate(target, self.server.path, projWin=[west, north, east, south], **size)
        content = _bytes(target)
        gdal.Unlink(target)
        return "image/tiff", content

    def log_message(self, *arguments: Any) -> None:
        pass


def _bytes(path: str) -> bytes:
    file = gdal.VSIFOpenL(path, "rb")
    try:
        return bytes(gdal.VSIFReadL(1, gdal.VSIStatL(path).size, file))
    finally:
        gdal.VSIFCloseL(file)


@contextmanager
def coverage_server(path: str, crs: str) -> Iterator[CoverageServer]:
    """A server that runs as long as the block."""
    server = CoverageServer(path, crs)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
