"""Calls a user's step on symbols, in whatever form it was written, and gathers what it does to one coordinate."""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from inspect import Parameter

from ..decision.values import ArrayNeeded, TraceError, leaf, leaves, lift, shape, substitute
from ..equations.notation import HYPER
from ..prove import place
from ..trace import Rebinding, call
from .arguments import is_empty_bag, is_number, is_pair, may_start, parameters_of, unwrapped
from .arrays import UNWRITTEN
from .branches import STEP_NUMBERS, LaterSteps, answering
from .bytecode import compared_with_none, taken_apart
from .containers import LAYOUTS, Bag, Holder, Store, build, is_bag, read, templates
from .names import ALIASES, ANY_HYPER, GRADIENTS, ITERATES, PAIR, named, says_scalar, usual

INSIDE = {
    "(0, inf)": lambda number: 0 < number < float("inf"),
    "[0, inf)": lambda number: 0 <= number < float("inf"),
    "[0, 1)": lambda number: 0 <= number < 1,
}


@dataclass(frozen=True)
class Outcome:
    """What one coordinate is after the step.

    Parameters
    ----------
    returned : tuple of Value
        What the step returns, taken apart.
    after : dict of str to Value
        What it changed in place: arguments, items of a dict, attributes.
    """

    returned: tuple
    after: dict


@dataclass(frozen=True)
class Traced:
    """A step run on symbols, before anyone knows which of its arguments is what.

    Parameters
    ----------
    name : str
    ran : tuple of str
        Where its code is.
    parameters : tuple of str
        Arguments that are symbols, in order; each is a leaf of that name.
    held : tuple of str
        Items of a dict and attributes of an object that are symbols.
    fallbacks : dict of str to number
        What stands for a symbol where an algorithm has no use for it: its default, or its value around the function.
    outcomes : tuple of Outcome
        Of the later steps, for each kind of coordinate that is treated in its own way; mostly one.
    first : dict of (int or None) to tuple of Outcome
        Of the first step where it has its own branch, by the step number that it had (None: no branch asked for it);
        a TraceError where it could not be run.
    last : int or None
        The largest step number that has a branch of its own.
    branching : frozenset of str
        The step numbers that its branches ask for.
    starts : dict of str to Fraction
        What attributes held before the first step, and the defaults of states.
    around : tuple of str
        Symbols that stand for numbers from around the function.
    """

    name: str
    ran: tuple
    parameters: tuple
    held: tuple
    fallbacks: dict
    outcomes: tuple
    first: dict = field(default_factory=dict)
    last: int | None = None
    branching: frozenset = frozenset()
    starts: dict = field(default_factory=dict)
    around: tuple = ()


def trace_step(step):
    """Return the `Traced` of a user's step, on scalars where it can be run on them, on arrays where it can be.

    Both where both can be: writing in place makes a difference between them, and the step is right only if both are.

    Raises
    ------
    TraceError
        Where the step cannot be followed; it names the line.
    """
    step = getattr(getattr(step, "_dispatcher", None), "py_func", step)  # of numba.vectorize
    reader = _Reader(step)
    found = _traces(reader)
    omitted = reader.omitted(found[0])
    return _traces(_Reader(step, omitted)) if omitted else found


def _traces(reader):
    problems, found = [], []
    for layout in LAYOUTS:
        for bags in (False, True) if any(map(is_bag, reader.names)) else (False,):
            try:
                found.append(reader.trace(layout, bags))
            except TraceError as why:
                problems.append((layout, why))
                continue
            break
        if found and layout != "scalar":
            return tuple(found[1:] if len(found) > 1 and _only_in_place(*found) else found)
    raise _telling(problems)


def _only_in_place(scalar, array):
    """Return whether a step hands x back by writing into it, which it can do for arrays only."""
    written = [set(traced.outcomes[0].after) & set(traced.parameters) for traced in (scalar, array)]
    return not scalar.outcomes[0].returned and bool(written[1] - written[0])


