"""GeoTIFF files made of compressed blocks: a draft that grows block by block, and the Cloud-Optimized file.

GDAL writes the tags that say what an image is (reference system, names, scale); here are only the places of its blocks.
A draft is a valid, sparse GeoTIFF with overviews at any time, so that it can be looked at while it grows. Structure
after the TIFF 6.0 and BigTIFF specifications, and GDAL's description of its COG layout.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

OFFSETS, SIZES = 324, 325  # TileOffsets, TileByteCounts
_REDUCED, _WIDTH, _HEIGHT = 254, 256, 257
# What an overview has in common with the image: bits, compression, photometric, samples, planar configuration,
# predictor, width and height of blocks, extra samples, sample format, nodata.
_SHARED = (258, 259, 262, 277, 284, 317, 322, 323, 338, 339, 42113)
_SHORT, _LONG, _LONG8 = 3, 4, 16
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8, 18: 8}
_CLASSIC_END = 2**32 - 2**20
_GHOST = (
    "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
"""GDAL's promises about the order of the data, with which a reader saves requests"""


@dataclass(frozen=True)
class Tag:
    """One entry of a directory: the TIFF type, how many values, and their bytes, little-endian."""

    type: int
    count: int
    data: bytes


Directory = Mapping[int, Tag]


def directories(content: bytes, shapes: Sequence[tuple[int, int]]) -> list[Directory]:
    """The directories of an image and its overviews, without the places of blocks, from a file that GDAL wrote for the
    image alone (classic, little-endian); `shapes` are the rows and columns of each, the image's first."""
    (start,) = struct.unpack_from("<4xI", content)
    (count,) = struct.unpack_from("<H", content, start)
    image = {}
    for position in range(start + 2, start + 2 + 12 * count, 12):
        code, kind, values = struct.unpack_from("<HHI", content, position)
        size = values * _BYTES[kind]
        place = position + 8 if size <= 4 else struct.unpack_from("<I", content, position + 8)[0]
        image[code] = Tag(kind, values, content[place : place + size])
    for code in (OFFSETS, SIZES):
        del image[code]
    reduced = {_REDUCED: Tag(_LONG, 1, struct.pack("<I", 1))} | {code: image[code] for code in _SHARED if code in image}
    return [image] + [
        reduced | {code: Tag(_LONG, 1, struct.pack("<I", side)) for code, side in ((_HEIGHT, rows), (_WIDTH, columns))}
        for rows, columns in shapes[1:]
    ]


@dataclass(frozen=True)
class Header:
    """The begin of a file: its directories."""

    content: bytes
    arrays: tuple[tuple[int, int], ...]
    """For each directory, where the offsets of its blocks lie, and their sizes"""


def header(
    tags: Sequence[Directory], offsets: Sequence[np.ndarray], sizes: Sequence[np.ndarray], *, big: bool, ghost: bytes
) -> Header:
    """Directories one after the other, then the arrays of offsets and sizes. Its length depends on no value."""
    word, entry, number = (8, "<HHQ", "<Q") if big else (4, "<HHI", "<I")
    out = bytearray(b"II" + (struct.pack("<HHHQ", 43, 8, 0, 0) if big else struct.pack("<HI", 42, 0)) + ghost)
    link = 8 if big else 4
    late: list[tuple[int, bytes]] = []
    arrays = []

    def align() -> None:
        out.extend(bytes(-len(out) % 8))

    for directory, places, lengths in zip(tags, offsets, sizes, strict=True):
        kind = _LONG8 if big else _LONG
        listed = {
            **directory,
            OFFSETS: Tag(kind, places.size, places.astype("<u8" if big else "<u4").tobytes()),
            SIZES: Tag(_LONG, lengths.size, lengths.astype("<u4").tobytes()),
        }
        align()
        struct.pack_into(number, out, link, len(out))
        out += struct.pack("<Q" if big else "<H", len(listed))
        values = {}
        for code, tag in sorted(listed.items()):
            out += struct.pack(entry, code, tag.type, tag.count)
            values[code] = len(out)
            out += tag.data.ljust(word, b"\0") if len(tag.data) <= word else bytes(word)
        link = len(out)
        out += bytes(word)
        for code, tag in listed.items():
            if len(tag.data) <= word:
                continue
            if code in (OFFSETS, SIZES):
                late.append((values[code], tag.data))
                continue
            align()
            struct.pack_into(number, out, values[code], len(out))
            out += tag.data
        arrays.append([values[OFFSETS], values[SIZES]])
    moved = {}
    for position, data in late:
        align()
        struct.pack_into(number, out, position, len(out))
        moved[position] = len(out)
        out += data
    align()
    placed = tuple((moved.get(first, first), moved.get(second, second)) for first, second in arrays)
    return Header(bytes(out), placed)


