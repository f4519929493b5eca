"""Tokens, scopes, keys, encryption of id numbers, signed texts."""

import base64
import hmac
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.basics.errors import Forbidden, Unauthorized
from app.config import Settings
from app.service import security

KEYS = security.derive_keys(b"a" * 32)
AREAS = st.integers(100_000, 999_999).map(str)
BIRTHS = st.dates(date(1850, 1, 1), date(2099, 12, 31)).map(lambda day: f"{day:%Y%m%d}")


def with_check_digit(first: str) -> str:
    """The id number of 17 digits, by ISO 7064 MOD 11-2, which GB 11643 cites (not by the weights of the module)."""
    value = 0
    for digit in first:
        value = (value + int(digit)) * 2 % 11
    check = (12 - value) % 11
    return first + ("X" if check == 10 else str(check))


ID_NUMBERS = st.builds(
    lambda area, birth, order: with_check_digit(f"{area}{birth}{order:03d}"), AREAS, BIRTHS, st.integers(0, 999)
)


def principal(*scopes: str) -> security.Principal:
    return security.Principal(1, "li.hua", frozenset(scopes), None, None, None, None)


def settings(**values: object) -> Settings:
    return Settings.model_validate({"env": "development", "secret_key": None, "database_url": None, **values})


# ---------------------------------------------------------------- scopes and tokens


def test_one_of_the_scopes_is_enough() -> None:
    """A principal with any one of the scopes asked for may proceed."""
    security.require(principal("auditor"), "finance", "auditor")


def test_admin_has_every_scope() -> None:
    """The admin scope stands for all others."""
    for scope in security.SCOPES:
        security.require(principal("admin"), scope)


def test_a_missing_scope_is_named() -> None:
    """Without the scope the refusal is forbidden_scope and names the scopes that would do."""
    with pytest.raises(Forbidden) as caught:
        security.require(principal("hospital"), "finance", "auditor")
    assert (caught.value.code, caught.value.values) == ("forbidden_scope", {"scope": "finance, auditor"})
    with pytest.raises(Forbidden):
        security.require(principal())


def test_tokens_are_random_and_found_by_digest() -> None:
    """A new token has 256 random bits as 43 url-safe characters, and its digest is that of its text."""
    tokens = [security.new_token() for _ in range(100)]
    assert len({digest for _, digest in tokens}) == 100
    for text, digest in tokens:
        assert text.startswith("ost_")
        assert len(base64.urlsafe_b64decode(text[4:] + "=")) == 32
        assert digest == security.token_digest(text)
        assert len(digest) == 32
        assert security.bearer(f"Bearer {text}") == text


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc "])
def test_the_scheme_is_read_in_any_case(header: str) -> None:
    """The bearer scheme is recognised in any case and with more blanks."""
    assert security.bearer(header) == "abc"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearerabc", "Bearer 令牌", "Bearer a\nb"]
)
def test_what_is_not_a_bearer_token_is_refused(header: str | None) -> None:
    """A header without a well-formed bearer token is answered 401 with the scheme to use."""
    with pytest.raises(Unauthorized) as caught:
        security.bearer(header)
    assert (caught.value.code, caught.value.headers) == ("unauthorized", {"WWW-Authenticate": "Bearer"})


def test_the_bootstrap_token_is_matched_whole() -> None:
    """Only the exact admin token is one, and an unset or empty one matches nothing, not even an empty text."""
    assert security.is_admin_token("s3cret", SecretStr("s3cret"))
    for text in ("s3cre", "s3cret ", "S3CRET", "", "令牌"):
        assert not security.is_admin_token(text, SecretStr("s3cret"))
    assert not security.is_admin_token("", SecretStr(""))
    assert not security.is_admin_token("", None)


# ---------------------------------------------------------------- keys


def test_each_use_has_its_own_key_and_none_is_shown() -> None:
    """The four keys of a secret differ from each other, from another secret's, and aren't in their repr."""
    one, two = KEYS.current, security.derive_keys(b"b" * 32).current
    keys = [getattr(k, name) for k in (one, two) for name in ("encryption", "blind_index", "signing", "cursor")]
    assert len(set(keys)) == 8
    assert all(len(key) == 32 for key in keys)
    assert "signing" not in repr(KEYS)
    assert one == security.derive_keys(b"a" * 32).current


