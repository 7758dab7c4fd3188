"""The words of the plugin in other languages: `i18n/phidias_<language>.ts`, and the .qm that Qt reads, made of it.

    tools/translations.py update [language...]   bring every .ts up to date with the code, begin those of the languages
                                                 named, compile them all, and say what is left to translate
    tools/translations.py compile                make the .qm that are missing or older than their .ts

Qt's own lupdate and pylupdate5 give a text the class around it as its context; ours have one context, so that a text
is translated once wherever it is used.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "phidias_qgis"
FOLDER = ROOT / "i18n"
PROCESSES = ROOT / "resources" / "processes.json"
CONTEXT = "phidias"
"""What `phidias_qgis/i18n.py` asks Qt for"""


class Refused(Exception):
    """A `tr()` that cannot be translated, with its place."""


@dataclass(frozen=True)
class Translation:
    """What a language says; unfinished if nobody has agreed to it."""

    text: str = ""
    finished: bool = False


def texts(folder: Path = CODE, processes: Path = PROCESSES) -> dict[str, list[str]]:
    """Every text in a `tr()` below `folder`, and those that people see of the `processes` that the plugin ships.

    In the order of files and lines, with the files that it stands in.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder.parent).as_posix()
        for text in _Calls(name).of(ast.parse(path.read_text(encoding="utf-8"))):
            files = found.setdefault(text, [])
            if name not in files:
                files.append(name)
    for process in json.loads(processes.read_text(encoding="utf-8"))["processes"]:
        for text in filter(None, of_process(process)):
            found.setdefault(text, [f"resources/{processes.name}"])
    return found


def of_process(document: Mapping[str, Any]) -> Iterator[str]:
    """What `phidias_qgis/process_words.py` translates of a process description."""
    groups = [entry for entry in document.get("metadata", ()) if entry.get("role") == "group"]
    for entry in (document, *groups, *document["inputs"].values(), *document["outputs"].values()):
        yield entry.get("title", "")
        if "role" not in entry:
            yield entry.get("description", "")


class _Calls(ast.NodeVisitor):
    """The texts in the `tr()` of a file. One that runs at import would come before the translation is loaded."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._later = 0
        self._texts: list[str] = []

    def of(self, tree: ast.Module) -> list[str]:
        self.visit(tree)
        return self._texts

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.arguments) or child in getattr(node, "decorator_list", ()):
                self.visit(child)
        self._later += 1
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(statement)
        self._later -= 1

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef  # noqa: N815

    def visit_Call(self, node: ast.Call) -> None:
        if not (isinstance(node.func, ast.Name) and node.func.id == "tr"):
            self.generic_visit(node)
            return
        given = node.args[0] if len(node.args) == 1 and not node.keywords else None
        if not (isinstance(given, ast.Constant) and isinstance(given.value, str) and given.value):
            raise self._refused(node, "tr() takes one text, written out in the call")
        if not self._later:
            raise self._refused(node, "tr() runs at import, before the translation is loaded: call it in a function")
        self._texts.append(given.value)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == "tr":
            raise self._refused(node, "tr is handed on: call it where the text is written")

    def _refused(self, node: ast.expr, why: str) -> Refused:
        return Refused(f"{self._name}:{node.lineno}: {why}")


def files() -> list[Path]:
    """The .ts of every language there is."""
    return sorted(FOLDER.glob("phidias_*.ts"))


def read(path: Path) -> dict[str, Translation]:
    """What a .ts says, by the text in the code; nothing if it is missing or empty."""
    if not path.exists() or not path.read_text(encoding="utf-8").strip():
        return {}
    # Ours or a translator's: no file from elsewhere is read here.
    messages = ElementTree.parse(path).getroot().iter("message")  # noqa: S314
    return {message.findtext("source", ""): _translation(message.find("translation")) for message in messages}


def _translation(element: ElementTree.Element | None) -> Translation:
    if element is None or not element.text:
        return Translation()
    return Translation(element.text, element.get("type") is None)


def written(path: Path, found: Mapping[str, Iterable[str]]) -> str:
    """What the .ts must hold: the texts `found`, and of its translations those that still belong to one."""
    known = read(path)
    language = path.stem.partition("_")[2]
    return "".join(_lines(language, found, known))


def _lines(language: str, found: Mapping[str, Iterable[str]], known: Mapping[str, Translation]) -> Iterator[str]:
    """As Qt Linguist writes it. No numbers of lines: they would change with every change of the code."""
    yield f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n<TS version="2.1" language="{language}">\n'
    yield f"<context>\n    <name>{CONTEXT}</name>\n"
    for text, places in found.items():
        yield "    <message>\n"
        for place in places:
            yield f'        <location filename="../{place}"/>\n'
        yield f"        <source>{_protected(text)}</source>\n"
        translation = known.get(text, Translation())
        state = "" if translation.finished else ' type="unfinished"'
        yield f"        <translation{state}>{_protected(translation.text)}</translation>\n    </message>\n"
    yield "</context>\n</TS>\n"


def _protected(text: str) -> str:
    """Spaces that must not break are written by number, as they cannot be told from others by sight."""
    escaped = escape(text, {'"': "&quot;", "'": "&apos;"})
    return re.sub("[\u00a0\u202f]", lambda space: f"&#x{ord(space[0]):x};", escaped)


def untranslated(path: Path) -> list[str]:
    """The texts of a .ts that nobody has translated."""
    return [text for text, translation in read(path).items() if not translation.finished]


def update(languages: Iterable[str] = ()) -> None:
    """Write every .ts anew, with those of further languages."""
    found = texts()
    for path in sorted({*files(), *(FOLDER / f"phidias_{language}.ts" for language in languages)}):
        path.write_text(written(path, found), encoding="utf-8")


def compile_old() -> None:
    """Make the .qm that are missing or older than their .ts, with Qt's own lrelease."""
    for path in files():
        made = path.with_suffix(".qm")
        if not made.exists() or made.stat().st_mtime < path.stat().st_mtime:
            subprocess.run(["lrelease", "-silent", path, "-qm", made], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("do", choices=["update", "compile"])
    parser.add_argument("languages", nargs="*", help="languages to begin, such as de or pt_BR")
    arguments = parser.parse_args()
    if arguments.do == "update":
        try:
            update(arguments.languages)
        except Refused as error:
            sys.exit(str(error))
        for path in files():
            left = untranslated(path)
            print(f"{path.relative_to(ROOT)}: {len(left)} of {len(read(path))} texts left to translate")
            for text in left:
                print(f"    {text!r}")
    compile_old()


if __name__ == "__main__":
    main()
