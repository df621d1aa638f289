"""What a step keeps its state in, on symbols: dicts, lists, and the attributes of an object."""

from inspect import getattr_static
from types import MethodType

import numpy as np

from ..decision.values import TraceError, Value, leaf, lift
from .arrays import Array
from .names import BAGS, says_scalar

COUNTS = {"scalar": 1, "array": 3, "matrix": 6, "list": 4, "dict": 4}
SHAPES = {"matrix": (2, 3)}
LAYOUTS = tuple(COUNTS)  # in the order in which they are tried
KEYS = ("W", "b")


def build(layout, name):
    """Return the symbols called `name` in a layout: a scalar, an array, a matrix, or a list or dict of two arrays."""
    if layout == "scalar":
        return leaf(name)
    whole = Array.of(name, COUNTS[layout])
    if layout == "array":
        return whole
    if layout in SHAPES:
        return Array(whole.cells.reshape(SHAPES[layout]))
    halves = [whole[:2], whole[2:]]
    return halves if layout == "list" else dict(zip(KEYS, halves, strict=True))


def read(thing):
    """Return the Values in a scalar, an array, or a list or dict of them, in order; None for anything else."""
    if isinstance(thing, Array):
        return list(thing.cells.flat)
    if isinstance(thing, (list, tuple, dict)):
        parts = [read(item) for item in (thing.values() if isinstance(thing, dict) else thing)]
        return None if any(part is None for part in parts) else [value for part in parts for value in part]
    if isinstance(thing, (Value, int, float, np.floating, np.integer)) and not isinstance(thing, bool):
        return [lift(thing)]
    return None


class Store:
    """What holds states by name: remembers what was there before the step.

    Parameters
    ----------
    layout : str
        That of x.
    constants : dict of str to Value
        Step numbers that are fixed for this run.
    name : str
        Of the argument.
    """

    def __init__(self, layout, constants, name="state"):
        self.name = name
        self.layout, self.constants = layout, constants
        self.now, self.before = {}, {}

    def symbols(self, key):
        """Return new symbols for a key, and remember them as what was there."""
        name = self.called(key)
        if name in self.constants:
            content = self.constants[name]
        else:
            content = leaf(name) if says_scalar(name) else build(self.layout, name)
        self.keep(key, content)
        return content

    def called(self, key):
        """Return the name of what a key holds: its own, or for a list that of the list and the place."""
        return key if isinstance(key, str) else f"{self.name}{key}"

    def keep(self, key, content):
        """Remember what is there before the step."""
        self.now[key] = content
        self.before[key] = {name: read(part) for name, part in self.slots(self.called(key), content)}

    def outcome(self):
        """Return {name: Values after the step} of what was changed, and the names of what was only read (set)."""
        after, untouched = {}, set()
        for key, content in self.now.items():
            before = self.before.get(key, {})
            for name, part in self.slots(self.called(key), content):
                values = read(part)
                if values is not None and name in before and _unchanged(before[name], values):
                    untouched.add(name)
                elif values is not None:
                    after[name] = values
        return after, untouched

    def slots(self, name, content):
        """Yield (name, content) of each state in what one name stands for: a dict or list may hold several."""
        if isinstance(content, (dict, list)):
            pairs = list(content.items() if isinstance(content, dict) else enumerate(content))
            if self.layout not in ("list", "dict") or [k for k, _ in pairs] not in ([0, 1], list(KEYS)):
                for key, part in pairs:
                    yield from self.slots(key if isinstance(key, str) else f"{name}{key}", part)
                return
        yield name, content


def _unchanged(before, after):
    """Return whether two lists hold the same Values, or the same numbers."""
    return (
        before is not None
        and len(before) == len(after)
        and all(
            a is b or (a.op == b.op == "const" and a.payload == b.payload) for a, b in zip(before, after, strict=True)
        )
    )


