"""
The documentation is executed: what it shows is what happens.

In README.md and docs/**/*.md, per file and in order, in one folder that is empty but for examples/,
as it is in a checkout:

* a `console` block is a transcript: lines after `$ ` are run by sh, with those after `> `
  that go on with them; the lines below are what they print (standard output and error);
  a line `...` stands for any lines, and `...` within a line for any text;
* a `python` block is run, as doctest where it has prompts;
* a block with `file=NAME` after its language is written to that file;
* a block with `not-run=REASON` is not run.
"""

from __future__ import annotations

import doctest
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "generated" not in page.read_text(encoding="utf-8")[:200]
]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
SECONDS = 120


@dataclass(frozen=True)
class Block:
    language: str
    options: dict[str, str]
    body: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, _, rest = match["info"].strip().partition(" ")
        options = dict(
            re.findall(r'(\S+?)=(?:"([^"]*)"|(\S+))', rest)
            and [
                (key, quoted or plain)
                for key, quoted, plain in re.findall(r'(\S+?)=(?:"([^"]*)"|(\S+))', rest)
            ]
        )
        indent = len(match["indent"])
        body = "".join(line[indent:] for line in match["body"].splitlines(keepends=True))
        found.append(Block(language, options, body, text[: match.start()].count("\n") + 1))
    return found


def commands(body: str) -> list[tuple[str, str]]:
    """The commands of a transcript, each with what it should print."""
    steps: list[tuple[list[str], list[str]]] = []
    continued = False
    for line in body.splitlines():
        if line.startswith("$ "):
            steps.append(([line[2:]], []))
            continued = line.endswith("\\")
        elif continued or (steps and not steps[-1][1] and f"{line} ".startswith("> ")):
            steps[-1][0].append(line.removeprefix(">").removeprefix(" "))
            continued = line.endswith("\\")
        elif steps:
            steps[-1][1].append(line)
    return [("\n".join(command), "\n".join(output)) for command, output in steps]


def matches(expected: str, shown: str) -> bool:
    pattern = ""
    for line in expected.strip().splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += (
                r".*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t]*\n"
            )
    return re.fullmatch(pattern, shown.strip() + "\n" if shown.strip() else "") is not None


class Session:
    """One page's folder and environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/bin:/sbin",
            "HOME": str(folder),
            "COLUMNS": "100",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        self.names: dict[str, object] = {}
        self.left: list[subprocess.Popen[str]] = []

    def run(self, command: str) -> str:
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.left.append(process)
        output, _ = process.communicate(timeout=SECONDS)
        return output

    def python(self, block: Block, page: Path) -> None:
        if ">>>" in block.body:
            test = doctest.DocTestParser().get_doctest(
                block.body, self.names, page.name, str(page), block.line
            )
            runner = doctest.DocTestRunner(
                optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            )
            failed, _ = runner.run(test, clear_globs=False)
            assert not failed, f"{page}:{block.line}: the doctest fails"
            self.names.update(test.globs)
        else:
            exec(compile(block.body, f"{page}:{block.line}", "exec"), self.names)

    def end(self) -> None:
        for process in self.left:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_does_what_it_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    session = Session(tmp_path)
    try:
        for block in blocks(page):
            if "not-run" in block.options:
                continue
            if "file" in block.options:
                target = tmp_path / block.options["file"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.body, encoding="utf-8")
            elif block.language == "console":
                for command, expected in commands(block.body):
                    shown = session.run(command)
                    assert matches(expected, shown), f"{page}:{block.line}: $ {command}\n{shown}"
            elif block.language == "python":
                session.python(block, page)
    finally:
        session.end()


def test_the_pages_are_found():
    assert ROOT / "README.md" in PAGES


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        broken.extend(
            f"{page.relative_to(ROOT)}: {target}"
            for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text)
            if not (page.parent / target).exists()
        )
    assert not broken
