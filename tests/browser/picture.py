"""Take the README's pictures anew: the river and the sources of the demo, in Chromium (`make picture`)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
PAGE = "http://127.0.0.1:8080/"
SHOWN = {"river": "", "sources": "sources"}


def is_there() -> bool:
    """Return whether all sources of the demo were polled, and some have brought a few entries."""
    try:
        with urllib.request.urlopen(f"{PAGE}sources.json", timeout=5) as answer:
            rows = json.load(answer)
    except OSError:
        return False
    return all(row["last_attempt_at"] for row in rows) and sum(row["entries"] for row in rows) >= 12


def main() -> None:
    """Start the demo, wait until its publisher's feeds are in, take the pictures, stop the demo."""
    from playwright.sync_api import sync_playwright

    demo = subprocess.Popen([sys.executable, "-m", "aggregator", "-q", "demo"], stdout=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 30
        while not is_there():
            if demo.poll() is not None or time.monotonic() > end:
                sys.exit("the demo did not come up; see what it said above")
            time.sleep(0.5)
        PICTURES.mkdir(exist_ok=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 1080}, color_scheme="light")
            for name, path in SHOWN.items():
                page.goto(f"{PAGE}{path}", wait_until="load")
                page.screenshot(path=PICTURES / f"{name}.png")
                print(f"{name}.png: {(PICTURES / f'{name}.png').stat().st_size:,} bytes")
            browser.close()
    finally:
        demo.terminate()
        demo.wait(15)


if __name__ == "__main__":
    main()