class Bag(Store):
    """Stands for a dict or list of states that a step is given.

    Parameters
    ----------
    layout, constants, name
        As in `Store`.
    length : int or None
        Into how many names the step takes it apart.
    filled : bool
        False for the first step, when a dict may still be empty.
    blank : bool
        Whether the first step finds None in it.
    """

    def __init__(self, layout, constants, name, length, filled, blank=False):
        super().__init__(layout, constants, name)
        self.length, self.filled, self.blank, self.asked = length, filled, blank, False

    def __contains__(self, key):
        self.asked = True
        return self.filled or key in self.now

    def __bool__(self):
        self.asked = True
        return self.filled or bool(self.now)

    def __len__(self):
        return self.length if self.length else int(bool(self))

    def __iter__(self):
        if self.length is None:
            raise TraceError("it walks through its state; name the states one by one")
        return iter([self[i] for i in range(self.length)])

    def __getitem__(self, key):
        if self.blank and key not in self.now and not says_scalar(self.called(key)):
            return None
        return self.now[key] if key in self.now else self.symbols(key)

    def __setitem__(self, key, value):
        if self.filled and key not in self.before:
            self.symbols(key)  # what is only written was there, too, after the first step
        self.now[key] = value

    def get(self, key, default=None):
        """As dict.get."""
        return self[key] if says_scalar(str(key)) or key in self else default

    def setdefault(self, key, default=None):
        """As dict.setdefault."""
        if not says_scalar(str(key)) and key not in self:
            self[key] = default
        return self[key]

    def update(self, *others, **items):
        """As dict.update."""
        for key, value in {**dict(*others), **items}.items():
            self[key] = value


class Holder:
    """Stands for the object whose method the step is.

    Parameters
    ----------
    store : Store
    instance : object
    translate : callable
        ``translate(name, thing)``: what an attribute means on symbols.
    known : dict
        Symbols for the attributes that the step changes; empty for the first step.
    iterates : collection of str
        Attributes that would be x, which is a symbol in the first step too.
    """

    def __init__(self, store, instance, translate, known, iterates=()):
        vars(self).update(_store=store, _instance=instance, _translate=translate, _iterates=iterates)
        for name, content in known.items():
            store.keep(name, content)

    def __getattr__(self, name):
        store = self._store
        if name not in store.now:
            kind = getattr_static(type(self._instance), name, None)
            if isinstance(kind, property):
                return self._translate(name, kind.fget)(self)
            thing = getattr(self._instance, name)
            if isinstance(thing, MethodType):
                function = self._translate(name, thing.__func__)
                return lambda *arguments, **keywords: function(self, *arguments, **keywords)
            store.keep(name, self._content(name, thing))
        return store.now[name]

    def __setattr__(self, name, value):
        self._store.now[name] = value

    def _content(self, name, thing):
        """Return an attribute as it is before the first step."""
        if name in self._iterates and not isinstance(thing, (MethodType, type(None))):
            return build(self._store.layout, name)
        if isinstance(thing, np.ndarray):
            numbers = set(thing.flat)
            if len(numbers) != 1:
                raise TraceError(f"self.{name} is an array of different numbers; pass the method of a new object")
            layout = self._store.layout
            return Array.full(SHAPES.get(layout, COUNTS[layout]), numbers.pop())
        parts = list(thing.values() if isinstance(thing, dict) else thing) if isinstance(thing, (dict, list)) else []
        if parts and self._store.layout in ("list", "dict") and all(isinstance(p, np.ndarray) for p in parts):
            return self._parts(name, parts)
        if isinstance(thing, dict):
            return {k: self._content(f"{name}[{k!r}]", v) for k, v in thing.items()}
        if isinstance(thing, list):
            return [self._content(f"{name}[{i}]", v) for i, v in enumerate(thing)]
        return self._translate(name, thing)

    def _parts(self, name, parts):
        """Return a list or dict with an array for each part of x, however many the object was made for."""
        numbers = {number for part in parts for number in part.flat}
        if len(numbers) != 1:
            raise TraceError(f"self.{name} holds different numbers; pass the method of a new object")
        halves = [Array.full(2, *numbers) for _ in KEYS]
        return halves if self._store.layout == "list" else dict(zip(KEYS, halves, strict=True))


def templates(store):
    """Return {attribute: symbols} for what a first step changed, shaped as it left them."""
    changed = store.outcome()[0]
    return {
        key: _like(store, store.called(key), content)
        for key, content in store.now.items()
        if any(name in changed for name, _ in store.slots(store.called(key), content))
    }


def _like(store, name, content):
    if isinstance(content, Array) and content.ndim:
        return Array(Array.of(name, content.size).cells.reshape(content.shape))
    if isinstance(content, (dict, list)):
        if [part for part, _ in store.slots(name, content)] == [name]:
            return build(store.layout, name)
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        parts = {k: _like(store, k if isinstance(k, str) else f"{name}{k}", v) for k, v in pairs}
        return parts if isinstance(content, dict) else list(parts.values())
    return leaf(name)


def is_bag(name):
    """Return whether a name says that it holds several states."""
    return name in BAGS
