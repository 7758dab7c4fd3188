"""What no way to the result can spare: reading the inputs and writing that same COG, in two threads, nothing else.

The result is in memory before the clock starts; reading is rasterio's, block by block; writing is PHIDIAS's own. Prints
the seconds.

    python tools/bench_floor.py RESULT SCRATCH INPUT...
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import rasterio
from rasterio.windows import Window

from phidias_processes.eo.cog import LayerDraft, assemble
from phidias_processes.eo.grid import Grid, Tile
from phidias_processes.eo.tile_process import Encoding, Layer

SIZE = 1024


def main() -> None:
    result, scratch, *inputs = map(Path, sys.argv[1:])
    with rasterio.open(result) as image:
        pixels = image.read()
        encoding = Encoding(image.dtypes[0], image.scales[0], image.offsets[0], image.nodata)
        a, _, x, _, e, y = image.transform[:6]
        grid = Grid(f"EPSG:{image.crs.to_epsg()}", x, y, a, -e, image.width, image.height)
        layer = Layer("index", image.descriptions, (encoding,))
    tiles = [
        Tile(column, row, min(SIZE, grid.width - column), min(SIZE, grid.height - row))
        for row in range(0, grid.height, SIZE)
        for column in range(0, grid.width, SIZE)
    ]
    began = time.monotonic()
    draft = LayerDraft(layer, grid, scratch / "floor.0.tif", tiles, len(tiles))
    idle = [[rasterio.open(path) for path in inputs] for _ in range(2)]

    def work(tile: Tile) -> None:
        images = idle.pop()
        for image in images:
            image.read(1, window=Window(tile.column, tile.row, tile.width, tile.height))
        idle.append(images)
        draft.write(tile, pixels[:, tile.row : tile.row + tile.height, tile.column : tile.column + tile.width])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, tiles))
    draft.finish()
    assemble(layer, grid, [draft.path], scratch / "floor.tif")
    print(time.monotonic() - began)


if __name__ == "__main__":
    main()
