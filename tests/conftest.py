"""What every test may ask for: the corpus of real feeds, where it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Tests have no packages (importmode=importlib); what they share is imported as `plugins.<name>`.
sys.path.append(str(Path(__file__).parent))
pytest_plugins = [
    "plugins.certificates",
    "plugins.clock",
    "plugins.publisher",
    "plugins.proxy",
    "plugins.served_corpus",
    "plugins.daemons",
    "plugins.disks",
    "plugins.node",
    "plugins.simulator",
    "plugins.wired",
]

CORPUS = Path(os.environ.get("FEED_CORPUS", Path(__file__).resolve().parents[1].parent / "shared" / "corpus"))


def needed(what: str, found: bool) -> None:
    """Skip the test in plain words where `what` is missing; fail it where REQUIRE_ALL=1 allows no gaps."""
    if found:
        return
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and REQUIRE_ALL=1 allows no gap", pytrace=False)
    pytest.skip(f"{what} is missing here")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real feeds, records and lists (FEED_CORPUS)."""
    needed(f"the corpus of real feeds ({CORPUS})", (CORPUS / "MANIFEST.jsonl").exists())
    return CORPUS


@pytest.fixture(scope="session")
def require() -> Callable[[str, bool], None]:
    """Return `needed`, for tests that want a program or a folder that may be missing."""
    return needed


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, which the product runs on."""
    return "asyncio"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to write the expected records of tests/golden anew."""
    parser.addoption("--update-golden", action="store_true", help="write the expected records of tests/golden anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Return whether expected records are to be written, not only compared."""
    return bool(request.config.getoption("--update-golden"))
