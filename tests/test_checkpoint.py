"""The file of a checkpoint: what is written is read, what is damaged is refused, and a killed writer harms nothing."""

import errno
import json
import math
import os
import random
import re
import stat
import struct
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from optnumba import CheckpointError, checkpoint

KILLING = Path(__file__).parent / "checkpoint_killing.py"
ARRAYS = {
    "x": np.arange(5.0),
    "float32": np.array([[1, np.inf], [np.nan, -0.0]], np.float32),
    "counts": np.array([-1, 2**62]),
    "word": np.array(2**64 - 1, np.uint64),
    "flags": np.array([True, False]),
    "none": np.zeros((0, 3)),
    "turned": np.arange(6.0).reshape(2, 3).T[::-1],
    "swapped": np.arange(3, dtype=">f8"),
}
FACTS = {"t": 3, "rates": [0.1, 1e-300, math.inf, -0.0], "names": {"é": None}, "yes": True}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "run.checkpoint"
    checkpoint.write(file, "optimizer", ARRAYS, FACTS)
    return file


def killing(mode, folder):
    """Return what a mode of `checkpoint_killing` prints, in a process without Numba."""
    command = [sys.executable, str(KILLING), checkpoint.__file__, mode, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sealed(header, data=b"", version=1, length=None, total=None):
    """Return a file with right digests: written from the description of the format, not by what is tested."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    if isinstance(header, dict) and header["arrays"]:
        data = bytes(-(48 + len(text)) % 64) + data
    end = 48 + len(text) + len(data)
    begin = struct.pack(
        "<8sIIQ16s",
        b"\x89optn\r\n\x1a",
        version,
        len(text) if length is None else length,
        end if total is None else total,
        blake2b(text, digest_size=16).digest(),
    )
    return begin + blake2b(begin, digest_size=8).digest() + text + data


def entry(**changes):
    return {"name": "x", "dtype": "float64", "shape": [0], "digest": blake2b(digest_size=16).hexdigest()} | changes


def header(*arrays, **changes):
    return {"kind": "optimizer", "arrays": list(arrays), "facts": {}} | changes


# -- Round trip -------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read(path):
    arrays, facts = checkpoint.read(path, "optimizer")
    assert facts == FACTS
    assert math.copysign(1, facts["rates"][-1]) == -1
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].shape == array.shape
        assert arrays[name].dtype == array.dtype.newbyteorder("=")
        assert arrays[name].astype(array.dtype).tobytes() == array.tobytes()
        assert arrays[name].flags.writeable


def test_nan_is_read_as_nan(path):
    checkpoint.write(path, "optimizer", {}, {"value": math.nan})
    arrays, facts = checkpoint.read(path, "optimizer")
    assert not arrays
    assert math.isnan(facts["value"])


def test_the_layout_is_as_described(path):
    raw = path.read_bytes()
    magic, version, length, total, digest = struct.unpack("<8sIIQ16s", raw[:40])
    assert (magic, version, total) == (b"\x89optn\r\n\x1a", 1, len(raw))
    assert raw[40:48] == blake2b(raw[:40], digest_size=8).digest()
    assert digest == blake2b(raw[48 : 48 + length], digest_size=16).digest()
    place = -(-(48 + length) // 64) * 64
    assert raw[place : place + 40] == np.arange(5, dtype="<f8").tobytes()


def test_what_this_test_seals_is_read(path):
    path.write_bytes(sealed(header(entry(), entry(name="y", shape=[1, 1], digest=EIGHT), facts={"t": 1}), bytes(8)))
    arrays, facts = checkpoint.read(path, "optimizer")
    assert facts == {"t": 1}
    assert [(name, array.shape) for name, array in arrays.items()] == [("x", (0,)), ("y", (1, 1))]


@pytest.mark.parametrize("dtype", [object, "U3", complex, "M8[s]", np.float16])
def test_other_dtypes_are_not_written(path, dtype):
    with pytest.raises(TypeError, match="array 'x' has dtype"):
        checkpoint.write(path, "optimizer", {"x": np.zeros(2, dtype)}, {})


# -- What is refused --------------------------------------------------------------------------------------------------


def refused(path, raw, kind="optimizer"):
    path.write_bytes(raw)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(path, kind)
    assert repr(path) in str(caught.value)
    return str(caught.value)


def test_every_truncation_is_told(path):
    raw = path.read_bytes()
    for length in range(len(raw)):
        assert "is truncated" in refused(path, raw[:length])


def test_every_flipped_byte_is_told(path):
    raw = path.read_bytes()
    for place in range(len(raw)):
        message = refused(path, raw[:place] + bytes([raw[place] ^ 0x10]) + raw[place + 1 :])
        assert ("is foreign" if place < 8 else "is damaged") in message


def test_the_damaged_array_is_named(path):
    raw = bytearray(path.read_bytes())
    raw[raw.rindex(np.arange(3, dtype="<f8").tobytes()) + 6] ^= 1
    assert "damaged: the digest of array 'swapped' differs" in refused(path, bytes(raw))


def test_bytes_behind_the_end_are_told(path):
    assert "is damaged" in refused(path, path.read_bytes() + b"\0")


def test_a_file_before_is_pointed_at(path):
    checkpoint.write(path, "optimizer", ARRAYS, FACTS)
    assert "run.checkpoint.previous' is the one before" in refused(path, path.read_bytes()[:-1])
    checkpoint.read(f"{path}.previous", "optimizer")


def test_random_damage_is_refused(path):
    """Mutations of a file, half of them with right digests, so that what stands behind these is tried too."""
    raw, chance = path.read_bytes(), random.Random(0)
    length = struct.unpack("<I", raw[12:16])[0]
    passed = 0
    for _ in range(2000):
        if chance.random() < 0.5:
            damaged = bytearray(raw)
            for _ in range(chance.randint(1, 4)):
                low = chance.randrange(len(damaged))
                damaged[low : low + chance.randrange(9)] = chance.randbytes(chance.randrange(9))
            damaged = bytes(damaged)
        else:
            text = bytearray(raw[48 : 48 + length])
            for _ in range(chance.randint(1, 3)):
                low = chance.randrange(len(text))
                text[low : low + chance.randint(0, 2)] = chance.choice([b"9", b"0", b"-", b"[", b"e9", b'"', b"null"])
            damaged = sealed(bytes(text), raw[48 + length :])
        path.write_bytes(damaged)
        try:
            arrays, facts = checkpoint.read(path, "optimizer")
        except CheckpointError:
            continue
        passed += 1
        # Right digests, and another fact or name: a file that somebody could have written.
        assert isinstance(facts, dict)
        assert all(array.dtype.name in checkpoint.DTYPES for array in arrays.values())
        assert damaged[8:12] == raw[8:12]
    assert passed < 600


DEEP = b'{"kind": "optimizer", "arrays": [], "facts": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
EIGHT = blake2b(bytes(8), digest_size=16).hexdigest()
HOSTILE = {
    "deep": sealed(DEEP),
    "dimensions": sealed(header(entry(shape=[1] * 65, digest=EIGHT)), bytes(8)),
    "dtype": sealed(header(entry(dtype="object"))),
    "dtype_list": sealed(header(entry(dtype=["float64"]))),
    "duplicates": sealed(header(entry(), entry())),
    "empty_and_huge": sealed(header(entry(shape=[2**59, 0]))),
    "extra": sealed(header(entry(offset=0))),
    "facts": sealed(header(facts=[])),
    "float_length": sealed(header(entry(shape=[0.0]))),
    "header_length": sealed(header(), length=2**32 - 1),
    "header_length_and_total": sealed(header(), length=2**32 - 1, total=2**40),
    "huge": sealed(header(entry(shape=[2**40]))),
    "huge_integer": sealed(header(entry(shape=[10**4000]))),
    "long_integer": sealed(b'{"kind": ' + b"9" * 10_000 + b"}"),
    "many_huge": sealed(header(entry(shape=[2**31] * 32))),
    "negative": sealed(header(entry(shape=[-1]))),
    "not_a_flag": sealed(
        header(entry(dtype="bool", shape=[1], digest=blake2b(b"\2", digest_size=16).hexdigest())), b"\2"
    ),
    "not_a_dict": sealed([]),
    "not_text": sealed(b"\xff\xfe"),
    "true": sealed(header(entry(shape=[True]))),
}


def test_hostile_files_are_refused_in_little_memory(tmp_path):
    for name, raw in HOSTILE.items():
        (tmp_path / name).write_bytes(raw)
    # A file that takes no room on the disk, and says that it holds 1 TB.
    text = json.dumps(header(entry(shape=[2**37]))).encode()
    end = -(-(48 + len(text)) // 64) * 64 + 2**40
    with open(tmp_path / "sparse", "wb") as file:
        file.write(sealed(text, total=end))
        file.truncate(end)
    found = killing("little_memory", tmp_path)
    assert found.keys() == {*HOSTILE, "sparse"}
    assert not [message for message in found.values() if "no error" in message]
    assert "memory" in found.pop("sparse")
    assert "truncated" in found.pop("header_length_and_total")
    assert all("is damaged" in message for message in found.values())


def test_a_newer_version_says_both_and_to_upgrade(path):
    message = refused(path, sealed(b"anything at all", version=7))
    assert re.search(r"is newer: .* version 7, .* up to 1; upgrade optnumba", message)


@pytest.mark.parametrize("kind", ["text", "npz", "zeros"])
def test_foreign_files_are_told(path, kind):
    if kind == "npz":
        np.savez(path.with_suffix(".npz"), x=np.zeros(3))
    raw = {"text": b"x = 1\n", "zeros": bytes(1000)}.get(kind) or path.with_suffix(".npz").read_bytes()
    assert "is foreign" in refused(path, raw)


def test_what_is_no_file_is_told(tmp_path):
    with pytest.raises(CheckpointError, match="is foreign: not a file"):
        checkpoint.read(tmp_path, "optimizer")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="is foreign: not a file"):
        checkpoint.read(tmp_path / "pipe", "optimizer")
    with pytest.raises(CheckpointError, match="is not readable: No such file"):
        checkpoint.read(tmp_path / "nothing", "optimizer")


def test_another_kind_says_what_reads_it(path):
    with pytest.raises(CheckpointError, match=r"of another kind, 'optimizer'; use Optimizer.load"):
        checkpoint.read(path, "finite_sum")
    checkpoint.write(path, "finite_sum", {}, {})
    with pytest.raises(CheckpointError, match=r"of another kind, 'finite_sum'; use minimize_finite_sum"):
        checkpoint.read(path, "optimizer")


def test_arrays_that_do_not_fit_are_named():
    like = {"x": np.zeros(3)}
    assert checkpoint.fit({"x": np.ones(3), "y": 1}, like).keys() == {"x"}
    for given in ({}, {"x": np.zeros(4)}, {"x": np.zeros(3, np.float32)}):
        with pytest.raises(CheckpointError, match="array 'x'"):
            checkpoint.fit(given, like)


# -- Paths ------------------------------------------------------------------------------------------------------------


def test_relative_paths_and_folders_that_do_not_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint.write("x", "optimizer", {}, {"t": 1})
    assert checkpoint.read(Path("x"), "optimizer") == ({}, {"t": 1})
    for writing in (lambda p: checkpoint.write(p, "optimizer", {}, {}), checkpoint.check_target):
        with pytest.raises(FileNotFoundError, match=r"'no/x' cannot be written: there is no folder .*no'; make it"):
            writing("no/x")
        with pytest.raises(IsADirectoryError, match="it is a folder"):
            writing(tmp_path)
    assert sorted(os.listdir()) == ["x"]


@pytest.mark.parametrize("path", [3, None, object()])
def test_what_is_no_path_is_told(path):
    with pytest.raises(TypeError, match="is not a path"):
        checkpoint.write(path, "optimizer", {}, {})


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_no_file_can_be_called_is_told(path):
    with pytest.raises(ValueError, match="is not the path of a file"):
        checkpoint.read(path, "optimizer")


def test_a_link_to_a_file_stays_one(path, tmp_path):
    (tmp_path / "latest").symlink_to(path)
    checkpoint.write(tmp_path / "latest", "optimizer", {}, {"t": 9})
    assert (tmp_path / "latest").is_symlink()
    assert checkpoint.read(path, "optimizer") == ({}, {"t": 9})


def test_the_file_before_is_kept_also_where_there_are_no_second_names(path, monkeypatch):
    def no_link(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(checkpoint.os, "link", no_link)
    for t in (1, 2):
        checkpoint.write(path, "optimizer", {}, {"t": t})
    assert checkpoint.read(f"{path}.previous", "optimizer") == ({}, {"t": 1})
    assert sorted(os.listdir(path.parent)) == [path.name, f"{path.name}.previous"]


def test_a_copy_of_the_file_before_is_on_the_disk(path, monkeypatch):
    def no_link(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    synced, sync = set(), os.fsync
    monkeypatch.setattr(checkpoint.os, "link", no_link)
    monkeypatch.setattr(checkpoint.os, "fsync", lambda handle: (synced.add(os.fstat(handle).st_ino), sync(handle)))
    checkpoint.write(path, "optimizer", {}, {})
    assert {os.stat(name).st_ino for name in (path, f"{path}.previous", path.parent)} == synced


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO, errno.EACCES])
def test_a_folder_that_cannot_be_synced(path, monkeypatch, number):
    sync = os.fsync

    def no_folders(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, "Strange")
        sync(handle)

    monkeypatch.setattr(checkpoint.os, "fsync", no_folders)
    if number in (errno.EINVAL, errno.ENOTSUP):
        checkpoint.write(path, "optimizer", {}, {"t": 1})
    else:
        with pytest.raises(
            OSError, match="is written, but the new name is not on the disk, strange: a loss of"
        ) as caught:
            checkpoint.write(path, "optimizer", {}, {"t": 1})
        assert caught.value.errno == number
    assert checkpoint.read(path, "optimizer") == ({}, {"t": 1})


def test_where_only_the_file_before_is_left_the_error_says_so(path):
    path.rename(f"{path}.previous")
    with pytest.raises(
        CheckpointError, match=r"is not there, and '.*run.checkpoint.previous' is, the one before; rename"
    ):
        checkpoint.read(path, "optimizer")


def test_a_write_that_comes_in_pieces_is_whole(path, monkeypatch):
    write = os.write
    monkeypatch.setattr(checkpoint.os, "write", lambda handle, data: write(handle, data[:7]))
    checkpoint.write(path, "optimizer", ARRAYS, FACTS)
    monkeypatch.undo()
    assert checkpoint.read(path, "optimizer")[1] == FACTS


# -- Writers that are killed, and full disks --------------------------------------------------------------------------


def test_a_writer_killed_at_any_call_leaves_a_whole_file(tmp_path):
    found, unfinished = killing("at_every_call", tmp_path)
    assert unfinished == []
    assert {one["path"] for one in found if one["there"]} == {1, 2}
    assert {one["path"] for one in found if not one["there"]} == {None, 2}
    assert {one["previous"] for one in found if one["there"]} == {0, 1}
    assert all(one["previous"] is not None or not one["there"] for one in found)
    assert all(one["next"] == 3 for one in found)
    assert sum(one["ended"] != 0 for one in found) > 6 * 10


def test_writers_killed_200_times_at_random_leave_a_whole_file(tmp_path):
    found, files = killing("at_random", tmp_path)
    assert len(found) == 200
    assert all(reported <= there <= reported + 1 for reported, there in found)
    assert found[-1][1] > 100
    assert files == ["x", "x.previous"]


def test_a_full_disk_leaves_the_file_before(tmp_path):
    found = killing("full_disk", tmp_path)
    assert {name for name, *_ in found} >= {"open", "write", "fsync", "close", "link", "replace"}
    for name, message, there, left in found:
        written = message is None or "is written, but the new name is not on the disk" in message
        assert there == (2 if written else 1)
        assert left == [] or name == "unlink"
        if not written:
            assert re.match(r"True \[Errno 28\] checkpoint=.* cannot be written: no space left .*; make room", message)
    assert {name for name, message, *_ in found if message is not None} >= {"open", "write", "fsync", "replace"}


def test_a_limit_of_the_size_of_files_leaves_the_file_before(tmp_path):
    message, there, files = killing("file_size_limit", tmp_path)
    assert "file too large; make room" in message
    assert (there, files) == (1, ["x"])


def test_a_file_that_is_no_checkpoint_is_not_replaced(tmp_path):
    mine = tmp_path / "data.npz"
    mine.write_bytes(b"PK\x03\x04 the only copy")
    for attempt in (checkpoint.check_target, lambda file: checkpoint.write(file, "optimizer", ARRAYS, FACTS)):
        with pytest.raises(FileExistsError, match=r"data\.npz.* is a file, and no checkpoint; choose another path"):
            attempt(mine)
    assert [file.name for file in tmp_path.iterdir()] == ["data.npz"]
    assert mine.read_bytes() == b"PK\x03\x04 the only copy"
    empty = tmp_path / "reserved"
    empty.touch()
    checkpoint.write(empty, "optimizer", ARRAYS, FACTS)
    assert checkpoint.read(empty, "optimizer")[1] == FACTS


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files on this system")
def test_what_is_no_checkpoint_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "mine.previous").write_text("the only copy")
    for name, text in (
        ("pipe", "is something else than a file"),
        ("mine", "would replace .*mine.previous, which is a file"),
    ):
        with pytest.raises(FileExistsError, match=f"{text}, and no checkpoint; choose another path"):
            checkpoint.check_target(tmp_path / name)
    assert (tmp_path / "mine.previous").read_text() == "the only copy"