def test_derived_keys_never_change() -> None:
    """What an earlier release encrypted, indexed or signed with a secret is read by this one."""
    number = "53010219800101001X"
    sealed = "a9a190dbf596883e96196afeb11c2a124aac49e62dbfc8865845bab4288459037a6ad9d98804c8355c54b9fa4af1e3"
    assert security.decrypt(KEYS, bytes.fromhex(sealed), associated=b"p") == number
    assert security.blind_index(KEYS, number).hex().startswith("81b1ef7e3d54694030247e42330c5c7d")
    assert security.verify(KEYS, "quote", "qXGShttl-u8QpEFURH96wZRZ") == b"q"
    assert security.verify(KEYS, "cursor", "qXG2PY-6ZwmPhZm5Sb-CIOd2") == b"q"


def test_keys_follow_rfc_5869() -> None:
    """Each key is HKDF-SHA256 of the secret with its label, as anybody can compute it."""
    extracted = hmac.digest(bytes(32), b"a" * 32, "sha256")
    for name in ("encryption", "blind-index", "signing", "cursor"):
        expected = hmac.digest(extracted, f"onestop/1/{name}".encode() + b"\1", "sha256")
        assert getattr(KEYS.current, name.replace("-", "_")) == expected


@given(st.binary(min_size=32, max_size=80))
def test_a_secret_is_read_in_each_notation(secret: bytes) -> None:
    """Hex and both base64 alphabets, padded or not, give the same secret."""
    urlsafe = base64.urlsafe_b64encode(secret).decode()
    assert security.parse_secret(secret.hex()) == security.parse_secret(secret.hex().upper() + "\n") == secret
    for text in (urlsafe, urlsafe.rstrip("="), base64.b64encode(secret).decode()):
        assert security.parse_secret(text) == secret


@pytest.mark.parametrize("text", ["", "abc", "a b" * 30, "密" * 40, "ab" * 31, base64.b64encode(b"x" * 31).decode()])
def test_an_unusable_secret_is_refused_unseen(text: str) -> None:
    """A short or unreadable secret is refused, and the message doesn't contain it."""
    with pytest.raises(ValueError, match="secret") as caught:
        security.parse_secret(text)
    assert not text or text not in str(caught.value)
    with pytest.raises(ValueError, match="32 bytes"):
        security.derive_keys(b"x" * 31)


def test_the_variable_comes_before_the_file(tmp_path: Path) -> None:
    """A secret in the environment is used and no file is made."""
    text = SecretStr((b"k" * 32).hex())
    assert security.load_secret(settings(secret_key=text), tmp_path) == b"k" * 32
    assert list(tmp_path.iterdir()) == []


def test_the_first_start_makes_a_private_file(tmp_path: Path) -> None:
    """Without a variable a file of mode 0600 is made, nothing else is left over, and later starts read it again."""
    secret = security.load_secret(settings(), tmp_path / "data")
    path = tmp_path / "data" / "secret.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(secret) == 32
    assert list((tmp_path / "data").iterdir()) == [path]
    assert security.load_secret(settings(), tmp_path / "data") == secret


def test_starting_together_they_agree_on_one_secret(tmp_path: Path) -> None:
    """Processes and threads that start at the same moment all end up with the same secret."""
    code = (
        "import sys; from pathlib import Path; from app.service import security; from app.config import Settings;"
        "print(security.load_secret(Settings(), Path(sys.argv[1])).hex())"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ONESTOP_")}
    command = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(__file__).parent.parent.parent
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=root) for _ in range(3)
    ]
    with ThreadPoolExecutor(8) as pool:
        seen = {secret.hex() for secret in pool.map(lambda _: security.load_secret(settings(), tmp_path), range(32))}
    assert {process.communicate()[0].strip() for process in processes} == seen
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_a_file_others_can_read_is_refused(tmp_path: Path) -> None:
    """A secret file with wider rights is refused, and the remedy is named."""
    security.load_secret(settings(), tmp_path)
    (tmp_path / "secret.key").chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        security.load_secret(settings(), tmp_path)


def test_production_needs_a_secret_outside_the_data(tmp_path: Path) -> None:
    """In production a missing or empty variable is an error, and so is a file in the data folder; no file is made."""
    data = tmp_path / "data"
    data.mkdir()
    for secret in (None, SecretStr("")):
        for file in (None, data / "mine"):
            with pytest.raises(ValueError, match="ONESTOP_SECRET_KEY is missing"):
                security.load_secret(settings(env="production", secret_key=secret, secret_key_file=file), data)
    assert list(data.iterdir()) == []
    (tmp_path / "mine").write_text("ab" * 32)
    elsewhere = settings(env="production", secret_key_file=tmp_path / "mine")
    assert security.load_secret(elsewhere, data) == bytes.fromhex("ab" * 32)
    with pytest.raises(ValueError, match="both set"):
        security.load_secret(elsewhere.model_copy(update={"secret_key": SecretStr("ab" * 32)}), data)


