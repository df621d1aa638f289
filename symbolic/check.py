"""Checks a user's own step function against the document and the libraries: `check`."""

from fractions import Fraction
from itertools import product
from math import prod

from .algorithms import ALGORITHMS, algorithm
from .checking.calling import INSIDE, trace_step
from .checking.candidates import generalised
from .checking.changes import changes, fixed
from .checking.matching import matches
from .checking.report import Check
from .checking.settling import closeness, equal, fits, settle
from .checking.variants import pairs, variants
from .claims import compare
from .decision.values import TraceError
from .equations import UPDATES
from .equations.notation import HYPER

MOST_SETTINGS = 600  # of numbers in the code for hyperparameters that a step does not take


def check(step, name=None):
    """Decide whether a user's own step function computes a known update, for all numbers.

    Parameters
    ----------
    step : callable
        ``step(x, g, *state, t, *hyper) -> (x, *state)``, as a plain Python or Numba function, a method or a
        `functools.partial`, for one coordinate or for arrays: with the functions of `math` or `numpy`, ``**0.5``,
        ``abs``, ``max``; writing in place, ``out=``, slices; a dict or a list of states; arrays in a list or a dict.
        x and g are known by their names, or else are the first two arguments; t and the hyperparameters by their
        names (``learning_rate`` or ``lr``, ...), as arguments in any place, as attributes, or as variables from around
        the function, which then count as free; everything else is state, in any order. Where names say nothing, every
        assignment is tried.
    name : str, optional
        The algorithm: the document's, as in ``optnumba.RULES``, or a library's (``"adam:keras"``). Without it the step
        is compared with all of them. For ``"nag"`` x is φ, where the gradient is taken.

    Returns
    -------
    Check
        With ``.proved``, ``.against``, ``.nearest``, ``.relation``, ``.residuals``, ``.counterexample`` and
        ``.explain()``.

    Raises
    ------
    ValueError
        When no algorithm has that name.
    TypeError
        When the step has another number of states than the algorithm.
    TraceError
        When the step's code cannot be run on symbols; the message names the line and says what to write instead.

    Notes
    -----
    ``.proved`` is True where the iterates are those of ``name`` for all numbers and every schedule of the learning
    rate: with the states in any order, and also where they are kept with another sign, not averaged, or as running
    powers, which ``.relation`` then states. It is False where they are the same under a condition only (a constant
    learning rate for η outside the velocity, t that counts from 0, g at another point): ``.relation`` states the
    condition, and is proved, but it is not what was asked.

    A branch for the first step (``if t == 1``, ``if m is None``, an empty dict) is followed as two cases; any other
    branch on a value is refused. The states have to start at 0, and what an object or a default says that they start
    at is held against that; so is a step that changes its own hyperparameters. Capitals and ``_`` in front of a
    hyperparameter's name do not matter, and ``betas`` is the pair of them. A
    step that can be run on scalars and on arrays has to be right on both: writing in place makes a difference.

    A step that divides by u in AdaMax without asking for u = 0 is refuted, with u = 0 as the counterexample, since it
    computes 0/0 where the document makes no step; ``explain()`` then says that it is equal everywhere else.

    Examples
    --------
    >>> from optnumba import symbolic
    >>> def step(x, g, v, learning_rate, momentum):
    ...     v = momentum * v + learning_rate * g
    ...     return x - v, v
    >>> symbolic.check(step, "momentum").proved
    True
    >>> print(symbolic.check(step, "nag").counterexample is None)
    False
    >>> def step(params, grads, m, v, t, lr, beta1, beta2, eps):
    ...     m[:] = beta1 * m + (1 - beta1) * grads
    ...     v[:] = beta2 * v + (1 - beta2) * grads**2
    ...     params -= lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps) ** 0.5
    >>> symbolic.check(step).nearest
    'adam with ε inside the root'
    """
    target = algorithm(name) if name is not None else None
    traces = trace_step(step)
    return _against(traces, target) if target else _search(traces)


def _against(traces, target):
    """Return the `Check` against one algorithm."""
    found = list(matches(traces, target))
    if not found:
        raise TraceError(
            f"{traces[0].name}({', '.join(traces[0].parameters)}) should be step(x, g, *state, t, *hyper), each by name"
        )
    right = [match for match in found if fits(match, target)]
    if not right:
        compare(found[0].candidate, target)  # which raises, since the number of states is another
    direct = []
    for match in right:
        proofs = settle(match, target)
        if all(proof.proved for _, proof in proofs):
            return Check.of(proofs, target.name, nearest=target.name)
        direct.append(proofs)
    relation, proofs = _related(right, target)
    if relation is not None and relation.same:
        return Check.of(proofs, target.name, nearest=target.name, relation=relation)
    nearest, also = _nearest(traces, right, target, relation)
    return Check.of(_likeliest(direct), target.name, nearest=nearest, relation=relation, like=also)


def _likeliest(direct):
    """Return the proofs of the match that comes nearest: with the fewest failing claims."""
    return min(direct, key=lambda proofs: sum(len(proof.failures) for _, proof in proofs))


