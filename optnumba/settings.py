"""The settings of a training, checked: errors name the argument, its value, what was expected, and the remedy."""

from numbers import Integral, Real

import numpy as np

from .driving import check_not_negative
from .result import MAX_EVALS, MAX_STEPS

# More steps than anybody takes.
NEVER = 2**62


def check_settings(settings, samples, device):
    """Return the settings of `minimize_finite_sum` with numbers in them, and what limits its steps.

    Parameters
    ----------
    settings : dict
        The options, and ``batch_size``, ``epochs``, ``reduction``, ``shuffle``.
    samples : Samples
    device : str

    Returns
    -------
    dict
        With ``limit``, the number of steps allowed, and ``limited_by``, the ending when they are done.

    Raises
    ------
    TypeError, ValueError
    """
    if device != "cpu":
        raise ValueError(f"device={device!r} is not supported for finite sums; use 'cpu'")
    settings = dict(settings)
    if settings["reduction"] not in ("mean", "sum"):
        raise ValueError(f"reduction={settings['reduction']!r} is not 'mean' or 'sum'; pass one of them")
    flags = ("shuffle", "drop_last", "exact_objective", "lazy", "progress", "disp", "return_all", "allow_nan", "resume")
    for name in flags:
        if not isinstance(settings[name], (bool, np.bool_)):
            raise TypeError(f"{name}={settings[name]!r} is not True or False; pass one of them")
    if settings["threads"] is not None and not isinstance(settings["threads"], (bool, np.bool_)):
        raise TypeError(
            f"threads={settings['threads']!r} is not True, False or None; their number is that of numba.set_num_threads"
        )
    count = samples.count
    batch = settings["batch_size"] = check_count("batch_size", settings["batch_size"], 1, "None for all samples")
    if batch is not None and batch > count:
        raise ValueError(f"batch_size={batch} exceeds the {count} samples; use None for all of them")
    settings["epochs"] = check_count("epochs", settings["epochs"], 1, "None for no limit")
    for name, least in (("max_steps", 0), ("max_evals", 0), ("patience", 1), ("callback_every", 1), ("every", 1)):
        settings[name] = check_count(name, settings[name], least, "None")
    for name in ("maxtime", "gtol", "ftol"):
        settings[name] = check_not_negative(name, settings[name], None)
    settings["min_delta"] = check_not_negative("min_delta", settings["min_delta"], 0.0)
    if settings["gtol"] is not None and batch not in (None, count):
        raise ValueError(
            f"gtol={settings['gtol']!r} needs the gradient of all samples, and batch_size={batch}; use "
            "batch_size=None, or ftol"
        )
    _check_kept(settings, samples, batch or count)
    return settings | _limits(settings, batch or count, count)


def _check_kept(settings, samples, batch):
    """Raise ValueError where what `drop_last` keeps may have the weight 0, so that an epoch has no mean."""
    dropped = samples.count % batch
    if not settings["drop_last"] or not dropped or samples.weights is None:
        return
    positive = samples.weights > 0
    # In another order they may be those that are dropped.
    few = np.count_nonzero(positive) <= dropped if settings["shuffle"] else not positive[:-dropped].any()
    if few:
        raise ValueError(
            f"drop_last=True leaves {dropped} of {samples.count} samples out of an epoch, and sample_weight is above 0 "
            f"for {np.count_nonzero(positive)}, of which none might be left; use drop_last=False or another batch_size"
        )


def check_count(name, value, least, none):
    """Return `value` as an int, or None; raise where it is no integer from `least` on.

    Parameters
    ----------
    name : str
    value : int or None
    least : int
    none : str
        For the message: what None is good for.
    """
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (Integral, Real)) or value != value // 1:
        raise TypeError(f"{name}={value!r} is not an integer; pass one from {least} on, or {none}")
    if not least <= value < NEVER:
        raise ValueError(f"{name}={value!r} is outside [{least}, 2**62); pass such an integer, or {none}")
    return int(value)


def _limits(settings, batch, count):
    """Return the limit of steps and what sets it, or raise where one budget makes another one void."""
    used = count - count % batch if settings["drop_last"] else count
    steps = -(-used // batch)
    epochs, max_steps, max_evals = (settings[name] for name in ("epochs", "max_steps", "max_evals"))
    ends = ("maxtime", "patience", "ftol", "gtol")
    if epochs is max_steps is max_evals is None and all(settings[name] is None for name in ends):
        raise ValueError("epochs=None without another budget never ends; give max_steps, max_evals or maxtime")
    for name, allowed, each in (("max_steps", max_steps, steps), ("max_evals", max_evals, used)):
        if epochs is not None and allowed is not None and allowed > epochs * each:
            raise ValueError(
                f"{name}={allowed} contradicts epochs={epochs}, which are {epochs * each}; pass epochs=None, or more"
            )
    if max_evals is not None and max_evals < min(batch, used):
        raise ValueError(f"max_evals={max_evals} is less than a batch of {batch}; allow at least one step")
    limits = [] if max_steps is None else [(max_steps, MAX_STEPS)]
    if max_evals is not None:
        limits.append((max_evals // used * steps + max_evals % used // batch, MAX_EVALS))
    limit, limited_by = min(limits, default=(NEVER, None))
    return {"limit": limit, "limited_by": limited_by}


def check_seed(seed):
    """Return a seed that gives the same permutations again, and the 64 bits that the loop takes.

    Parameters
    ----------
    seed : int, sequence of int, SeedSequence, BitGenerator, Generator or None
        A generator is asked for a number.

    Returns
    -------
    seed : int, sequence of int or SeedSequence
    word : int

    Raises
    ------
    TypeError, ValueError
        When NumPy takes no such seed.
    """
    if isinstance(seed, (np.random.Generator, np.random.BitGenerator, np.random.RandomState)):
        generator = seed.integers if isinstance(seed, np.random.Generator) else None
        if generator is None:
            generator = np.random.Generator(seed).integers if isinstance(seed, np.random.BitGenerator) else seed.randint
        seed = int(generator(2**63 - 1, dtype=np.int64))
    if isinstance(seed, np.random.SeedSequence):
        sequence = seed
    else:
        try:
            if isinstance(seed, (bool, str)):
                raise TypeError("not a number")
            sequence = np.random.SeedSequence(seed)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"seed={seed!r} is not an integer from 0 on, a sequence of them, or a generator of NumPy; pass one"
            ) from error
        entropy = sequence.entropy
        seed = int(entropy) if np.ndim(entropy) == 0 else [int(word) for word in np.ravel(entropy)]
    return seed, int(sequence.generate_state(1, np.uint64)[0])
