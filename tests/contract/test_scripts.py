"""The Lua scripts keep the contracts in their headers, and the commands build what those say."""

from __future__ import annotations

import binascii
import inspect
import re
from importlib.resources import files
from itertools import pairwise

import pytest

import flume.keys
from flume.commands import client, limit, pausing, worker
from flume.commands.script import read, script
from tests.support.headers import Part, header, part
from tests.support.samples import SAMPLES, Sample
from tools.sizes import LUA_FILE, LUA_INCLUDE

FOLDER = files("flume").joinpath("lua")
SCRIPTS = sorted(
    file.name.removesuffix(".lua") for file in FOLDER.iterdir() if file.name.endswith(".lua")
)
INCLUDES = sorted(f"include/{file.name[:-4]}" for file in FOLDER.joinpath("include").iterdir())
ALL = [*SCRIPTS, *INCLUDES]
LIMIT = ("define", "refund", "reserve")
"""Scripts of a rate limit, which has a slot of its own."""

_CALL = re.compile(r"redis\.p?call\(\s*(?:'(?P<command>[A-Z]+)'|command)(?:,\s*(?P<key>[^,)]+))?")
_FROM_KEYS = re.compile(r"^local ([\w, ]+?) = ((?:(?:KEYS\[\d+\]|\{\}),? ?)+)$", re.MULTILINE)
_PARAMETERS = re.compile(r"^(?:local )?function \w+\(([\w, ]*)\)", re.MULTILINE)
_TYPE = re.compile(r"^``flume:(?:\{[\w:]+\}:)?([a-z_]+)(?::NAME)?``\s+(\w+)", re.MULTILINE)

each_sample = pytest.mark.parametrize(
    "sample", SAMPLES, ids=[f"{place}-{s.command.script}" for place, s in enumerate(SAMPLES)]
)


def slot(key: str) -> int:
    """Return the slot of a Redis Cluster that holds ``key``."""
    tag = re.search(r"\{([^}]+)\}", key)
    return binascii.crc_hqx((tag[1] if tag else key).encode(), 0) % 16384


def code(name: str) -> str:
    """Return a script without its comments."""
    return re.sub(r"--.*", "", read(name))


def test_every_script_is_built_by_one_command_and_every_command_has_a_script() -> None:
    """The folder of scripts is the list of transitions: nothing is dead, nothing is missing."""
    builders = {
        name
        for module in (client, limit, pausing, worker)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if str(inspect.signature(function).return_annotation).startswith("Command[")
    }

    assert builders == set(SCRIPTS)
    assert {sample.command.script for sample in SAMPLES} == set(SCRIPTS)


@each_sample
def test_the_keys_are_those_of_the_header(sample: Sample) -> None:
    """Scripts know keys by their place alone: one that moved would be written as another type."""
    command = sample.command
    entries = part(read(command.script), "KEYS").entries(len(command.keys))

    assert len(entries) == len(command.keys)
    for key, entry in zip(command.keys, entries, strict=True):
        name = key.split("}:")[1].split(":")[0]
        assert name in re.split(r"\W+", entry.text) if entry.name == "source" else name
        assert entry.name in (name, "source")


@each_sample
def test_the_arguments_are_those_of_the_header(sample: Sample) -> None:
    """By name and number, for what repeats as well."""
    found = part(read(sample.command.script), "ARGV")

    assert [entry.name for entry in found.fixed] == list(sample.fixed)
    for group in sample.groups:
        assert [entry.name for entry in found.repeated] == [name for name in group if name]
    assert list(sample.command.args) == sample.arguments()


@each_sample
def test_a_pair_of_keys_belongs_to_one_handler(sample: Sample) -> None:
    """A marker that wakes the workers of another handler wakes nobody who can run the job."""
    names = [key.split("}:")[1].partition(":") for key in sample.command.keys]
    pairs = [(one, two) for one, two in pairwise(names) if two[0] == "wake"]

    assert all(one[0] == "ready" and one[2] == two[2] for one, two in pairs)


