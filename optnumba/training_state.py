"""Checkpoints of a training: when one is due, what is in it, and what has to agree to go on from it."""

import os
import re

from . import checkpoint
from .checkpoint import CheckpointError
from .modifiers import is_own
from .result import PATIENCE
from .schedule import described
from .settings import check_seed


class Checkpoints:
    """The option `checkpoint` of `minimize_finite_sum`; without it nothing is ever due.

    Parameters
    ----------
    run : Training
    monitor : Monitor
    settings : dict
        With ``checkpoint``, ``every`` and ``resume``, and all that `facts` takes.
    seed : object
        As `check_seed` returns it.

    Attributes
    ----------
    pauses_at_epochs : bool
        Whether one is due at each end of an epoch.
    """

    def __init__(self, run, monitor, settings, seed):
        self.run, self.monitor, self.settings, self.seed = run, monitor, settings, seed
        path, self._every = settings["checkpoint"], settings["every"]
        for name in ("every", "resume"):
            if path is None and settings[name]:
                raise ValueError(f"{name}={settings[name]!r} needs the option checkpoint; pass a path, or leave it out")
        # Whoever changes the working folder within a callback gets all of them in one place.
        self._path = None if path is None else checkpoint.check_target(path)
        self.pauses_at_epochs = path is not None and not self._every

    def next_stop(self):
        """Return the number of steps after which one is due, or None."""
        if self._path is None or not self._every:
            return None
        return (self.run.steps_done // self._every + 1) * self._every

    def after(self, steps, epochs):
        """Write one if it is due, now that `run` has gone on from so many steps and epochs.

        Parameters
        ----------
        steps, epochs : int
        """
        run = self.run
        due = self.pauses_at_epochs and run.epochs_done > epochs
        if due or (self._path and self._every and run.steps_done > steps and run.steps_done % self._every == 0):
            self.save()

    def save(self):
        """Write one, if there is a path."""
        if self._path is not None:
            arrays = {**self.run.state(), **self.monitor.state()}
            checkpoint.write(self._path, "finite_sum", arrays, facts(self.run, self.settings, self.seed))

    def resume(self, random):
        """Go on from the file, if that is wanted and there is one.

        Parameters
        ----------
        random : bool
            Whether the seed is one that the operating system gave: then that in the file is taken.

        Returns
        -------
        object
            The seed.

        Raises
        ------
        CheckpointError
            For a file that cannot be read, or was written by another call.
        """
        # Where only the file before is left, to start again would replace it: reading says so.
        if not self.settings["resume"] or not any(map(os.path.lexists, (self._path, f"{self._path}.previous"))):
            return self.seed
        arrays, saved = checkpoint.read(self._path, "finite_sum")
        if random and isinstance(saved.get("seed"), int) and saved["seed"] >= 0:
            self.seed, word = check_seed(saved["seed"])
            self.run.reseed(word)
        mine = facts(self.run, self.settings, self.seed)
        for name in [*mine, *saved]:
            if name not in saved or name not in mine or saved[name] != mine[name]:
                raise CheckpointError(
                    f"checkpoint={self.settings['checkpoint']!r} was written with {name}={saved.get(name)!r}, and this "
                    f"call has {mine.get(name)!r}; pass the same, or resume=False to start again"
                )
        self.run.restore(arrays)
        self.monitor.restore(arrays)
        return self.seed

    def ended(self):
        """Return the ending that the state is which was resumed from, or None."""
        patience, run = self.settings["patience"], self.run
        waited = run.epochs_done - self.monitor.best_epoch
        if patience is not None and not run.within_epoch and run.epochs_done and waited >= patience:
            return PATIENCE
        return run.ended()


def facts(run, settings, seed):
    """Return all on which the steps of a training depend but the objective and the data (dict, as JSON has it).

    Parameters
    ----------
    run : Training
    settings : dict
        As `check_settings` returns them.
    seed : int, sequence of int or SeedSequence
    """
    from . import __version__

    penalty = run.objective.penalty
    given = {name: settings[name] is not None for name in ("sample_weight", "validation", "patience")}
    return {
        "method": run.rule.name,
        "own_rule": is_own(run.rule),
        **dict(zip(run.rule.defaults, run.hyper.tolist(), strict=False)),
        "schedule": described(run.schedule),
        "slots": list(run.rule.slots),
        "batch_size": settings["batch_size"],
        "reduction": settings["reduction"],
        "seed": int(seed) if hasattr(seed, "__index__") else re.sub(r"\s+", " ", str(seed)),
        "shuffle": bool(settings["shuffle"]),
        "drop_last": bool(settings["drop_last"]),
        "samples": run.samples.count,
        "coordinates": run.x.size,
        "dtype": run.x.dtype.name,
        "model": getattr(getattr(run.objective, "model", None), "label", None),
        "penalty": None if penalty is None else list(penalty),
        "meaning": getattr(run, "meaning", None),
        "exact_objective": bool(settings["exact_objective"]),
        **given,
        "optnumba": __version__,
    }
