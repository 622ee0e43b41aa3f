"""`make docs`: every page is in the site, and nothing in it is broken."""

import subprocess
import sys

from programs import BIN, REPOSITORY


def test_the_site_builds_without_a_warning_and_holds_every_page_and_header():
    built = subprocess.run([REPOSITORY / "tools" / "docs", BIN.parent, sys.executable], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    site = BIN.parent / "site"
    for page in (REPOSITORY / "docs").glob("*.md"):
        assert (site / page.with_suffix(".html").name).exists(), page
    reference = (site / "reference" / "cpp.html").read_text()
    headers = REPOSITORY / "include" / "fvhooks"
    for header in (*headers.glob("*.h"), *(headers / "torch").glob("*.h")):
        assert f"fvhooks/{header.relative_to(headers)}&gt;" in reference, f"docs/reference/cpp.md lacks {header}"
