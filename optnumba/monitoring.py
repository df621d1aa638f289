"""What watches a training between its chunks: callback, validation and patience, best point, history, progress."""

import numpy as np

from .checkpoint import CheckpointError, fit
from .result import PATIENCE, STOPPED


class Monitor:
    """Called where a training pauses; each method returns why to stop, or None.

    Parameters
    ----------
    run : Training
    settings : dict
        With ``callback_every``, ``exact_objective``, ``patience``, ``min_delta``, ``return_all``, ``progress``.
    notify : callable or None
        ``notify(**facts)``.
    validate : callable or None
        ``validate(x) -> float``.
    exact : callable
        ``exact(x) -> float``, the objective.

    Attributes
    ----------
    pauses_at_epochs : bool
        Whether every end of an epoch has to be seen.
    """

    def __init__(self, run, settings, notify, validate, exact):
        self.run, self.settings = run, settings
        self._notify, self._validate = notify, validate
        self._exact = exact if settings["exact_objective"] else None
        self._every = settings["callback_every"]
        self.exact_values, self.validation_values, self.best_epoch = [], [], 0
        self.points = [run.x.copy()] if settings["return_all"] else None
        self._judges = bool(validate or self._exact or settings["patience"] is not None)
        if self._judges:
            run.keep_no_best()
        self.best_value = np.inf
        self.pauses_at_epochs = self._judges or self.points is not None or (notify is not None and not self._every)

    def next_stop(self):
        """Return the number of steps after which the callback is due, or None."""
        return (
            None if self._notify is None or not self._every else (self.run.steps_done // self._every + 1) * self._every
        )

    def after_steps(self):
        """Tell the callback, if it is due."""
        if self._notify is None or not self._every or self.run.steps_done % self._every:
            return None
        return self._tell()

    def after_epoch(self):
        """Judge the point that the epoch ended with."""
        run, verdict = self.run, None
        value = float(run.history[-1])
        if self.points is not None:
            self.points.append(run.x.copy())
        if self._exact:
            value = self._exact(run.x)
            self.exact_values.append(value)
        if self._validate:
            value = self._validate(run.x)
            self.validation_values.append(value)
        if self._judges:
            if value < self.best_value - self.settings["min_delta"]:
                run.keep_best()
                self.best_value, self.best_epoch = value, run.epochs_done
            patience = self.settings["patience"]
            if patience is not None and run.epochs_done - self.best_epoch >= patience:
                verdict = PATIENCE
        told = self._tell() if self._notify is not None and not self._every else None
        return verdict if told is None else told

    def _tell(self):
        run = self.run
        facts = {"x": run.snapshot(), "fun": run.running_value, "nit": run.steps_done, "epochs": run.epochs_done}
        facts |= {"learning_rate": run.rate} if run.rate is not None else {}
        for name, values in (("exact", self.exact_values), ("validation", self.validation_values)):
            facts |= {name: values[-1]} if values else {}
        try:
            self._notify(**facts)
        except StopIteration:
            return STOPPED
        return None

    # -- For checkpoints -----------------------------------------------------------------------------------------------

    def state(self):
        """Return what a resumed training has to know (dict of arrays)."""
        return {
            "monitor_values": np.array([self.best_value, self.best_epoch]),
            "exact_values": np.array(self.exact_values, np.float64),
            "validation_values": np.array(self.validation_values, np.float64),
        }

    def restore(self, arrays):
        """Take up the state that `state` returned."""
        done = self.run.epochs_done
        counts = {"exact_values": done * bool(self._exact), "validation_values": done * bool(self._validate)}
        lists = {name: np.empty(count) for name, count in counts.items()}
        found = fit(arrays, {"monitor_values": np.empty(2), **lists})
        self.best_value, epoch = found["monitor_values"].tolist()
        if epoch not in range(done + 1):
            raise CheckpointError(f"the checkpoint says that epoch {epoch} of {done} was the best; use another")
        self.best_epoch = int(epoch)
        self.exact_values, self.validation_values = (found[name].tolist() for name in counts)
        self.points = None if self.points is None else [self.run.x.copy()]


class Progress:
    """A bar with the loss, the learning rate and the time that is left, by tqdm.

    Parameters
    ----------
    shown : bool
    total : int or None
        Steps, where they are known.
    """

    def __init__(self, shown, total):
        self._bar = None
        if shown:
            try:
                from tqdm.auto import tqdm
            except ImportError as error:
                raise ImportError('progress=True needs tqdm; pip install "optnumba[progress]"') from error
            self._bar = tqdm(total=total, unit="step", dynamic_ncols=True)

    def show(self, run):
        """Show where a training is."""
        if self._bar is not None:
            rate = {} if run.rate is None else {"rate": f"{run.rate:.3g}"}
            self._bar.set_postfix({"epoch": run.epochs_done, "loss": f"{run.running_value:.5g}", **rate}, refresh=False)
            self._bar.update(run.steps_done - self._bar.n)

    def close(self):
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
