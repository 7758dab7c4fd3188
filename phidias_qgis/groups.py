"""The layers of one job lie together in the layer tree, in a group that remembers its job whatever it is called."""

from __future__ import annotations

from typing import ClassVar

from qgis.core import (
    QgsLayerTreeGroup,
    QgsLayerTreeLayer,
    QgsLayerTreeNode,
    QgsMapLayer,
    QgsMultiBandColorRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProject,
    QgsRasterLayer,
)

JOB = "phidias/job"
"""Custom property of a group: the id of its job"""


def put(layer: QgsMapLayer, project: QgsProject, job: str, title: str) -> None:
    """Move a layer of the project into the group of its job, which is made where the layer lies. Main thread only."""
    root = project.layerTreeRoot()
    node = root.findLayer(layer.id())
    if node is None:
        return
    parent = node.parent()
    group = _group_of(root, job)
    if group is None:
        above = _outside(node)
        group = above.parent().insertGroup(above.parent().children().index(above), title)
        group.setCustomProperty(JOB, job)
    if parent is group:
        return
    moved = node.clone()
    group.insertChildNode(_place(group, layer), moved)
    parent.removeChildNode(node)
    if len(group.children()) == 1:
        # The layer tree shows a group closed that came without children, and listens to changes only.
        group.setExpanded(False)
        group.setExpanded(True)
    images = [child for child in group.findLayers() if isinstance(child.layer(), QgsRasterLayer)]
    for image in images:
        # The bands of a colour composite say nothing, and a series has the same legend over and over.
        image.setExpanded(len(images) == 1 and not isinstance(layer.renderer(), QgsMultiBandColorRenderer))


def _group_of(root: QgsLayerTreeGroup, job: str) -> QgsLayerTreeGroup | None:
    return next((group for group in root.findGroups(True) if group.customProperty(JOB) == job), None)


def _outside(node: QgsLayerTreeNode) -> QgsLayerTreeNode:
    """The node itself, or the group of another job that it lies in: QGIS adds layers where the current one is."""
    parent = node.parent()
    while parent is not None:
        if parent.customProperty(JOB):
            node = parent
        parent = parent.parent()
    return node


def _place(group: QgsLayerTreeGroup, layer: QgsMapLayer) -> int:
    """Above all, but images go below what is drawn over them."""
    if not isinstance(layer, QgsRasterLayer):
        return 0
    kept = [
        isinstance(node, QgsLayerTreeLayer) and isinstance(node.layer(), QgsRasterLayer) for node in group.children()
    ]
    return kept.index(True) if True in kept else len(kept)


class IntoGroup(QgsProcessingLayerPostProcessorInterface):
    """Puts a layer into its job's group when QGIS has added it to the project after a run."""

    _waiting: ClassVar[list[IntoGroup]] = []
    """Those that were not called yet: QGIS never calls one that Python does not hold"""

    def __init__(self, job: str, title: str) -> None:
        super().__init__()
        self._job, self._title = job, title
        self._waiting.append(self)

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        self._waiting.remove(self)
        put(layer, layer.project() or QgsProject.instance(), self._job, self._title)
