from __future__ import annotations

import base64

import pytest

from maildns.errors import InputError
from maildns.publish.tsig import exposure, key_from_environment, read_key_file

SECRET = b"not to be seen by anyone"
BASE64 = base64.b64encode(SECRET).decode()
BIND = f'key "mail-update" {{\n\talgorithm hmac-sha256;\n\tsecret "{BASE64}";\n}};\n'

FILES = [
    # text, name asked for, (name, algorithm), why
    (BIND, "", ("mail-update", "hmac-sha256"), "as tsig-keygen writes it"),
    (BIND, "Mail-Update.", ("mail-update", "hmac-sha256"), "names do not care for case"),
    (
        f"key k {{ secret {BASE64}; algorithm HMAC-SHA512; }};",
        "",
        ("k", "hmac-sha512"),
        "no quotes, other order",
    ),
    (
        f"// old\n# key x {{ }};\n/* key y {{ }}; */\n{BIND}",
        "",
        ("mail-update", "hmac-sha256"),
        "comments",
    ),
    (
        'key a { secret "aaaa"; };' + BIND,
        "mail-update",
        ("mail-update", "hmac-sha256"),
        "one of several",
    ),
    (
        f"options {{ }};\n{BIND}zone x {{ }};",
        "",
        ("mail-update", "hmac-sha256"),
        "among other statements",
    ),
    (f"{BASE64}\n", "plain", ("plain", "hmac-sha256"), "base64 alone"),
    (f"{BASE64[:10]}\n{BASE64[10:]}\n", "plain", ("plain", "hmac-sha256"), "base64 in lines"),
]


@pytest.mark.parametrize("text, asked, found, why", FILES)
def test_a_key_file_is_read_as_people_have_it(tmp_path, text, asked, found, why):
    (tmp_path / "k").write_text(text)
    key = read_key_file(tmp_path / "k", asked)
    assert (key.name, key.algorithm) == found, why
    assert key.secret == SECRET, why
    assert BASE64 not in repr(key)
    assert "not to be seen" not in repr(key)


WRONG = [
    # text, name asked for, what it says, the mend
    (BIND, "other", "holds no key 'other'", "mail-update"),
    (BIND + BIND.replace("mail-update", "b"), "", "holds 2 keys", "mail-update, b"),
    ("key k { algorithm hmac-sha256; };", "", "'k' has no secret", "base64"),
    (BIND.replace("sha256", "md5"), "", "hmac-md5, which is not safe", "tsig-keygen"),
    (BIND.replace("sha256", "sha1"), "", "hmac-sha1, which is not safe", "tsig-keygen"),
    (BIND.replace("hmac-sha256", "rot13"), "", "not a TSIG algorithm", "hmac-sha256"),
    (BIND.replace(BASE64, "***"), "", "not base64", "tsig-keygen"),
    (BIND.replace(BASE64, ""), "", "is empty", "tsig-keygen"),
    (BASE64, "", "no name", "as the server knows it"),
    ("", "k", "is empty", "tsig-keygen"),
    ("\x00" * 40_000, "k", "too large", "tsig-keygen"),
    ("key a..b { secret aaaa; };", "", "not a key's name", ""),
]


@pytest.mark.parametrize("text, asked, says, mend", WRONG)
def test_a_key_that_cannot_be_used_is_told_with_its_mend_and_without_its_secret(
    tmp_path, text, asked, says, mend
):
    (tmp_path / "k").write_text(text)
    with pytest.raises(InputError) as caught:
        read_key_file(tmp_path / "k", asked)
    assert says in str(caught.value)
    assert mend in caught.value.hint
    assert BASE64 not in str(caught.value) + caught.value.hint


def test_a_missing_or_binary_file_is_named(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_key_file(tmp_path / "k")
    (tmp_path / "b").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not a TSIG key"):
        read_key_file(tmp_path / "b")


VALUES = [
    (BASE64, "k", ("k", "hmac-sha256"), "base64 alone"),
    (f"k:{BASE64}", "", ("k", "hmac-sha256"), "with the name"),
    (f"hmac-sha512:k:{BASE64}", "", ("k", "hmac-sha512"), "as nsupdate -y has it"),
]


@pytest.mark.parametrize("value, asked, found, why", VALUES)
def test_a_key_is_read_from_the_environment(value, asked, found, why):
    key = key_from_environment("TSIG", asked, {"TSIG": value})
    assert (key.name, key.algorithm) == found, why
    assert key.secret == SECRET


@pytest.mark.parametrize(
    "value, asked, says",
    [
        ("", "k", "is not set"),
        (BASE64, "", "has no name"),
        (f"k:{BASE64}", "other", "holds the TSIG key 'k', not 'other'"),
        ("a:b:c:d", "", "holds no TSIG key"),
        ("hmac-md5:k:aaaa", "", "not safe"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(value, asked, says):
    with pytest.raises(InputError, match="TSIG") as caught:
        key_from_environment("TSIG", asked, {"TSIG": value})
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "mode, rules", [(0o644, ["tsig-secret-readable"]), (0o640, []), (0o600, [])]
)
def test_a_secret_that_all_may_read_is_found(tmp_path, mode, rules):
    path = tmp_path / "k"
    path.write_text(BIND)
    path.chmod(mode)
    assert [finding.rule for finding in exposure(path)] == rules
