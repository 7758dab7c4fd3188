"""The plugin speaks the language of QGIS, in its window and in qgis_process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from qgis.core import QgsApplication, QgsSettings
from qgis.PyQt.QtCore import QCoreApplication

from phidias_qgis import connection
from phidias_qgis.i18n import install_translator, remove_translator, tr
from tests.qgis.conftest import ROOT
from tests.qgis.window import Window


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "translations.py", "compile"], check=True, timeout=60)


@pytest.fixture
def language(request: pytest.FixtureRequest, qgis_app: object) -> Iterator[str]:
    """QGIS set to a language, as its options do it."""
    settings = QgsSettings()
    settings.setValue("locale/overrideFlag", True)
    settings.setValue("locale/userLocale", request.param)
    assert QgsApplication.locale() == request.param
    yield request.param
    settings.remove("locale")


@pytest.mark.parametrize("language", ["fr", "fr_FR", "fr_CA"], indirect=True)
def test_every_french_is_french_and_goes_with_the_translator(language: str) -> None:
    assert tr("Search scenes") == "Search scenes"
    translator = install_translator()
    assert tr("Search scenes") == "Rechercher des scènes"
    with pytest.raises(connection.NotConnected, match="Aucune passerelle PHIDIAS n'est configurée"):
        connection.load()
    remove_translator(translator)
    assert tr("Search scenes") == "Search scenes"


@pytest.mark.parametrize("language", ["en", "pt_BR", "zh-Hans", "C"], indirect=True)
def test_a_language_that_is_not_there_is_english(language: str) -> None:
    assert install_translator() is None
    assert tr("Search scenes") == "Search scenes"


@pytest.mark.parametrize("language", ["fr_CA"], indirect=True)
def test_the_window_is_french_until_the_plugin_is_unloaded(language: str, qgis_processing: None) -> None:
    from phidias_qgis.plugin import PhidiasPlugin

    window = Window()
    plugin = PhidiasPlugin(window)
    plugin.initGui()
    try:
        assert {"Rechercher des scènes", "Copier le diagnostic"} <= {action.text() for action in window.menu}
        tool = QgsApplication.processingRegistry().algorithmById("phidias:searchscenes")
        assert tool.displayName() == "Rechercher des scènes"
        tool = QgsApplication.processingRegistry().algorithmById("phidias:spectralindex")
        assert (tool.displayName(), tool.group()) == ("Indice spectral", "Optique")
        assert tool.parameterDefinition("REDUCER").description() == "Combiner les dates par"
        assert tool.parameterDefinition("AREA").description() == "Zone (emprise)"
        # Looked up by Qt alone, as another plugin of this QGIS would.
        assert QCoreApplication.translate("phidias", "Footprints") == "Empreintes"
    finally:
        plugin.unload()
    assert QCoreApplication.translate("phidias", "Footprints") == "Footprints"


def test_qgis_process_speaks_french(tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PHIDIAS_", "QGIS_", "LC_"))}
    environment = {
        **inherited,
        "LANG": "fr_CA.UTF-8",
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_CUSTOM_CONFIG_PATH": str(tmp_path),
        "QGIS_PLUGINPATH": str(ROOT),
    }

    def call(*arguments: str) -> str:
        command = ["qgis_process.bin", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110).stdout

    call("plugins", "enable", "phidias_qgis")
    assert "Ne pas attendre le résultat" in call("help", "phidias:spectralindex")