def test_a_lost_secret_is_not_replaced(tmp_path: Path) -> None:
    """Where something was written with a secret, none is made in its place."""
    with pytest.raises(ValueError, match="missing"):
        security.load_secret(settings(), tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- encryption and blind index


@given(st.text(), st.binary(max_size=40))
def test_what_is_encrypted_can_be_read_again(text: str, place: bytes) -> None:
    """Decrypting gives the text back, and encrypting twice never gives the same bytes."""
    first, second = (security.encrypt(KEYS, text, associated=place) for _ in range(2))
    assert security.decrypt(KEYS, first, associated=place) == text
    assert first != second
    assert len(first) == 1 + 12 + len(text.encode()) + 16


@given(st.text(), st.data())
def test_an_altered_ciphertext_is_refused(text: str, data: st.DataObject) -> None:
    """Changing any bit, cutting anything off, or moving it to another place makes a ciphertext unreadable."""
    sealed = bytearray(security.encrypt(KEYS, text, associated=b"persons.id_number:1"))
    length = data.draw(st.integers(0, len(sealed) - 1))
    with pytest.raises(ValueError, match="not"):
        security.decrypt(KEYS, bytes(sealed[:length]), associated=b"persons.id_number:1")
    with pytest.raises(ValueError, match="not"):
        security.decrypt(KEYS, bytes(sealed), associated=b"persons.id_number:2")
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ValueError, match="not"):
        security.decrypt(KEYS, bytes(sealed), associated=b"persons.id_number:1")


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=6, unique=True), st.text())
def test_after_a_rotation_the_old_is_still_read(secrets: list[bytes], text: str) -> None:
    """With the former secrets kept, their ciphertexts, signed texts and blind indexes are still found; without, not."""
    before = [security.derive_keys(secret) for secret in secrets[1:]]
    now, alone = security.derive_keys(secrets[0], secrets[1:]), security.derive_keys(secrets[0])
    for keys in before:
        sealed, token = security.encrypt(keys, text, associated=b""), security.sign(keys, "quote", b"q")
        assert security.decrypt(now, sealed, associated=b"") == text
        assert security.verify(now, "quote", token) == b"q"
        assert security.blind_index(keys, text) in security.blind_index_candidates(now, text)
        with pytest.raises(ValueError, match="not"):
            security.decrypt(alone, sealed, associated=b"")
    assert security.blind_index_candidates(now, text)[0] == security.blind_index(alone, text)


def test_two_secrets_with_the_same_key_id_are_both_tried() -> None:
    """The key id is only a hint: when two secrets happen to share it, both are still read."""
    first = KEYS.current
    twin = next(
        secret
        for secret in (n.to_bytes(32, "big") for n in range(10_000))
        if security.derive_keys(secret).current.key_id == first.key_id
    )
    sealed = security.encrypt(KEYS, "text", associated=b"")
    assert security.decrypt(security.derive_keys(twin, [b"a" * 32]), sealed, associated=b"") == "text"


@given(ID_NUMBERS, ID_NUMBERS)
def test_the_blind_index_ignores_case_and_blanks_only(one: str, other: str) -> None:
    """Notations of one id number have one index; different numbers, keys and plain hashes have different ones."""
    index = security.blind_index(KEYS, one)
    assert index == security.blind_index(KEYS, f" {one.lower()}\n")
    assert len(index) == 32
    assert (index == security.blind_index(KEYS, other)) == (one == other)
    assert index != security.blind_index(security.derive_keys(b"b" * 32), one)


# ---------------------------------------------------------------- id numbers


@pytest.mark.parametrize("text", ["11010519491231002X", "440524188001010014"])
def test_the_examples_of_the_standard_are_valid(text: str) -> None:
    """Both examples printed in GB 11643-1999 are valid."""
    assert security.valid_id_number(text)
    assert security.looks_like_id_number(text)


@given(ID_NUMBERS)
def test_any_number_made_by_the_standard_is_valid(number: str) -> None:
    """Every area, real date and order with its MOD 11-2 check character is valid, and looks so in any case."""
    assert security.valid_id_number(number)
    assert security.looks_like_id_number(f" {number.lower()} ")
    assert security.valid_id_number(number.lower()) == number[-1].isdigit()


