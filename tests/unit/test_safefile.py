"""Files are written whole or not at all, and what killed runs left is swept."""

from __future__ import annotations

import os

import pytest

from maildns.errors import InputError
from maildns.safefile import SECRET_MODE, STALE_SECONDS, replace_file


def test_a_file_is_replaced_and_gets_its_mode(tmp_path):
    path = tmp_path / "new" / "key.pem"
    replace_file(path, "one")
    replace_file(path, b"two", mode=SECRET_MODE)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_fresh_file_never_takes_the_place_of_another(tmp_path):
    path = tmp_path / "key.pem"
    path.write_text("in use")
    with pytest.raises(InputError, match="there already"):
        replace_file(path, "other", fresh=True)
    assert path.read_text() == "in use"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").write_text("")
    with pytest.raises(InputError, match="cannot write it"):
        replace_file(tmp_path / "folder", "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]
    with pytest.raises(InputError, match="cannot write it"):
        replace_file(tmp_path / "folder" / "inside" / "below", "x")


def test_only_old_drafts_of_the_same_file_are_swept(tmp_path):
    old, young, other = (
        tmp_path / name for name in (".a[1].0123abcd.draft", ".a[1].4567abcd.draft", ".b.draft")
    )
    for draft in (old, young, other):
        draft.write_text("secret")
    for draft in (old, other):
        os.utime(draft, (0, old.stat().st_mtime - STALE_SECONDS - 1))
    replace_file(tmp_path / "a[1]", "x")
    assert sorted(tmp_path.iterdir()) == sorted([young, other, tmp_path / "a[1]"])


def test_what_a_link_points_to_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "state", tmp_path / "state"
    link.symlink_to(target)
    replace_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    with pytest.raises(InputError, match="there already"):
        replace_file(link, "other", fresh=True)
