"""Arrays and facts in one file, which is whole at every moment; nothing in it is ever executed.

A file is a preamble of 48 bytes, a header in JSON and the arrays, each from a multiple of 64 bytes on, little-endian::

    magic (8), version (4), length of the header (4) and of the file (8), digest of the header (16), digest of these (8)

The preamble means the same in every version. All digests are BLAKE2b: as fast as a disk writes, and what a CRC of 32
bits lets through, one damage in 2**32, is not nothing where files are many and large.
"""

import errno
import json
import math
import os
import re
import shutil
import stat
import struct
from contextlib import suppress
from hashlib import blake2b

import numpy as np

VERSION = 1
MAGIC = b"\x89optn\r\n\x1a"  # Not text, and changed by whatever changes the ends of lines.
PREAMBLE = struct.Struct("<8sIIQ16s")
START = PREAMBLE.size + 8
ALIGNMENT = 64
LARGEST_HEADER = 2**24
LARGEST_ARRAY = 2**60
# What a system says that cannot sync folders; Windows does not even open them.
NOT_SYNCED = {errno.EINVAL, getattr(errno, "ENOTSUP", errno.EINVAL)} | ({errno.EACCES} if os.name == "nt" else set())
DTYPES = tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
DTYPES += ("bool", "float32", "float64")
KINDS = {
    "optimizer": "Optimizer.load(path, params)",
    "finite_sum": "minimize_finite_sum(..., options={'checkpoint': path, 'resume': True})",
}


class CheckpointError(ValueError):
    """A file that cannot be resumed from; the message says why, and the remedy."""


def write(path, kind, arrays, facts):
    """Write a file in place of the one before, which is kept as ``path.previous``.

    Parameters
    ----------
    path : str or os.PathLike
        Has one writer at a time. At every moment it is the file before or the new one, and whole.
    kind : str
        Of `KINDS`.
    arrays : dict of numpy.ndarray
        Of bool, integers, float32 and float64.
    facts : dict
        What JSON can say, and infinity and NaN.

    Raises
    ------
    OSError
        Where it cannot be written, or would replace a file that is no checkpoint; the file before is as it was. Or
        where it is written, and might not survive a loss of power; the message says so.
    """
    target = os.path.realpath(check_path(path))
    pieces = _pieces(kind, arrays, facts)
    folder, name = os.path.split(target)
    temporary, link = (os.path.join(folder, f".{name}.{os.urandom(8).hex()}.unfinished") for _ in range(2))
    _refuse_to_replace(path, target)
    try:
        _remove_unfinished(folder, name)
        try:
            _write_all(temporary, pieces)
            _keep_previous(target, link)
            os.replace(temporary, target)
        finally:
            for unfinished in (temporary, link):
                with suppress(OSError):
                    os.unlink(unfinished)
    except OSError as error:
        raise OSError(error.errno, f"checkpoint={path!r} cannot be written: {_remedy(error, folder)}") from error
    try:
        _sync_folder(folder)
    except OSError as error:
        happened = f"is written, but the new name is not on the disk, {(error.strerror or str(error)).lower()}"
        remedy = f"a loss of power may bring the one before back; use another folder than {folder!r}"
        raise OSError(error.errno, f"checkpoint={path!r} {happened}: {remedy}") from error


