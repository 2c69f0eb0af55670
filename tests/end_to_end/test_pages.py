"""Pages that a script writes are what it writes, and links between pages lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def relative_links(page: Path) -> list[str]:
    """Targets of the page's links into the repository, without their anchors; code blocks have none."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^()\s]+)\)", text)
    return [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]


class PagesTest(unittest.TestCase):
    def test_results_page_is_what_its_script_writes(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "results.md"
            done = subprocess.run(
                [sys.executable, ROOT / "docs" / "results" / "make_page.py", written],
                capture_output=True,
                text=True,
                timeout=600,
            )
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
            self.assertEqual(written.read_text(), (ROOT / "docs" / "results.md").read_text())
            self.assertEqual(list(Path(folder).iterdir()), [written])

    def test_links_lead_somewhere(self) -> None:
        pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        links = [(page, target) for page in pages for target in relative_links(page)]
        self.assertGreater(len(links), 20)
        dead = [f"{page.relative_to(ROOT)}: {target}" for page, target in links if not (page.parent / target).exists()]
        self.assertEqual(dead, [])


if __name__ == "__main__":
    unittest.main()
