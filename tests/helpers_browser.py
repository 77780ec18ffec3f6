"""Headless Chromium, driven by a script that is put into the page: no driver library is needed."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)
WHY_SKIPPED = f"no Chromium is installed (looked for {', '.join(NAMES)})"

CATCHER = """<script>
window.caughtErrors = [];
window.addEventListener("error", (e) => window.caughtErrors.push(String(e.message)));
window.addEventListener("unhandledrejection", (e) => window.caughtErrors.push(String(e.reason)));
document.addEventListener("securitypolicyviolation", (e) => window.caughtErrors.push(`blocked: ${e.blockedURI}`));
for (const kind of ["error", "warn"]) console[kind] = (...what) => window.caughtErrors.push(`${kind}: ${what.join(" ")}`);
</script>"""


def drive(page: Path, driver: Path, folder: Path, size: str = "1366,768") -> Any:
    """Open the page, run the driver in it, and return what it wrote."""
    text = page.read_text(encoding="utf-8")
    text = text.replace("<head>", f"<head>{CATCHER}", 1)
    head, body, tail = text.rpartition("</body>")
    driven = folder / f"driven-{page.name}"
    driven.write_text(f"{head}<script>{driver.read_text(encoding='utf-8')}</script>{body}{tail}", encoding="utf-8")
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    options = [*root, "--headless", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}"]
    command = [str(CHROMIUM), *options, f"--window-size={size}", "--dump-dom", driven.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=300, check=True)
    found = re.search(r'<pre id="outcome">(.*?)</pre>', done.stdout.decode("utf-8"), re.DOTALL)
    assert found, f"the driver wrote nothing: {done.stderr.decode('utf-8', 'replace')[-2000:]}"
    return json.loads(html.unescape(found[1]))
