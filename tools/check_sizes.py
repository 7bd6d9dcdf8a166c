"""Fail when a function or module of the package is too large to be read at once."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 600
MAX_NESTING = 3  # blocks within blocks, the function's own body not counted
_BLOCKS = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def faults(path: Path) -> Iterator[str]:
    """Each thing in *path* that is too large, as a line for people."""
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > MAX_MODULE_LINES:
        yield f"{path}: {lines} lines; {MAX_MODULE_LINES} at most"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines; {MAX_FUNCTION_LINES} at most"
            depth = max((_depth(child) for child in node.body), default=0)
            if depth > MAX_NESTING:
                yield f"{path}:{node.lineno}: {node.name} nests {depth} blocks; {MAX_NESTING} at most"


def _depth(node: ast.AST) -> int:
    """How many blocks stand within each other below *node*; `elif` does not count."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return 0
    below = max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)
    if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        inner = _depth(node.orelse[0])
        body = max((_depth(child) for child in node.body), default=0)
        return max(inner, body + 1)
    return below + isinstance(node, _BLOCKS)


def main() -> int:
    """Print all faults; 1 when there are any."""
    found = [fault for path in sorted(Path("src").rglob("*.py")) for fault in faults(path)]
    print("\n".join(found) or "sizes: every function and module can be read at once")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
