"""The catalogues that a person adds: one of them in a small dialog."""

from __future__ import annotations

from qgis.gui import QgsAuthConfigSelect
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from phidias_qgis import catalogues
from phidias_qgis.catalogues import Catalogue
from phidias_qgis.i18n import tr


class OwnCatalogue(QDialog):
    """Adds the catalogue of this name or address, or changes or removes it."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("A catalogue of your own"))
        known = next((entry for entry in catalogues.own() if entry.name == text), Catalogue(""))
        self._former = known.name
        self.name = QLineEdit(known.name)
        self.url = QLineEdit(known.url or (text if "://" in text else ""))
        self.url.setPlaceholderText("https://stac.example.org/v1")
        self.credentials = QgsAuthConfigSelect()
        self.credentials.setConfigId(known.authcfg)
        form = QFormLayout()
        form.addRow(tr("Name"), self.name)
        form.addRow(tr("Address"), self.url)
        form.addRow(tr("Credentials"), self.credentials)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.save)
        buttons.rejected.connect(self.reject)
        self._save = buttons.button(QDialogButtonBox.StandardButton.Save)
        if self._former:
            remove = buttons.addButton(tr("Remove"), QDialogButtonBox.ButtonRole.DestructiveRole)
            remove.clicked.connect(self.remove)
        for line in (self.name, self.url):
            line.textChanged.connect(self._check)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self._check()

    def save(self) -> None:
        """Keep what is entered."""
        entered = Catalogue(self.name.text().strip(), self.url.text().strip(), self.credentials.configId())
        catalogues.store([*self._others(entered.name), entered])
        self.accept()

    def remove(self) -> None:
        """Forget the catalogue."""
        catalogues.store(self._others(self._former))
        self.name.clear()
        self.accept()

    def _others(self, name: str) -> list[Catalogue]:
        return [entry for entry in catalogues.own() if entry.name not in (name, self._former)]

    def _check(self) -> None:
        self._save.setEnabled(bool(self.name.text().strip()) and "://" in self.url.text())
