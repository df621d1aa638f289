"""Which argument of a user's step is which: by their names, by their places, and where both say nothing by trying."""

from collections import Counter
from itertools import combinations, permutations, product

from ..conventions.convention import scalars_of
from ..decision.values import TraceError, leaf, leaves, lift, substitute
from ..equations.notation import HYPER
from ..equations.notation import t as step_number
from .branches import STEP_NUMBERS
from .candidates import CLOCKS, Roles, T, make
from .names import GRADIENTS, ITERATES, hyper_names, named
from .screening import agree, draw, numbers_of, outputs

MOST_TRIED = 2000  # assignments of arguments whose names say nothing


def matches(traces, target):
    """Yield a `Match` for each way in which the arguments of a step can be those of an algorithm, likeliest first.

    Raises
    ------
    TraceError
        When no way fits what the step returns.
    """
    complaints, found = [], False
    for roles in by_name(traces[0], target):
        try:
            match = make(traces, roles)
        except TraceError as why:
            complaints.append(why)
            continue
        found = True
        yield match
    for roles in by_trying(traces, target):
        found = True
        yield make(traces, roles)
    if complaints and not found:
        raise complaints[0]


# Roles ----------------------------------------------------------------------------------------------------------


def _count(target):
    return len(target.states) + len(scalars_of(target))


def _symbols_of(traced):
    return [*traced.parameters, *(n for n in traced.held if n not in traced.parameters)]


def by_name(traced, target):
    """Return the roles that names and places suggest (list of Roles)."""
    inputs = _symbols_of(traced)
    hyper = hyper_names([*inputs, *traced.around], target)
    rest = [n for n in inputs if n not in hyper.values()]
    t = named(rest, ("t",)) or named(rest, STEP_NUMBERS)
    rest = [n for n in rest if n != t]
    open_ones = [n for n in rest if n not in traced.fallbacks]
    x, g = _ends(open_ones)
    if x is None or g is None:
        return []
    states = tuple(n for n in open_ones if n not in (x, g))
    if len(states) > _count(target):
        states = tuple(n for n in states if n in traced.parameters or _has_effect(traced, n))
    orders = _orders(traced, x, states)
    shifts = _shifts(traced, t)
    ways = _clocks(traced, states, hyper, len(states) - _count(target))
    return [
        Roles(
            x, g, t, shift, _scalars_last(traced, tuple(n for n in states if n not in clocks), target), hyper, clocks, o
        )
        for o, clocks, shift in product(orders, ways, shifts)
    ]


def _ends(names):
    """Return the names of x and g: as they are called, or else the first and the second."""
    g = named(names, GRADIENTS)
    x = named([n for n in names if n != g], ITERATES)
    rest = [n for n in names if n not in (x, g)]
    if x is None and rest:
        x = rest.pop(0)
    if g is None and rest:
        g = rest.pop(0)
    return x, g


def _has_effect(traced, name):
    """Return whether anything but a state itself depends on it: what is only written down for later is no state."""
    outcome = traced.outcomes[0]
    others = [*outcome.returned, *(value for n, value in outcome.after.items() if n != name)]
    return name in leaves(*others)


def _orders(traced, x, states):
    """Return the orders in which x and the states may be returned: x first, and as they are given."""
    given = [n for n in traced.parameters if n == x or n in states]
    first = [n for n in (x, *states)]
    held = [n for n in first if n not in given]
    return list(dict.fromkeys([tuple(first), (*given, *held)]))


def _shifts(traced, t):
    """Return what a counter may start from: one that the step itself moves starts at 0 or at 1."""
    moved = t is not None and any(t in o.after or _returns(traced, o, t) for o in traced.outcomes)
    if not moved:
        return [0]
    if t in traced.starts:
        return [int(traced.starts[t]) - 1] if traced.starts[t].denominator == 1 else [-1]
    return [-1, 0]


def _returns(traced, outcome, t):
    """Return whether a step hands back its t, one more or the same."""
    return t in traced.parameters and any(leaves(value) == {t} for value in outcome.returned)


def _scalars_last(traced, states, target):
    """Return the states with those last that all coordinates share, where the algorithm has such."""
    if not scalars_of(target):
        return states
    return tuple(sorted(states, key=lambda n: _is_alone(traced, n, states)))


def _after(traced, name, order):
    """Return what a state is after the step (Value), or None."""
    outcome = traced.outcomes[0]
    if name in outcome.after:
        return outcome.after[name]
    i = order.index(name)
    return outcome.returned[i] if i < len(outcome.returned) else None


def _is_alone(traced, name, states):
    """Return whether no other state and neither x nor g has a part in what a state becomes."""
    parameters = [n for n in traced.parameters if n in states]
    order = ("x", *parameters) if name in parameters else (name,)
    after = _after(traced, name, order)
    return after is not None and not (leaves(after) - {name, *traced.fallbacks}) & set(states)


