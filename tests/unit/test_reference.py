from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import maildns
from maildns.cli.documents import DOCUMENTS, model_of
from maildns.intent.model import Domain, Server
from maildns.rules import all_rules

TOOL = Path(__file__).parents[2] / "tools" / "write_reference.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("write_reference", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_rule_has_its_section(tool):
    page = "\n".join(tool.rules())
    for id, rule in all_rules().items():
        assert f"\n### {id}\n" in page
        assert rule.help in page


def test_every_key_of_the_config_has_its_line(tool):
    page = "\n".join(tool.config())
    for model in (Server, Domain):
        for key, field in model.model_fields.items():
            assert f"| `{key}` |" in page
            assert field.description in page


def test_every_document_has_its_section(tool):
    page = "\n".join(tool.documents())
    assert all(f"\n## {kind}\n" in page for kind in DOCUMENTS)


def test_no_document_is_forgotten():
    source = Path(maildns.__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in source.rglob("*.py"))
    kinds = set(re.findall(r'\bkind: Literal\["([a-z-]+)"\]', text))
    assert kinds == set(DOCUMENTS)
    assert all(model_of(kind).model_fields["kind"].default == kind for kind in kinds)


def test_a_stale_page_is_found_and_nothing_written(tool, tmp_path):
    pages = {"rules": ["# Rules"]}
    assert tool.write(pages, tmp_path, check=True) == 1
    assert list(tmp_path.iterdir()) == []
    assert tool.write(pages, tmp_path, check=False) == 0
    assert tool.write(pages, tmp_path, check=True) == 0
    assert tool.write({"rules": ["# Other"]}, tmp_path, check=True) == 1