def _telling(problems):
    """Return the complaint that says most, of (layout, TraceError); that a step wants arrays is no news."""
    single = [why for layout, why in problems if layout in ("scalar", "array")]
    own = [why for why in single if not isinstance(why, (ArrayNeeded, NothingChanged))]
    silent = [why for why in single if isinstance(why, NothingChanged)]
    return (own or silent or single)[0]


class NothingChanged(TraceError):
    """A step returns None and changes nothing that it was given."""


class _Reader:
    """Traces one step in one way after the other; `states` are arguments with a default that it hands back."""

    def __init__(self, step, states=()):
        self.step = step
        self.function, bound, self.instance = unwrapped(step)
        self.parameters = parameters_of(step.func if isinstance(step, partial) else step)
        self.names = [p.name for p in self.parameters]
        self.defaults = {
            p.name: p.default
            for p in self.parameters
            if p.default is not Parameter.empty and p.name not in (*states, *PAIR) and not is_empty_bag(p)
        } | bound
        given = {p.name: p.default for p in self.parameters}
        self.starts = {n: Fraction(given[n]) for n in states if given[n] is not None}
        self.bound = {n: thing for n, thing in bound.items() if not (says_scalar(n) and is_number(thing))}
        numbers = {n: v for n, v in self.defaults.items() if says_scalar(n) and is_number(v)}
        self.symbols = [n for n in self.names if n not in self.defaults or n in numbers]
        self.fallbacks = numbers
        for name in PAIR:
            if is_pair(given.get(name)):
                self.fallbacks |= dict(zip(PAIR[name], given[name], strict=True))

    def trace(self, layout, bags):
        """Return the `Traced` for one layout of x, with or without dicts and lists of states."""
        self.layout, self.bags = layout, [n for n in self.symbols if bags and is_bag(n)]
        known, starts, fresh = {}, {}, None
        if self.instance is not None:
            fresh = self._run({}, filled=False, known={})
            starts = {n: v[0].payload for n, v in fresh.before.items() if v and v[0].op == "const"}
            known = templates(fresh.store)
            # A running power starts at a number that stands for a hyperparameter: a symbol in the first step, too.
            powers = {n: content for n, content in known.items() if starts.get(n, 0) not in (0, 1)}
            fresh = self._run({}, filled=False, known=powers) if powers else fresh
        later = LaterSteps(self._step_numbers(known))
        run = self._run({}, filled=True, known=known, decide=later)
        first = {None: run.coordinates(fresh)} if self.instance is not None else self._first_steps(run, later)
        return Traced(
            name=getattr(self.step, "__name__", None) or getattr(self.function, "__name__", repr(self.step)),
            ran=(place(self.function),),
            parameters=tuple(m for n in self.symbols if n not in self.bags for m in PAIR.get(n, (n,))),
            held=run.held,
            fallbacks={**self.fallbacks, **run.around},
            outcomes=run.coordinates(run),
            first=first,
            last=later.last,
            branching=frozenset(later.names),
            starts=starts | self.starts,
            around=tuple(run.around),
        )

    def _first_steps(self, run, later):
        """Return the `Traced.first` of a step that is not a method: where it asks whether this is the first step."""
        numbers = [None] if later.last is None or later.last < 0 else range(later.last + 1)
        found = {n: self._first_step(run, n, None) for n in numbers if n is not None or run.asked}
        missing = self._missing(run)
        # A step may ask for its number only where it finds None.
        for number in () if missing is None else (0, 1) if self._step_numbers({}) else (None,):
            nothing, other = self._first_step(run, number, missing), found.get(number, ())
            # What cannot be run with None is not called with it.
            if isinstance(nothing, tuple) and isinstance(other, tuple):
                found[number] = (*other, *nothing)
        return found

    def _first_step(self, run, number, missing):
        constants = {} if number is None else dict.fromkeys(self._step_numbers({}), lift(number))
        try:
            return run.coordinates(self._run(constants, filled=False, known={}, missing=missing))
        except TraceError as why:
            return why

    def _missing(self, run):
        """Return the arguments that are None before the first step (set), or None where the step does not ask."""
        asked = compared_with_none(self.function)
        named_ones = asked & self._possible_states()
        inside = any(compared_with_none(f) for f in run.functions if f is not self.function)
        if named_ones or not (inside or asked - set(self.names)):
            return named_ones or None
        return set() if self.bags else self._possible_states()

    def _possible_states(self):
        open_ones = [n for n in self.symbols if not says_scalar(n) and n not in PAIR]
        ends = {named(open_ones, GRADIENTS), named(open_ones, ITERATES)}
        return set(open_ones) - (ends if None not in ends else set(open_ones[:2]))

    def omitted(self, traced):
        """Return the arguments with a default that have to be states (list of str): more is returned than is given."""
        returned = traced.outcomes[0].returned
        given = [n for n in traced.parameters if not says_scalar(n)]
        counters = [n for n in traced.parameters if says_scalar(n) and any(leaves(v) == {n} for v in returned)]
        surplus = len(returned) - (len(given) - 1) - len(counters)
        possible = [
            p.name for p in self.parameters if p.name in self.defaults and not says_scalar(p.name) and may_start(p)
        ]
        return possible[:surplus] if 0 < surplus <= len(possible) else []

    def _step_numbers(self, known):
        mine = {*self.symbols, *known, *STEP_NUMBERS} if self.bags else {*self.symbols, *known}
        return mine & set(STEP_NUMBERS)

    def _run(self, constants, filled, known, decide=None, missing=None):
        return _Run(self, constants, filled, known, decide or LaterSteps(()), missing)