def _clocks(traced, states, hyper, surplus):
    """Return the ways to read `surplus` of the states as counting ones (list of dict)."""
    if surplus <= 0:
        return [{}]
    given = [n for n in traced.parameters if n in states]
    found = {}
    for name in states:
        order = ("x", *given) if name in given else (name,)
        after = _after(traced, name, order)
        if after is not None and leaves(after) <= {name, *hyper.values()}:
            found[name] = _closed_forms(traced, name, after, hyper)
    ways = []
    for names in combinations([n for n in found if found[n]], surplus):
        ways += [dict(zip(names, forms, strict=True)) for forms in product(*(found[n] for n in names))]
    return ways or [{}]


def _closed_forms(traced, name, after, hyper):
    """Return the (form, hyperparameter) that a counting state may be: kept by its step, and true at its start."""
    forms = []
    for text, hyper_name in product(CLOCKS, [h for h in hyper if HYPER[h][1] == "[0, 1)"]):
        b = leaf(hyper[hyper_name])
        now, later = CLOCKS[text](b, T), CLOCKS[text](b, T + 1)
        (stepped,) = substitute([after], {name: now})
        point = {n: draw(n, "unit") for n in hyper.values()} | {"t": draw("t", "step")}
        mine, wanted, start = numbers_of([stepped, later, *substitute([now], {"t": lift(1)})], point)
        begins = name not in traced.starts or abs(start - float(traced.starts[name])).max() < 1e-9
        if not begins and hyper[hyper_name] in traced.fallbacks:  # a power that starts as this object's own decay
            (own,) = substitute([now], {"t": lift(1), hyper[hyper_name]: lift(traced.fallbacks[hyper[hyper_name]])})
            begins = abs(numbers_of([own], point)[0] - float(traced.starts[name])).max() < 1e-9
        if begins and abs(mine - wanted).max() < 1e-9:
            forms.append((text, hyper_name))
    return forms


# Roles by trying ------------------------------------------------------------------------------------------------


def by_trying(traces, target):
    """Yield the roles, of arguments whose names say nothing, at which numbers do not refute the step."""
    traced = traces[0]
    inputs = [n for n in traced.parameters if n not in traced.fallbacks]
    hyper = hyper_names([*_symbols_of(traced), *traced.around], target)
    t = named([n for n in inputs if n not in hyper.values()], ("t", "step", "iteration"))
    g = named(inputs, GRADIENTS)
    x = named([n for n in inputs if n != g], ITERATES)
    known = {"x": x, "g": g, "t": t, **{h: hyper.get(h) for h in target.hyper}}
    uses_t = any(e.right is not None and e.right.has(step_number) for e in target.equations)
    if not uses_t and t is None:
        del known["t"]
    silent = [n for n in inputs if n not in known.values()]
    missing = [role for role, name in known.items() if name is None]
    if not missing or len(silent) != len(missing) + len(target.states) or scalars_of(target) or traced.held:
        return
    yield from _tried(traces, target, known, silent, missing)


def _tried(traces, target, known, silent, missing):
    tried = 0
    wanted = _signatures(target, missing)
    for chosen in combinations(silent, len(target.states)):
        others = [n for n in silent if n not in chosen]
        for x in [known["x"]] if known["x"] else others:
            for order in _orders(traces[0], x, chosen):
                outputs = traces[0].outcomes[0].returned
                if len(outputs) != len(order):
                    continue
                place = {name: leaves(value) for name, value in zip(order, outputs, strict=True)}
                for states in permutations(chosen):
                    mine = {n: tuple(n in place[o] for o in (x, *states)) for n in others}
                    if Counter(mine.values()) != Counter(wanted.values()):
                        continue
                    for assignment in _bijections(mine, wanted, known, x):
                        tried += 1
                        if tried > MOST_TRIED:
                            return
                        roles = _roles_of({**known, **assignment}, chosen, order, target)
                        if _plausible(traces, roles, target):
                            yield roles


def _signatures(target, missing):
    """Return, for each role, which of x and the states after the step depend on it (dict of tuple of bool)."""
    after = [leaves(value) for value in outputs(target)]
    return {role: tuple(role in output for output in after) for role in missing}


def _bijections(mine, wanted, known, x):
    """Yield {role: name} with equal signatures."""
    groups = []
    for signature in dict.fromkeys(wanted.values()):
        roles = [r for r, s in wanted.items() if s == signature]
        names = [n for n, s in mine.items() if s == signature]
        groups.append([dict(zip(roles, order, strict=True)) for order in permutations(names)])
    for parts in product(*groups):
        assignment = {role: name for part in parts for role, name in part.items()}
        if assignment.get("x", x) == x:
            yield assignment


def _roles_of(known, states, order, target):
    hyper = {h: known[h] for h in target.hyper}
    return Roles(known["x"], known["g"], known.get("t"), 0, tuple(states), hyper, {}, order)


def _plausible(traces, roles, target):
    candidate = make(traces, roles).candidate
    return any(all(agree(candidate, target, states)) for states in permutations(target.states))
