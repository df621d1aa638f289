"""What an `Optimizer` has to know to go on as if it had never stopped: in a dict, and in a file."""

from collections.abc import Mapping
from numbers import Real

import numpy as np

from . import checkpoint
from .arguments import find_rule
from .checkpoint import CheckpointError
from .modifiers import is_own
from .schedule import described


class Resumable:
    """The part of `Optimizer` that saves and loads: it reads the names in the rule, and so serves every rule."""

    def state_dict(self):
        """Return what the next steps depend on besides the parameters.

        Returns
        -------
        dict
            ``method``, a name; ``own_rule``, whether that is a rule of your own; ``hyper``, the hyperparameters that
            are numbers; ``schedule``, the learning rate's in words, or None; ``t``, the steps done; ``carry``, numbers
            by name; ``slots``, for each array a dict of arrays by name. All are copies.
        """
        with self._busy:
            slots = [{name: np.array(array) for name, array in one.items()} for one in self._arrays.slots_on_host()]
            return {**self._facts(), "slots": slots}

    def load_state_dict(self, state):
        """Go on from what `state_dict` returned: values are copied in.

        Parameters
        ----------
        state : dict

        Raises
        ------
        TypeError, ValueError
            For entries that are missing or unknown, another rule or other hyperparameters, and for arrays of another
            shape or dtype. Nothing was changed.
        """
        with self._busy:
            mine = self._facts()
            _check_names("state", state, {**mine, "slots": None})
            for name in ("method", "own_rule", "schedule"):
                if state[name] != mine[name]:
                    remedy = "make one as it was"
                    raise ValueError(f"state has {name}={state[name]!r}, this Optimizer {mine[name]!r}; {remedy}")
            _check_names("state['hyper']", state["hyper"], mine["hyper"])
            for name, value in mine["hyper"].items():
                if state["hyper"][name] != value:
                    given = f"{name}={state['hyper'][name]!r}"
                    remedy = f"make it with {given}, or change the entry to go on with the other value"
                    raise ValueError(f"state['hyper'] has {given}, this Optimizer {name}={value!r}; {remedy}")
            t, carry = self._checked_numbers(state)
            self._check_slots(state["slots"])
            self._arrays.put(t, carry)
            self._arrays.load_slots(state["slots"])

    def save(self, path):
        """Write the parameters and the state to a file, which is whole at every moment, in place of the one before.

        Parameters
        ----------
        path : str or os.PathLike
            The file before is kept as ``path + ".previous"``.

        Raises
        ------
        OSError
            When it cannot be written; the file before is as it was.
        """
        with self._busy:
            facts = {**self._facts(), "parameters": [p.name for p in self._arrays.parameters]}
            checkpoint.write(path, "optimizer", self._saved_arrays(), facts)

    @classmethod
    def load(cls, path, params, method=None, **hyper):
        """Return an optimizer that goes on from a file, and write the parameters in it to `params`.

        Parameters
        ----------
        path : str or os.PathLike
            What `save` wrote.
        params : numpy.ndarray, or list, tuple or dict of them
            In the form, shapes and dtype of those that were saved; changed in place.
        method : str or Rule, optional
            A rule of your own has to be passed again; by default it is found by the name in the file.
        **hyper : float
            In place of those in the file; a schedule of the learning rate has to be passed again.

        Returns
        -------
        Optimizer

        Raises
        ------
        CheckpointError
            For a file that cannot be read, or that does not fit. `params` were not changed.
        """
        arrays, facts = checkpoint.read(path, "optimizer")
        shown, parameters = f"checkpoint={path!r}", facts.pop("parameters", None)
        expected = {"method", "own_rule", "hyper", "schedule", "t", "carry"}
        if facts.keys() != expected or not isinstance(facts["hyper"], dict):
            raise CheckpointError(f"{shown} lacks what Optimizer.save writes; use another file")
        rule = _saved_rule(shown, facts["method"], facts["own_rule"], method)
        if facts["schedule"] is not None and "learning_rate" not in hyper:
            raise CheckpointError(f"{shown} was saved with learning_rate={facts['schedule']}; pass it again")
        optimizer = cls(params, rule, **{**facts["hyper"], **hyper})
        names = [p.name for p in optimizer._arrays.parameters]
        if parameters != names:
            raise CheckpointError(f"{shown} holds {parameters}, and params are {names}; pass them in the same form")
        checkpoint.fit(arrays, optimizer._saved_arrays())
        given = optimizer._arrays.parameters
        slots = [
            {
                name: arrays[p.name if name == "master" else _name_in_file(p, name)]
                for name in optimizer._arrays.slot_names
            }
            for p in given
        ]
        try:
            # Of the hyperparameters those passed hold.
            optimizer.load_state_dict({**optimizer._facts(), "t": facts["t"], "carry": facts["carry"], "slots": slots})
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"{shown} does not fit: {error}") from error
        optimizer._arrays.load_parameters([arrays[p.name] for p in given])
        return optimizer

    def _facts(self):
        """Return what is in `state_dict` besides arrays (dict of new objects)."""
        numbers = {name: value for name, value in self.hyper.items() if not callable(value)}
        return {
            "method": self.rule.name,
            "own_rule": is_own(self.rule),
            "hyper": {name: float(value) if isinstance(value, Real) else value for name, value in numbers.items()},
            "schedule": described(self._schedule),
            "t": self.t,
            "carry": dict(zip(self.rule.carry, self._arrays.carry, strict=True)),
        }

    def _saved_arrays(self):
        """Return the parameters and the slots by their names in a file (dict of arrays)."""
        parameters = self._arrays.parameters
        arrays = dict(zip((p.name for p in parameters), self._arrays.parameters_on_host(), strict=True))
        for p, slots in zip(parameters, self._arrays.slots_on_host(), strict=True):
            # Master weights are the parameters already.
            arrays |= {_name_in_file(p, name): array for name, array in slots.items() if name in self.rule.slots}
        return arrays

    def _checked_numbers(self, state):
        """Return the steps done and the carried numbers of a state (int, list of float)."""
        t = state["t"]
        if isinstance(t, bool) or not hasattr(t, "__index__") or not 0 <= int(t) < 2**62:
            raise ValueError(f"state['t']={t!r} is not a number of steps; pass an integer from 0 on")
        _check_names("state['carry']", state["carry"], self.rule.carry)
        for name, value in state["carry"].items():
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"state['carry'][{name!r}]={value!r} is not a number; pass the one that was returned")
        return int(t), [float(state["carry"][name]) for name in self.rule.carry]

    def _check_slots(self, given):
        if not isinstance(given, (list, tuple)) or len(given) != len(self.slots):
            found = f"{type(given).__name__}" + (f" of {len(given)}" if isinstance(given, (list, tuple)) else "")
            raise TypeError(f"state['slots'] is a {found}, expected a list of {len(self.slots)} dicts; one per array")
        for k, (mine, theirs) in enumerate(zip(self.slots, given, strict=True)):
            _check_names(f"state['slots'][{k}]", theirs, mine)
            for name, array in mine.items():
                _check_like(f"state['slots'][{k}][{name!r}]", theirs[name], array)


