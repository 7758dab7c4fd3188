"""The translations go with the code: every text is there, once, in French too, and with its placeholders."""

from __future__ import annotations

import json
import re
import string
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import translations

FRENCH = translations.FOLDER / "phidias_fr.ts"
REMEDY = "run `make translations`, and translate what it lists"


@pytest.mark.parametrize("path", translations.files(), ids=lambda path: path.name)
def test_the_texts_are_those_of_the_code(path: Path) -> None:
    held, found = list(translations.read(path)), list(translations.texts())
    assert set(found) - set(held) == set(), f"{path.name} lacks texts: {REMEDY}"
    assert set(held) - set(found) == set(), f"{path.name} has texts that are gone: {REMEDY}"
    is_old = path.read_text("utf-8") != translations.written(path, translations.texts())
    assert not is_old, f"{path.name} is not as it would be written now: {REMEDY}"


def test_french_is_complete() -> None:
    assert translations.untranslated(FRENCH) == [], f"{FRENCH.name}: translate these texts"


@pytest.mark.parametrize("path", translations.files(), ids=lambda path: path.name)
def test_the_placeholders_are_those_of_the_text(path: Path) -> None:
    """What `str.format` puts in comes out, in whichever order."""
    wrong = {
        text: translation.text
        for text, translation in translations.read(path).items()
        if translation.text and placeholders(text) != placeholders(translation.text)
    }
    assert wrong == {}


def placeholders(text: str) -> list[tuple[str, str]]:
    """Number and format of what is put in; a text that is no pattern has none."""
    try:
        fields = [(name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None]
    except ValueError:
        return []
    return sorted((name or str(place), form or "") for place, (name, form) in enumerate(fields))


def test_french_signs_stand_off_their_words() -> None:
    ordinary = re.compile(r" [:;!?»]|« |\w[;!?»](\s|$)|\w:\s")
    assert [each.text for each in translations.read(FRENCH).values() if ordinary.search(each.text)] == []


def code(folder: Path, text: str) -> Path:
    package = folder / "code"
    package.mkdir()
    (package / "words.py").write_text(text, encoding="utf-8")
    return package


def test_texts_are_found_wherever_they_are_used(tmp_path: Path) -> None:
    function = 'def a(b=lambda: tr("x" "y")):\n    return [tr("…\\n\\"q\\"") for _ in b]\n'
    method = 'class C:\n    def d(self): tr("xy")\n'
    echo = {
        "title": "xy",
        "description": "Gives back.",
        "metadata": [{"role": "group", "title": "Tests"}, {"role": "reference", "title": "No text of ours"}],
        "inputs": {"a": {"title": "A", "schema": {"title": "nor this"}}},
        "outputs": {"b": {"title": "B", "description": "What was a."}},
    }
    processes = tmp_path / "processes.json"
    processes.write_text(json.dumps({"processes": [echo]}), "utf-8")
    found = translations.texts(code(tmp_path, function + method), processes)
    shipped = ["resources/processes.json"]
    assert found == {
        "xy": ["code/words.py"],
        '…\n"q"': ["code/words.py"],
        **dict.fromkeys(("Gives back.", "Tests", "A", "B", "What was a."), shipped),
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def a(b):\n    return tr(f'{b} jobs')", "code/words.py:2: .*written out"),
        ("def a(b):\n    return tr('one', b)", "code/words.py:2: .*written out"),
        ("def a(b):\n    return map(tr, b)", "code/words.py:2: .*handed on"),
        ("A = tr('Log')", "code/words.py:1: .*at import"),
        ("class A:\n    b = [tr('Log')]", "code/words.py:2: .*at import"),
        ("def a(b=tr('Log')):\n    return b", "code/words.py:1: .*at import"),
        ("@a(tr('Log'))\ndef b():\n    return 1", "code/words.py:1: .*at import"),
    ],
)
def test_what_cannot_be_translated_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(translations.Refused, match=why):
        translations.texts(code(tmp_path, text))


def test_a_translation_outlives_an_update_and_a_vanished_text_does_not(tmp_path: Path) -> None:
    path = tmp_path / "phidias_de.ts"
    path.write_text(translations.written(path, {"Log": ["a.py"], "It's <b>": ["a.py"], "Gone": ["a.py"]}), "utf-8")
    assert translations.untranslated(path) == ["Log", "It's <b>", "Gone"]
    agreed = "<translation>Protokoll\u00a0!</translation>"
    path.write_text(
        path.read_text("utf-8").replace('<translation type="unfinished"></translation>', agreed, 1), "utf-8"
    )
    path.write_text(translations.written(path, {"New": ["a.py"], "It's <b>": ["a.py"], "Log": ["b.py"]}), "utf-8")
    assert 'language="de"' in path.read_text("utf-8")
    assert translations.read(path) == {
        "New": translations.Translation(),
        "It's <b>": translations.Translation(),
        "Log": translations.Translation("Protokoll\u00a0!", True),
    }
