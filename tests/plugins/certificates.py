"""Certificates of an authority of the test's own, as the fixture `certificates`."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from conformance.authority import Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, bool], None]) -> Certificates:
    """An authority, and what it signs."""
    require("the openssl program", shutil.which("openssl") is not None)
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.make()
    return made