class Draft:
    """A GeoTIFF that blocks are added to, from several threads; one that lies there already is gone on with."""

    def __init__(self, path: Path, tags: Sequence[Directory], counts: Sequence[int]) -> None:
        """`counts` are the numbers of blocks of the image and of each overview. Raises OSError."""
        zeros = [np.zeros(count, "u8") for count in counts]
        made = header(tags, zeros, zeros, big=True, ghost=b"")
        self._arrays = made.arrays
        self._final = [np.zeros(count, bool) for count in counts]
        self._lock = Lock()
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self.offsets, self.sizes = zeros, [np.zeros(count, "u4") for count in counts]
        if os.fstat(self._file).st_size:
            start = os.pread(self._file, len(made.content), 0)
            for level, (where, how_long) in enumerate(self._arrays):
                self.offsets[level] = np.frombuffer(start, "<u8", counts[level], where).copy()
                self.sizes[level] = np.frombuffer(start, "<u4", counts[level], how_long).copy()
        else:
            _write(self._file, made.content, 0)
        self._end = os.fstat(self._file).st_size

    def add(self, level: int, number: int, data: bytes, *, final: bool = True) -> None:
        """Put a block in its place; nothing points to it before it is there. One that is not final takes the place of
        none that is. Raises OSError."""
        with self._lock:
            offset, self._end = self._end, self._end + len(data)
        _write(self._file, data, offset)
        where, how_long = self._arrays[level]
        with self._lock:
            if self._final[level][number] and not final:
                return
            self._final[level][number] = final
            _write(self._file, struct.pack("<Q", offset), where + 8 * number)
            _write(self._file, struct.pack("<I", len(data)), how_long + 4 * number)
            self.offsets[level][number], self.sizes[level][number] = offset, len(data)

    def block(self, level: int, number: int) -> bytes:
        """A block as it was added; empty if it was not. Also when closed. Raises OSError."""
        with open(self.path, "rb") as file:
            file.seek(int(self.offsets[level][number]))
            return file.read(int(self.sizes[level][number]))

    def close(self) -> None:
        """No block can be added any more."""
        os.close(self._file)


def write_cog(
    target: Path,
    tags: Sequence[Directory],
    sizes: Sequence[np.ndarray],
    block: Callable[[int, int], bytes],
) -> None:
    """A Cloud-Optimized GeoTIFF of blocks whose sizes are known: the overviews' first, each in rows.

    `block` gives the bytes of a block by the number of its directory and its own. Raises OSError.
    """
    ghost = f"GDAL_STRUCTURAL_METADATA_SIZE={len(_GHOST):06d} bytes\n{_GHOST}".encode()
    big = sum(8 * length.size + int(length.sum(dtype="u8")) for length in sizes) > _CLASSIC_END
    position = len(header(tags, sizes, sizes, big=big, ghost=ghost).content)
    offsets: list[np.ndarray] = [np.empty(0)] * len(sizes)
    for level in reversed(range(len(sizes))):
        ends = position + np.cumsum(sizes[level].astype("u8") + np.uint64(8))
        offsets[level] = ends - sizes[level] - np.uint64(4)
        position = int(ends[-1])
    with open(target, "wb") as file:
        file.write(header(tags, offsets, sizes, big=big, ghost=ghost).content)
        for level in reversed(range(len(sizes))):
            for number in range(sizes[level].size):
                data = block(level, number)
                file.write(struct.pack("<I", len(data)))
                file.write(data)
                file.write(data[-4:])


def _write(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written
