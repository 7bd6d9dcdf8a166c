"""The documentation has no page that nobody finds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if page != DOCS / "index.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_is_linked_from_the_index(page):
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    targets = {(DOCS / target).resolve() for target in re.findall(r"\]\(([^)#\s]+\.md)", index)}
    assert page.resolve() in targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_begins_with_its_one_title(page):
    text = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    titles = re.findall(r"^# .+$", text, flags=re.MULTILINE)
    assert len(titles) == 1
    assert titles[0] in text.split("\n")[:3]


def test_an_anchor_leads_to_a_heading():
    lost = []
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        found = re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8"))
        for target, anchor in found:
            if target.startswith("http"):
                continue
            text = ((page.parent / target) if target else page).read_text(encoding="utf-8")
            headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
            if anchor not in slugs:
                lost.append(f"{page.name}: {target}#{anchor}")
    assert not lost