@given(ID_NUMBERS, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_any_single_slip_is_noticed(number: str, place: int, character: str) -> None:
    """Replacing any one character by another makes the number invalid."""
    slipped = number[:place] + character + number[place + 1 :]
    assert security.valid_id_number(slipped) == (slipped == number)


@given(ID_NUMBERS, st.integers(0, 16))
def test_swapped_neighbours_are_noticed(number: str, place: int) -> None:
    """Swapping two different neighbouring characters makes the number invalid."""
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert security.valid_id_number(swapped) == (swapped == number)


@given(AREAS, st.sampled_from(["20190229", "19000229", "19991301", "19990931", "19990100", "00000101", "18491231"]))
def test_a_day_that_never_was_is_refused(area: str, birth: str) -> None:
    """A date of birth that isn't in the calendar, or lies before 1850, is refused even with a right check digit."""
    number = with_check_digit(f"{area}{birth}001")
    assert not security.valid_id_number(number)
    assert not security.looks_like_id_number(number)


@given(
    st.one_of(
        st.text(max_size=20), st.text("0123456789X", min_size=17, max_size=19), ID_NUMBERS.map(lambda n: n + "\n")
    )
)
def test_other_texts_are_refused_and_never_crash(text: str) -> None:
    """Any text at all is answered yes or no, and what is valid is ASCII of 18 characters that looks so too."""
    if security.valid_id_number(text):
        assert len(text) == 18
        assert text.isascii()
        assert security.looks_like_id_number(text)


def test_digits_of_other_scripts_are_refused() -> None:
    """Full-width digits are not digits of an id number."""
    wide = "11010519491231002X".translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    assert not security.valid_id_number(wide)
    assert not security.looks_like_id_number(wide)


@given(ID_NUMBERS)
def test_the_mask_hides_the_birth(number: str) -> None:
    """The mask of an id number keeps area and the last four, and hides the whole date of birth."""
    masked = security.mask_id_number(number)
    assert masked == f"{number[:6]}{'*' * 8}{number[14:]}"
    assert not security.looks_like_id_number(masked)
    assert security.mask_id_number("53010219800101001X") == "530102********001X"


@given(st.text(max_size=40).filter(lambda text: len(text) != 18))
def test_the_mask_of_another_text_shows_two_characters_at_most(text: str) -> None:
    """A text of another length keeps its length and shows at most its last two characters."""
    masked = security.mask_id_number(text)
    assert len(masked) == len(text)
    assert set(masked[: max(0, len(text) - 2)]) <= {"*"}


# ---------------------------------------------------------------- signed texts


@given(st.binary(max_size=300), st.sampled_from(["quote", "cursor", "session"]))
def test_what_is_signed_is_verified(payload: bytes, purpose: str) -> None:
    """A signed payload comes back whole, from a text that fits into a url, and for its purpose alone."""
    token = security.sign(KEYS, purpose, payload)
    assert security.verify(KEYS, purpose, token) == payload
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    for other in {"quote", "cursor", "session", ""} - {purpose}:
        with pytest.raises(ValueError, match="not signed"):
            security.verify(KEYS, other, token)


@given(st.binary(max_size=60), st.data())
def test_an_altered_signed_text_is_refused(payload: bytes, data: st.DataObject) -> None:
    """Changing, adding or dropping any character makes it unacceptable, also one that decodes to the same bytes."""
    token = security.sign(KEYS, "quote", payload)
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from("ABCwxyz0189-_+/= 密").filter(lambda c: c != token[place]))
    altered = token[:place] + character + token[place + 1 :]
    for wrong in (altered, token[:place] + token[place + 1 :], token + "A", token + "=", token[:place], f"{token}\n"):
        with pytest.raises(ValueError):  # noqa: PT011 - any text will do
            security.verify(KEYS, "quote", wrong)


@given(st.text(max_size=60))
def test_any_other_text_is_refused_with_a_value_error(text: str) -> None:
    """Whatever a client sends as a cursor or a quote, the answer is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011
        security.verify(KEYS, "cursor", text)


def test_sizes_have_a_limit() -> None:
    """A payload too long to be verified can't be signed, and a very long text isn't even decoded."""
    assert security.verify(KEYS, "quote", security.sign(KEYS, "quote", b"x" * 6000)) == b"x" * 6000
    with pytest.raises(ValueError, match="too long"):
        security.sign(KEYS, "quote", b"x" * 6200)
    with pytest.raises(ValueError, match="too long"):
        security.verify(KEYS, "quote", "A" * 100_000)


def test_a_birth_may_be_any_day_up_to_the_year_2099() -> None:
    """Without a clock every calendar day from 1850 to 2099 is a possible birth."""
    day = date(1850, 1, 1)
    while day.year < 2100:
        assert security.valid_id_number(with_check_digit(f"530102{day:%Y%m%d}001"))
        day += timedelta(days=97)
