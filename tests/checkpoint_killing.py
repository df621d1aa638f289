"""Writers of checkpoints that are killed, for `test_checkpoint`: run as a process of its own that imports only NumPy.

``python checkpoint_killing.py CHECKPOINT_PY MODE FOLDER`` prints JSON.
"""

import errno
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import time

import numpy as np

CALLS = ("open", "write", "fsync", "close", "link", "replace", "unlink", "listdir")
SIZE = 30_000


class Calls:
    """The module `os` whose n-th call, of those that a writer makes, is `struck`; all calls are counted."""

    def __init__(self, n, struck):
        self.n, self.struck, self.made = n, struck, []

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*arguments, **options):
            self.made.append(name)
            if len(self.made) == self.n:
                return self.struck(name, real, *arguments, **options)
            return real(*arguments, **options)

        return call


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def before(name, real, *arguments, **options):
    die()


def after(name, real, *arguments, **options):
    real(*arguments, **options)
    die()


def half(name, real, *arguments, **options):
    if name == "write":
        real(arguments[0], arguments[1][: len(arguments[1]) // 2])
    die()


def full(name, real, *arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def put(path, k):
    checkpoint.write(path, "optimizer", {"x": np.full(SIZE, float(k)), "k": np.array(k)}, {"k": k})


def got(path):
    """Return which write a file is of, all of it."""
    arrays, facts = checkpoint.read(path, "optimizer")
    assert arrays["x"].shape == (SIZE,)
    assert (arrays["x"] == facts["k"]).all()
    assert arrays["k"] == facts["k"]
    return facts["k"]


def forked(child):
    """Return how a forked process ended that ran `child`: 0, or minus a signal."""
    pid = os.fork()
    if not pid:
        child()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def at_every_call(folder):
    """Kill a writer before, after and within each call, over a file and over none; return what was found."""
    found = []
    for struck in (before, after, half):
        for there in (True, False):
            n, ended = 0, None
            while ended != 0:
                n += 1
                path = os.path.join(folder, f"{struck.__name__}_{there}_{n}")
                if there:
                    put(path, 0)
                    put(path, 1)

                def child(path=path, n=n, struck=struck):
                    checkpoint.os = Calls(n, struck)
                    put(path, 2)

                ended = forked(child)
                assert ended in (0, -signal.SIGKILL)
                one = {"struck": struck.__name__, "there": there, "ended": ended}
                exists = os.path.lexists(path)
                one["path"] = got(path) if exists else None
                one["previous"] = got(f"{path}.previous") if os.path.lexists(f"{path}.previous") else None
                # The next writer clears away what the killed one left.
                put(path, 3)
                one["next"] = got(path)
                found.append(one)
    return found, sorted(name for name in os.listdir(folder) if name.endswith(".unfinished"))


def at_random(folder, kills=200):
    """Kill writers at random moments; return for each the last write that it reported, and that found in the file."""
    path, found, k = os.path.join(folder, "x"), [], 0
    put(path, k)
    chance = random.Random(1)
    for _ in range(kills):
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            while True:
                k += 1
                put(path, k)
                os.write(writing, k.to_bytes(8, "little"))
        os.close(writing)
        time.sleep(chance.uniform(0, 0.05))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with os.fdopen(reading, "rb") as pipe:
            reported = pipe.read()
        last = int.from_bytes(reported[-8:], "little") if reported else k
        k = got(path)
        found.append((last, k))
    put(path, k + 1)
    return found, sorted(os.listdir(folder))


def full_disk(folder):
    """Fail each call in turn for want of space; return what became of it."""
    found, n = [], 0
    while True:
        n += 1
        path = os.path.join(folder, f"full_{n}")
        put(path, 1)
        checkpoint.os = calls = Calls(n, full)
        message = None
        try:
            put(path, 2)
        except OSError as error:
            message = f"{error.errno == errno.ENOSPC} {error}"
        checkpoint.os = os
        if len(calls.made) < n:
            return found
        left = [name for name in os.listdir(folder) if name.startswith(f".full_{n}.")]
        found.append((calls.made[n - 1], message, got(path), left))


def file_size_limit(folder):
    """Write under RLIMIT_FSIZE; return the message, and what is in the file."""
    path = os.path.join(folder, "x")
    put(path, 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, SIZE))
    try:
        put(path, 2)
    except OSError as error:
        return str(error), got(path), os.listdir(folder)


def little_memory(folder):
    """Read every file of a folder with 100 MB to spare; return the messages by name."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limit = used + 100_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    found = {}
    for name in sorted(os.listdir(folder)):
        try:
            found[name] = f"no error: {list(checkpoint.read(os.path.join(folder, name), 'optimizer')[0])}"
        except checkpoint.CheckpointError as error:
            found[name] = str(error)
    return found


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("checkpoint", sys.argv[1])
    checkpoint = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checkpoint)
    print(json.dumps(globals()[sys.argv[2]](sys.argv[3])))