def _check_names(shown, given, expected):
    """Raise unless `given` is a dict with the keys `expected`."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{shown} is a {type(given).__name__}, expected a dict; pass what state_dict() returned")
    missing, unknown = [n for n in expected if n not in given], [n for n in given if n not in expected]
    if missing or unknown:
        fault = f"lacks {missing[0]!r}" if missing else f"has the unknown entry {unknown[0]!r}"
        raise ValueError(f"{shown} {fault}; it takes {', '.join(expected) or 'none'}")


def _check_like(shown, given, like):
    if not isinstance(given, np.ndarray):
        raise TypeError(f"{shown} is a {type(given).__name__}, expected an array; pass what state_dict() returned")
    if given.shape != like.shape:
        raise ValueError(f"{shown} has shape {given.shape}, expected {like.shape}; make the Optimizer with such params")
    if given.dtype != like.dtype:
        raise TypeError(f"{shown} has dtype {given.dtype}, expected {like.dtype}; make the Optimizer with such params")


def _saved_rule(shown, name, own, given):
    """Return the rule called `name`: `given`, where it is passed again, or the one of optnumba."""
    if given is None and own:
        raise CheckpointError(f"{shown} is of method={name!r}, a rule of your own; pass it again: method=...")
    rule = find_rule(name if given is None else given)
    if rule.name != name:
        raise CheckpointError(f"{shown} is of method={name!r}, not {rule.name!r}; pass the former")
    if is_own(rule) != own:
        kinds = ("a rule of your own", "optnumba's") if own else ("optnumba's", "one of your own")
        raise CheckpointError(f"{shown} is of method={name!r}, {kinds[0]}, not {kinds[1]}; pass the former")
    return rule


def _name_in_file(parameter, slot):
    return f"{slot} of {parameter.name}"