def read(path, kind):
    """Read what `write` wrote.

    Parameters
    ----------
    path : str or os.PathLike
    kind : str

    Returns
    -------
    arrays : dict of numpy.ndarray
    facts : dict

    Raises
    ------
    CheckpointError
        For a file that is truncated, damaged, not a checkpoint, of a newer version or of another kind, or not readable.
    """
    name = check_path(path)
    try:
        # A pipe would be waited for.
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise CheckpointError(f"checkpoint={path!r} is foreign: not a file; pass one that optnumba wrote")
        with open(name, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            reader = _Reader(file, size, path)
            header = reader.header()
            if header["kind"] != kind:
                usage = KINDS.get(header["kind"], "what wrote it")
                raise CheckpointError(f"checkpoint={path!r} is of another kind, {header['kind']!r}; use {usage}")
            return reader.arrays(header), header["facts"]
    except OSError as error:
        fault, before = f"not readable: {error.strerror or error}; check the path", f"{name}.previous"
        if isinstance(error, FileNotFoundError) and os.path.isfile(before):
            fault = f"not there, and {before!r} is, the one before; rename that to go on, or remove it to start again"
        raise CheckpointError(f"checkpoint={path!r} is {fault}") from error
    except MemoryError as error:
        raise CheckpointError(f"checkpoint={path!r} is not readable: there is no memory for its arrays") from error


def check_path(path):
    """Return `path` as a str."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"checkpoint={path!r} is not a path; pass a str or a pathlib.Path")
    name = os.fsdecode(path)
    if not name or "\0" in name:
        raise ValueError(f"checkpoint={path!r} is not the path of a file; pass one such as 'run.checkpoint'")
    return name


def check_target(path):
    """Return the absolute path of a file that can be made there (str); raise OSError where its folder is not one.

    Parameters
    ----------
    path : str or os.PathLike
    """
    target = os.path.abspath(check_path(path))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise OSError(errno.ENOENT, f"checkpoint={path!r} cannot be written: there is no folder {folder!r}; make it")
    if os.path.isdir(target):
        raise OSError(errno.EISDIR, f"checkpoint={path!r} cannot be written: it is a folder; add the name of a file")
    _refuse_to_replace(path, target)
    return target


def _refuse_to_replace(path, target):
    """Raise FileExistsError where there is a file that no checkpoint ever was: it may be the only copy of something."""
    for taken, which in ((target, ""), (f"{target}.previous", f" would replace {target}.previous, which")):
        if what := _other_than_checkpoint(taken):
            message = f"checkpoint={path!r}{which} is {what}, and no checkpoint; choose another path, or remove it"
            raise FileExistsError(errno.EEXIST, message)


def _other_than_checkpoint(path):
    """Return what is at `path` that no checkpoint ever was (str), or None; a folder nothing can replace."""
    if not os.path.isfile(path):
        return "something else than a file" if os.path.exists(path) and not os.path.isdir(path) else None
    with open(path, "rb") as file:
        begin = file.read(len(MAGIC))
    return None if begin == MAGIC[: len(begin)] else "a file"


def fit(arrays, like):
    """Return those of `arrays` that are named in `like` (dict), all of which must be there as they are there.

    Parameters
    ----------
    arrays : dict of numpy.ndarray
    like : dict of numpy.ndarray
        With the shapes and dtypes.

    Raises
    ------
    CheckpointError
    """
    for name, expected in like.items():
        found = arrays.get(name)
        if found is None:
            raise CheckpointError(f"the checkpoint has no array {name!r}; use one that the same call wrote")
        if (found.shape, found.dtype) != (expected.shape, expected.dtype):
            raise CheckpointError(
                f"the checkpoint's array {name!r} has shape {found.shape} and dtype {found.dtype}, expected "
                f"{expected.shape} and {expected.dtype}; use one that the same call wrote"
            )
    return {name: arrays[name] for name in like}


# -- Writing -----------------------------------------------------------------------------------------------------------


def _digest(*pieces, size=16):
    digest = blake2b(digest_size=size)
    for piece in pieces:
        digest.update(piece)
    return digest


def _bytes_of(dtype, shape):
    return math.prod(shape) * np.dtype(dtype).itemsize


def _aligned(offset):
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _pieces(kind, arrays, facts):
    """Return the bytes of the file, as a list of buffers."""
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
    table, data = [], []
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            raise TypeError(f"array {name!r} has dtype {array.dtype}; a checkpoint holds {', '.join(DTYPES)}")
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        data.append(little.reshape(-1).view(np.uint8))
        facts_of = {"name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
        table.append({**facts_of, "digest": _digest(data[-1]).hexdigest()})
    header = json.dumps({"kind": kind, "arrays": table, "facts": facts}).encode()
    if len(header) > LARGEST_HEADER:
        raise ValueError(f"the facts and the names of {len(table)} arrays take {len(header)} bytes; use fewer arrays")
    pieces, end = [header], START + len(header)
    for array in data:
        pieces += [bytes(_aligned(end) - end), array]
        end = _aligned(end) + array.size
    preamble = PREAMBLE.pack(MAGIC, VERSION, len(header), end, _digest(header).digest())
    return [preamble + _digest(preamble, size=8).digest(), *pieces]


def _write_all(path, pieces):
    """Write the buffers to a new file, to the disk itself."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        for piece in pieces:
            rest = memoryview(piece)
            while len(rest):
                rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _keep_previous(target, link):
    """Give the file that is there a second name; the first one stays."""
    if not os.path.lexists(target):
        return
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    try:
        os.link(target, link)
    except OSError:  # Some file systems know no second names.
        shutil.copyfile(target, link)
        _sync(link, os.O_RDWR)
    os.replace(link, f"{target}.previous")


def _remove_unfinished(folder, name):
    """Remove what writers of the same file left that were killed."""
    pattern = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{16}}\.unfinished")
    for found in os.listdir(folder):
        if pattern.fullmatch(found):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, found))


