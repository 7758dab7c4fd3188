"""Texts in the language of the user."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QCoreApplication, QTranslator

from phidias_qgis import paths


def tr(text: str) -> str:
    """`text` in the language of QGIS, or as it is where no translation exists."""
    return QCoreApplication.translate("phidias", text)


def install_translator() -> QTranslator | None:
    """Load the translation of QGIS's language; keep the answer alive as long as the plugin is."""
    translator = QTranslator()
    if not translator.load(str(paths.translations() / f"phidias_{QgsApplication.locale()}.qm")):
        return None
    QCoreApplication.installTranslator(translator)
    return translator
