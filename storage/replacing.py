"""Replace files in many folders at once, each whole or not at all; the disk is given many to sync at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from storage.folders import ForeignError, Signs, Tree, fill, new_file, signs

THREADS = 16
"""Syncs under way at once: a disk does a dozen in little more than the time of one."""


@dataclass(slots=True)
class NewFile:
    """A file as it is to be."""

    name: str
    data: bytes
    there: Signs | None
    """Of the file that it replaces; None where there was none."""
    replaced: bool = False
    """False too where something else lay there when its turn came: that is left alone."""
    temporary: str | None = None
    """The name under which its bytes lie in the folder, while they do."""


@dataclass(slots=True)
class Replacement:
    """What is to be replaced in one folder, and why it could not be; what was replaced before that stays."""

    folder: tuple[str, ...]
    """Below the root; it is made where it is missing."""
    files: Sequence[NewFile]
    error: OSError | ForeignError | None = None
    descriptor: int = -1
    """Of the folder, while it is open."""


def replace_all(tree: Tree, replacements: Sequence[Replacement]) -> None:
    """
    Write temporaries and sync them, rename them, sync the folders: each step for all folders before the next.

    A file is renamed when its bytes are on the disk, and all is on the disk when this returns. A folder that fails
    spoils no other: its `error` says why. No temporary is left.
    """
    if not replacements:
        return
    files = [(one, place) for one in replacements for place in range(len(one.files))]
    with ThreadPoolExecutor(THREADS) as threads:
        try:
            list(threads.map(lambda one: _tried(one, lambda: _open(tree, one)), replacements))
            list(threads.map(lambda file: _tried(file[0], lambda: _write(tree, *file)), files))
            list(threads.map(lambda one: _tried(one, lambda: _rename(one)), replacements))
            list(threads.map(lambda one: _tried(one, lambda: tree.synced(one.descriptor)), replacements))
        finally:
            for one in replacements:
                _close(one)


def _tried(one: Replacement, step: Callable[[], None]) -> None:
    """Take a step with a folder that has not failed yet."""
    if one.error is None:
        try:
            step()
        except (OSError, ForeignError) as error:
            one.error = error


def _open(tree: Tree, one: Replacement) -> None:
    with tree.opened(one.folder, create=True) as folder:
        if folder is None:  # removed as soon as it was made
            raise FileNotFoundError
        one.descriptor = os.dup(folder)


def _write(tree: Tree, one: Replacement, place: int) -> None:
    file = one.files[place]
    name = f".aggregator-{sha256(f'{place} {file.name}'.encode()).hexdigest()[:24]}.part"
    descriptor = new_file(name, one.descriptor)
    file.temporary = name
    try:
        fill(descriptor, file.data)
        tree.synced(descriptor)
    finally:
        os.close(descriptor)


def _rename(one: Replacement) -> None:
    for file in one.files:
        if file.temporary and signs(file.name, one.descriptor) == file.there:
            os.rename(file.temporary, file.name, src_dir_fd=one.descriptor, dst_dir_fd=one.descriptor)
            file.temporary, file.replaced = None, True


def _close(one: Replacement) -> None:
    """Let go of the folder, and leave no temporary in it."""
    if one.descriptor < 0:
        return
    for file in one.files:
        if file.temporary:
            with suppress(OSError):
                os.unlink(file.temporary, dir_fd=one.descriptor)
            file.temporary = None
    os.close(one.descriptor)
    one.descriptor = -1