@each_sample
def test_all_keys_of_a_command_share_one_slot(sample: Sample) -> None:
    """A Redis Cluster runs a script on one machine; the hash tag keeps a queue together."""
    assert slot("123456789") == 0x31C3 % 16384
    tag = "limit:shared" if sample.command.script in LIMIT else "orders"
    assert {slot(key) for key in sample.command.keys} == {slot(tag)}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_header_is_complete(name: str) -> None:
    """It says what the script does, takes and returns; the rest need not be read for that."""
    source = read(name)

    assert re.match(rf"-- {name}: \S.+", source)
    assert re.search(r"^-- Returns ", header(source), re.MULTILINE)
    for kind in ("KEYS", "ARGV"):
        found = part(source, kind)
        assert found.places == tuple(range(1, len(found.places) + 1)), kind
        assert _highest(code(name), kind) <= _known(found), kind


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_header_gives_each_key_its_documented_type(name: str) -> None:
    """The table in keys.py is the data model; errors about foreign data quote the header."""
    documented: dict[str, set[str]] = {}
    for key, kind in _TYPE.findall(flume.keys.__doc__ or ""):
        documented.setdefault(key, set()).add(kind)
    found = part(read(name), "KEYS")
    entries = [entry for entry in (*found.fixed, *found.repeated) if entry.name != "source"]

    assert {entry.name for entry in entries} <= set(documented)
    for entry in entries:
        assert set(entry.types) == documented[entry.name], entry.name
    count = len(found.fixed) + 2 * len(found.repeated)
    assert script(name).key_types(count) == [entry.types for entry in found.entries(count)]


@pytest.mark.parametrize("name", ALL)
def test_a_script_fits_a_screen(name: str) -> None:
    """One transition a file; what several share is small enough to be read with each."""
    cap = LUA_INCLUDE if name.startswith("include/") else LUA_FILE

    assert read(name).count("\n") <= cap


@pytest.mark.parametrize("name", INCLUDES)
def test_an_include_says_what_it_is_for_and_is_used(name: str) -> None:
    """It is read in the middle of another file."""
    short = name.removeprefix("include/")
    users = [user for user in SCRIPTS if f"--@include {short}\n" in read(user)]

    assert re.match(rf"-- {short}: \S.+", read(name))
    assert users
    names = re.findall(r"^local (?:function )?(\w+)", read(name), re.MULTILINE)
    for user in users:
        rest = script(user).source.replace(read(name), "")
        assert any(re.search(rf"\b{used}\b", rest) for used in names), user


@pytest.mark.parametrize("name", ALL)
def test_time_comes_from_one_place(name: str) -> None:
    """Tests move the clock there; a script that looked twice could see two times."""
    assert ("'TIME'" in code(name)) == (name == "include/now")
    assert not re.search(r"\bos\.|\bmath\.random", code(name))


@pytest.mark.parametrize("name", ALL)
def test_no_script_makes_up_the_name_of_a_key(name: str) -> None:
    """A key that is not in KEYS is not seen by a Redis Cluster, nor by the rights of a user."""
    text = code(name)
    bound = {word for names, _ in _FROM_KEYS.findall(text) for word in names.split(", ")}
    bound |= {word for names in _PARAMETERS.findall(text) for word in names.split(", ")}
    bound |= set(re.findall(r"^  local (\w+), \w+ = oldest\(", text, re.MULTILINE))
    bound |= set(re.findall(r"for _, (\w+) in ipairs\(\{ [\w, \[\]]+ \}\)", text))
    for call in _CALL.finditer(text):
        key = (call["key"] or "").strip()
        if call["command"] == "TIME":
            continue
        from_table = re.fullmatch(r"(?:place\[2\]|list\.(?:ready|wake))", key)
        assert key in bound or from_table or re.fullmatch(r"KEYS\[[\w +]+\]", key), key
    assert text.count("redis.call(") + text.count("redis.pcall(") == len(_CALL.findall(text))


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_loop_has_a_bound(name: str) -> None:
    """A script that runs for long stops every client of the server."""
    loops = re.findall(r"\b(while .+? do|repeat)\b", script(name).source)

    assert set(loops) <= {"while i < #ARGV do"}


def _highest(text: str, kind: str) -> int:
    """Return the highest place that a script reads by its number."""
    return max((int(place) for place in re.findall(rf"\b{kind}\[(\d+)\]", text)), default=0)


def _known(found: Part) -> int:
    return len(found.fixed) + len(found.repeated)