class _Run:
    """One run on symbols; `missing`, where it is a set, are arguments that are None, and a dict then holds None."""

    def __init__(self, reader, constants, filled, known, decide, missing):
        self.reader, self.around = reader, {}
        layout, self.missing = reader.layout, missing
        rebinding = Rebinding(self._free)
        arguments = {n: self._argument(n, layout, constants, filled) for n in reader.symbols}
        self.arguments = arguments
        arguments |= {n: rebinding.meaning(n, thing) for n, thing in reader.bound.items()}
        first, keywords = [], {}
        self.store = Store(layout, constants)
        if reader.instance is not None:
            iterates = () if named(reader.names, ITERATES) else ITERATES
            first = [Holder(self.store, reader.instance, rebinding.meaning, known, iterates), *first]
        positional = {p.name for p in reader.parameters if p.kind is Parameter.POSITIONAL_ONLY}
        first += [arguments[n] for n in reader.names if n in positional and n in arguments]
        keywords |= {n: a for n, a in arguments.items() if n not in positional}
        given = {n: read(a) for n, a in arguments.items() if n in reader.symbols and not isinstance(a, Bag)}
        given = {n: values for n, values in given.items() if values is not None}
        with answering(decide):
            self.name, self.result = call(reader.function, first, keywords, rebinding)
        self.functions = rebinding.functions
        self.changed = {n: read(arguments[n]) for n, old in given.items() if _differs(old, read(arguments[n]))}
        stores = [self.store, *(a for a in arguments.values() if isinstance(a, Bag))]
        found = [store.outcome() for store in stores]
        self.after = {n: values for after, _ in found for n, values in after.items()}
        self.before = {n: v for s in stores for parts in s.before.values() for n, v in parts.items()}
        symbols = [n for n, v in self.before.items() if v and any(_is_called(value, n) for value in v)]
        self.held = tuple(dict.fromkeys(n for n in symbols if n not in arguments))
        self.asked = any(a.asked for a in arguments.values() if isinstance(a, Bag))

    def _argument(self, name, layout, constants, filled):
        if name in constants:
            return constants[name]
        if name in self.reader.bags:
            length = taken_apart(self.reader.function, name)
            return Bag(layout, constants, name, length, filled, blank=self.missing is not None)
        if name in (self.missing or ()):
            return None
        if name in PAIR:
            return tuple(map(leaf, PAIR[name]))
        return leaf(name) if says_scalar(name) else build(layout, name)

    def _free(self, name, number):
        """Make a number from around the function free, where it has the name of a hyperparameter."""
        name = usual(name)
        owners = [h for h in HYPER if name == h or name in ALIASES.get(h, ())]
        fits = any(INSIDE[HYPER[h][1]](number) for h in owners)
        if name not in ANY_HYPER or not fits or name in self.reader.names:
            return None
        if self.around.setdefault(name, number) != number:
            raise TraceError(f"{name!r} is {self.around[name]!r} in one place and {number!r} in another; keep one")
        return leaf(name)

    def coordinates(self, run):
        """Return the `Outcome` of each kind of coordinate in a run with the same symbols."""
        count = max((len(v) for v in self._all_values(run)), default=1)
        returned, after = run._parts()
        outcomes, seen, known = [], set(), {}
        for i in range(count):
            one = Outcome(
                tuple(run._coordinate(values, i, count) for values in returned),
                {name: run._coordinate(values, i, count) for name, values in after.items()},
            )
            form = shape((*one.returned, *one.after.values()), known)
            if form not in seen:
                seen.add(form)
                outcomes.append(one)
        return tuple(outcomes)

    @staticmethod
    def _all_values(run):
        returned, after = run._parts()
        return [*returned, *after.values()]

    def _parts(self):
        """Return what the step returned, taken apart, and what it changed in place, as lists of Values."""
        returned = self._returned(self.result)
        after = {**self.after, **self.changed}
        if not returned and not after:
            raise NothingChanged(
                f"{self.name}() returns None and changes none of its arguments; return the new values, or write "
                "into the arrays with x[:] = ... or x -= ..."
            )
        return returned, after

    def _returned(self, result):
        if result is None or isinstance(result, (Bag, Holder)):
            return []
        container = isinstance(result, (tuple, list)) or (isinstance(result, dict) and self.reader.layout != "dict")
        if self.reader.layout == "list" and isinstance(result, list):
            container = False
        if isinstance(result, dict) and self.reader.bags and container:
            self.after |= {n: read(part) for n, part in result.items()}  # the new state, under the names of the old
            return []
        if container:
            items = result.values() if isinstance(result, dict) else result
            return [values for item in items for values in self._returned(item)]
        values = read(result)
        if values is None:
            raise TraceError(
                f"{self.name}() returns {type(result).__name__}, not a scalar: it computes with {result!r}; only real "
                "scalars and arrays of them can be followed"
            )
        return [values]

    def _coordinate(self, values, i, count):
        """Return the Value of one coordinate, its leaves named as the arguments are."""
        if len(values) not in (1, count):
            raise TraceError(f"{self.name}() gives {len(values)} values where x has {count}; keep the shape of x")
        value = values[i if len(values) == count else 0]
        meanings = {}
        for name in leaves(value):
            if name == UNWRITTEN:
                raise TraceError(f"{self.name}() reads memory of numpy.empty that it has not written; use zeros")
            stem, _, index = name.partition("[")
            if index and int(index[:-1]) != i:
                raise TraceError(
                    f"{self.name}() computes coordinate {i} from coordinate {index[:-1]} of {stem}; an update rule "
                    "here treats each coordinate alone"
                )
            meanings[name] = leaf(stem)
        return substitute([value], meanings)[0]


def _is_called(value, name):
    """Return whether a Value is the symbol of that name, or an element of the array of that name."""
    return value.op == "leaf" and value.payload.partition("[")[0] == name


def _differs(old, new):
    return any(a is not b for a, b in zip(old, new, strict=True))
