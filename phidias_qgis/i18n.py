"""Texts in the language of the user."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QCoreApplication, QLocale, QTranslator

from phidias_qgis import paths


def tr(text: str) -> str:
    """`text` in the language of QGIS, or as it is where no translation exists."""
    return QCoreApplication.translate("phidias", text)


def translated(text: str) -> str:
    """The same for a text that is not written in the code."""
    return QCoreApplication.translate("phidias", text) if text else ""


def install_translator() -> QTranslator | None:
    """Load the translation of QGIS's language, that of `fr` for `fr_CA`, before the first text is made.

    Keep the answer alive as long as the plugin is; None if the language is not there.
    """
    translator = QTranslator()
    if not translator.load(QLocale(QgsApplication.locale()), "phidias", "_", str(paths.translations())):
        return None
    QCoreApplication.installTranslator(translator)
    return translator


def remove_translator(translator: QTranslator | None) -> None:
    """Back to the language of the code."""
    if translator is not None:
        QCoreApplication.removeTranslator(translator)