def _sync(path, flags):
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder):
    """Have the new name survive a loss of power, where folders can be synced; the file is whole in any case."""
    try:
        _sync(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in NOT_SYNCED:
            raise


def _remedy(error, folder):
    """Return what happened, and what to do (str)."""
    happened = (error.strerror or str(error)).lower()
    if not os.path.isdir(folder):
        return f"there is no folder {folder!r}; make it first"
    if error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", None)):
        return f"{happened}; make room in {folder!r}, or use another path; the one before is as it was"
    return f"{happened}; use a path that can be written, and by one process; the one before is as it was"


# -- Reading -----------------------------------------------------------------------------------------------------------


class _Reader:
    """A file that is read from its start to its end, and trusted in nothing."""

    def __init__(self, file, size, path):
        self.file, self.size, self.path, self.at = file, size, path, 0

    def error(self, fault):
        name = f"{os.fsdecode(self.path)}.previous"
        remedy = f"{name!r} is the one before" if os.path.exists(name) else "start again, or use another file"
        return CheckpointError(f"checkpoint={self.path!r} is {fault}; {remedy}")

    def take(self, buffer):
        """Fill a buffer of bytes from the file."""
        rest = memoryview(buffer)
        while len(rest):
            count = self.file.readinto(rest)
            if not count:
                raise self.error(f"truncated: it ends within byte {self.at}")
            rest, self.at = rest[count:], self.at + count
        return buffer

    def bytes(self, count):
        return bytes(self.take(bytearray(count)))

    def header(self):
        """Return the header (dict), with every entry of the type and in the bounds that it must have."""
        begin = self.bytes(min(self.size, START))
        if begin[: len(MAGIC)] != MAGIC[: len(begin)]:
            raise self.error("foreign: not a checkpoint of optnumba")
        if len(begin) < START:
            raise self.error(f"truncated: it has {self.size} bytes, less than the {START} of a preamble")
        preamble, digest = begin[: PREAMBLE.size], begin[PREAMBLE.size :]
        if _digest(preamble, size=8).digest() != digest:
            raise self.error("damaged: the digest of its preamble differs")
        _, version, length, total, digest = PREAMBLE.unpack(preamble)
        if version > VERSION:
            raise CheckpointError(
                f"checkpoint={self.path!r} is newer: it has format version {version}, and this optnumba reads those up "
                f"to {VERSION}; upgrade optnumba"
            )
        if self.size < total:
            raise self.error(f"truncated: it has {self.size} of {total} bytes")
        if self.size > total or length > min(LARGEST_HEADER, total - START) or version != VERSION:
            raise self.error(f"damaged: its preamble says {total} bytes with a header of {length}")
        text = self.bytes(length)
        if _digest(text).digest() != digest:
            raise self.error("damaged: the digest of its header differs")
        try:
            header = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.error("damaged: its header is not JSON") from error
        if not self._fits(header, START + length):
            raise self.error("damaged: its header does not describe its bytes")
        return header

    def _fits(self, header, end):
        """Return whether a header, which ends at byte `end`, describes this file (bool)."""
        types = {"kind": str, "arrays": list, "facts": dict}
        if not _has_types(header, types):
            return False
        names = set()
        for entry in header["arrays"]:
            if not _has_types(entry, {"name": str, "dtype": str, "shape": list, "digest": str}):
                return False
            dtype, shape = entry["dtype"], entry["shape"]
            if entry["name"] in names or dtype not in DTYPES or len(shape) > 64:
                return False
            # NumPy bounds the extent without the lengths that are 0, too.
            if not all(type(k) is int and 0 <= k <= LARGEST_ARRAY for k in shape):
                return False
            if _bytes_of(dtype, [k for k in shape if k]) > LARGEST_ARRAY:
                return False
            end = _aligned(end) + _bytes_of(dtype, shape)
            names.add(entry["name"])
        return end == self.size

    def arrays(self, header):
        """Return the arrays by name (dict)."""
        found = {}
        for entry in header["arrays"]:
            if any(self.bytes(_aligned(self.at) - self.at)):
                raise self.error(f"damaged: bytes before array {entry['name']!r} are not 0")
            data = self.take(np.empty(_bytes_of(entry["dtype"], entry["shape"]), np.uint8))
            wrong = entry["dtype"] == "bool" and np.any(data > 1)
            if wrong or _digest(data).hexdigest() != entry["digest"]:
                raise self.error(f"damaged: the digest of array {entry['name']!r} differs")
            little = data.view(np.dtype(entry["dtype"]).newbyteorder("<"))
            found[entry["name"]] = little.astype(entry["dtype"], copy=False).reshape(entry["shape"])
        return found


def _has_types(entry, types):
    """Return whether `entry` is a dict with exactly these keys, of these types (bool)."""
    return isinstance(entry, dict) and entry.keys() == types.keys() and all(type(entry[k]) is types[k] for k in types)
