"""Take the README's picture anew: the first page of the demo, in Chromium (`make picture`)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "river.png"
PAGE = "http://127.0.0.1:8080/"


def main() -> None:
    """Start the demo, wait until its publisher's feeds are in, take the picture, stop the demo."""
    from playwright.sync_api import sync_playwright

    demo = subprocess.Popen([sys.executable, "-m", "aggregator", "-q", "demo"], stdout=subprocess.PIPE, text=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 972}, color_scheme="light")
            end = time.monotonic() + 30
            while demo.poll() is None and time.monotonic() < end:
                if page.request.get(f"{PAGE}readyz", fail_on_status_code=False).ok:
                    page.goto(PAGE)
                    if page.locator(".entry").count() >= 13:
                        break
                time.sleep(0.5)
            else:
                sys.exit("the demo did not come up; see what it said above")
            PICTURE.parent.mkdir(exist_ok=True)
            page.screenshot(path=PICTURE)
            browser.close()
    finally:
        demo.terminate()
        demo.wait(15)
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
