"""Processes in the language of the user, as far as the plugin knows their words; else as the gateway has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend_client import ProcessDescription
from phidias_qgis.i18n import translated


def in_words_of_the_user(description: ProcessDescription) -> ProcessDescription:
    """The description with its own texts, its group's, and those of its inputs and outputs."""
    return replace(
        description,
        title=translated(description.title),
        description=translated(description.description),
        group=translated(description.group),
        inputs=_members(description.inputs),
        outputs=_members(description.outputs),
    )


def _members(members: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {name: {**member, **_texts(member)} for name, member in members.items()}


def _texts(member: Mapping[str, Any]) -> dict[str, str]:
    return {key: translated(member[key]) for key in ("title", "description") if isinstance(member.get(key), str)}
