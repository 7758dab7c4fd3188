"""What QGIS writes into a project file past its path writers, such as the sources that layouts keep: mended there."""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path

_SOURCE = re.compile(r"/vsicurl[/?][^\"'<>\s|]*signature(=|%3D)[^\"'<>\s|]*")


def mend(path: Path, written: Callable[[str], str]) -> bool:
    """Replace every signed source in a saved project by what `written` makes of it; True if there were any.

    The file keeps its time, by which QGIS tells whether somebody else has changed it. Raises OSError.
    """
    if not path.is_file():  # a project in a database
        return False
    new = _mended_archive(path, written) if zipfile.is_zipfile(path) else _mended_text(path.read_bytes(), written)
    if new is None:
        return False
    status = path.stat()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "wb") as file:
        file.write(new)
    shutil.copymode(path, temporary)
    os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(temporary, path)
    return True


def _mended_text(content: bytes, written: Callable[[str], str]) -> bytes | None:
    def replacement(found: re.Match[str]) -> str:
        return escape(written(unescape(found[0])))

    text, count = _SOURCE.subn(replacement, content.decode("utf-8"))
    return text.encode("utf-8") if count else None


def _mended_archive(path: Path, written: Callable[[str], str]) -> bytes | None:

    target, changed = io.BytesIO(), False
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            mended = _mended_text(content, written) if entry.filename.endswith(".qgs") else None
            changed = changed or mended is not None
            new.writestr(entry, content if mended is None else mended)
    return target.getvalue() if changed else None