def _related(found, target):
    """Return the first (Relation, proofs) under which a match is an algorithm, or (None, None)."""
    conditional = (None, None)
    for match in found:
        ways = [(relation, match, changed) for relation, changed in changes(target)]
        for relation, same, changed in (*ways, *_numbers(match, target)):
            proofs = equal(same, changed, partial=not relation.same)
            if proofs and relation.same:
                return relation, proofs
            if proofs and conditional[0] is None:
                conditional = relation, proofs
    return conditional


def _numbers(match, target):
    """Yield (Relation, Match, Algorithm) with numbers of the code for hyperparameters that the step does not take."""
    missing = [h for h in target.hyper if h not in match.roles.hyper]
    options = [[n for n in _constants(match.candidate) if INSIDE[HYPER[h][1]](n) or not n] for h in missing]
    if not missing or prod(map(len, options)) > MOST_SETTINGS:
        return
    for chosen in product(*options):
        settings = dict(zip(missing, chosen, strict=True))
        relation, _ = fixed(target, settings)
        special = {h: n for h, n in settings.items() if n in (0, 1)}
        free = {h: n for h, n in settings.items() if h not in special}
        if len(set(free.values())) == len(free):
            yield relation, generalised(match, free), fixed(target, special)[1]


def _constants(candidate):
    """Return the numbers >= 0 that a step computes with (list of Fraction), and 0."""
    found, seen, todo = {Fraction(0): None}, set(), [candidate.x, *candidate.after]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        todo += value.args
        if value.op == "const" and value.payload >= 0:
            found[value.payload] = None
    return list(found)


def _nearest(traces, right, target, relation):
    """Return what a step that is not an algorithm is instead (str or None), and the proofs of that."""
    for name, other in ALGORITHMS.items():
        if other is not target:
            proofs = _equal(traces, other)
            if proofs:
                return name, proofs
    if relation is not None:
        return target.name, None
    for words, variant in variants(target):
        proofs = next(filter(None, (equal(match, variant, partial=True) for match in right)), None)
        if proofs:
            return words, proofs
    for kind in (_other_relation, _numbered_variant, _other_variant, _pair):
        words, proofs = kind(traces, right, target)
        if words:
            return words, proofs
    return None, None


def _equal(traces, other):
    try:
        return next(filter(None, (equal(match, other) for match in matches(traces, other) if fits(match, other))), None)
    except TraceError:
        return None  # what the step returns is no step of this algorithm


def _other_relation(traces, right, target):
    for name, other in ALGORITHMS.items():
        found = [match for match in _matches(traces, other) if fits(match, other)] if other is not target else []
        if name in UPDATES:
            relation, proofs = _related(found, other)
        else:
            relation, proofs = _with_numbers(found, other)
        if relation is not None:
            return f"{name}, {relation}", proofs
    return None, None


def _with_numbers(found, other):
    """Return the (Relation, proofs) with which numbers in the code make a match an algorithm, or (None, None)."""
    for match in found:
        for relation, same, inner in _numbers(match, other):
            proofs = equal(same, inner, partial=True)
            if proofs:
                return relation, proofs
    return None, None


def _matches(traces, other):
    try:
        return list(matches(traces, other))
    except TraceError:
        return []  # as above


def _numbered_variant(traces, right, target):
    for match in right:
        for relation, same, inner in _numbers(match, target):
            for words, variant in variants(inner):
                proofs = equal(same, variant, partial=True)
                if proofs:
                    return f"{words}, {', '.join(relation.equations)}", proofs
    return None, None


def _other_variant(traces, right, target):
    for other in UPDATES.values():
        if other is target:
            continue
        for match in _matches(traces, other):
            if fits(match, other):
                for words, variant in variants(other):
                    proofs = equal(match, variant, partial=True)
                    if proofs:
                        return words, proofs
    return None, None


def _pair(traces, right, target):
    for match in right:
        for words, variant in pairs(target):
            proofs = equal(match, variant, partial=True)
            if proofs:
                return words, proofs
    return None, None


def _search(traces):
    """Return the `Check` against whatever a step is equal to, or else nearest to."""
    found, complaints = {}, []
    for name, target in ALGORITHMS.items():
        try:
            for match in matches(traces, target):
                if fits(match, target):
                    found.setdefault(name, []).append(match)
                    proofs = equal(match, target)
                    if proofs:
                        return Check.of(proofs, name, nearest=name)
        except TraceError as why:
            complaints.append(why)
    if not found and complaints:
        raise complaints[0]
    if not found:
        mine = f"{traces[0].name}({', '.join(traces[0].parameters)})"
        raise TraceError(
            f"{mine} has the states of none of {', '.join(ALGORITHMS)}; give the hyperparameters their names, or say "
            "with name= what it should be"
        )
    closest = sorted(found, key=lambda name: min(closeness(match, ALGORITHMS[name]) for match in found[name]))
    documents = [name for name in closest if name in UPDATES] or closest
    best = None
    for name in documents:
        relation, proofs = _related(found[name], ALGORITHMS[name])
        if relation is not None and relation.same:
            return Check.of(proofs, name, nearest=name, relation=relation)
        best = best or (name if relation else None)
    report = _against(traces, ALGORITHMS[best or documents[0]])
    base = report.nearest and report.nearest.split(" ")[0].rstrip(",")
    return report if base in (None, report.against) else _against(traces, algorithm(base))
