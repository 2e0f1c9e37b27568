"""The organization and folders above a project, as far as they are in the input."""

from __future__ import annotations

from typing import Any

from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.properties import word
from reachability.resources import UNKNOWN, Resource

PROJECT = "gcp:organizations/project:Project"
FOLDER = "gcp:organizations/folder:Folder"


class Hierarchy:
    """Finds out whether a project is below an organization or folder."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._projects = {word(each.properties.get("projectId")): each for each in inventory.of(PROJECT)}

    def above(self, project: str, target: Any) -> tuple[int | None, str]:
        """The depth of a folder or organization (``organizations/1``, ``folders/2``) above the project, and why it is
        uncertain. ``(None, "")`` if it is not above."""
        path, complete = self._path(project)
        folder = self._inventory.find(target, (FOLDER,))
        wanted = _canonical(folder) if folder is not None else (target if isinstance(target, str) else None)
        if isinstance(wanted, str) and wanted.isdigit():
            wanted = next((each for each in path if each.rpartition("/")[2] == wanted), wanted)
        if wanted in path:
            return path[::-1].index(wanted), ""
        if wanted is not None and complete:
            return None, ""
        return None, f"whether project {project or '?'} lies below {wanted or 'its target'} is not in the input"

    def _path(self, project: str) -> tuple[list[str], bool]:
        """The ancestors of a project, nearest first, and whether the list is complete."""
        resource = self._projects.get(project) if project else None
        if resource is None:
            return [], False
        path: list[str] = []
        seen: set[str] = set()
        while True:
            if resource.urn in seen:
                return path, False
            seen.add(resource.urn)
            if any(resource.properties.get(key) is UNKNOWN for key in ("orgId", "folderId", "parent")):
                return path, False
            organization = word(resource.properties.get("orgId"))
            parent = word(resource.properties.get("folderId")) or word(resource.properties.get("parent"))
            if organization and not parent:
                return [*path, f"organizations/{organization}"], True
            if not isinstance(parent, str) or not parent:
                return path, False
            if parent.startswith("organizations/"):
                return [*path, parent], True
            above = self._inventory.find(parent, (FOLDER,)) or self._inventory.find(f"folders/{parent}", (FOLDER,))
            if above is None:
                return [*path, parent if parent.startswith("folders/") else f"folders/{parent}"], False
            path.append(_canonical(above))
            resource = above


def _canonical(folder: Resource) -> str:
    given = folder.properties
    for value in (given.get("name"), folder.id, given.get("folderId")):
        if isinstance(value, str) and value:
            return value if value.startswith("folders/") else f"folders/{value}"
    return folder.urn
