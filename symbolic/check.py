"""Checks a user's own step function against the document: `check`."""

from dataclasses import replace
from inspect import Parameter, signature

from .algorithms import algorithm
from .claims import Candidate, compare, leaf_names
from .equations.notation import HYPER, NablaJ, theta
from .prove import place
from .trace import Rebinding, run
from .values import TraceError, leaf

# Other names in use for a hyperparameter; one counts only where its usual name is not there.
ALIASES = {
    "learning_rate": ("lr", "eta", "η", "alpha", "α", "step_size", "stepsize"),
    "momentum": ("gamma", "γ", "mu", "μ", "beta"),
    "rho": ("gamma", "γ", "ρ", "decay", "beta2", "beta"),
    "beta1": ("b1", "β1", "beta_1"),
    "beta2": ("b2", "β2", "beta_2"),
    "eps": ("epsilon", "ε"),
}

INSIDE = {"(0, inf)": lambda number: 0 < number < float("inf"), "[0, 1)": lambda number: 0 <= number < 1}


def check(step, name):
    """Decide whether a user's own step function computes the document's update, for all numbers.

    Parameters
    ----------
    step : callable
        ``step(x, g, *state, t, *hyper) -> (x, *state)`` for one coordinate, as a plain Python or a Numba function,
        with the functions of `math` or `numpy`, ``**0.5``, ``abs``, ``max``. The state is known by its position
        after x and g, in any order; t and the hyperparameters by their names (``learning_rate`` or ``lr``, ...), as
        arguments in any place, or as variables from around the function, which then count as free.
    name : str
        The algorithm, as in ``optnumba.RULES``. For ``"nag"`` x is φ, where the gradient is taken.

    Returns
    -------
    Proof
        With ``.proved``, ``.residuals``, ``.counterexample`` and ``.explain()``.

    Raises
    ------
    ValueError
        When the document has no algorithm of that name.
    TypeError
        When the step has another number of states than the algorithm.
    TraceError
        When the step's code cannot be run on symbols.

    Notes
    -----
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
    """
    target = algorithm(name)
    candidate = _trace_step(step, target)
    proof = compare(candidate, target)
    if not proof.proved and target.variable and compare(candidate, _with_gradient_at_theta(target)).proved:
        remark = f"this is the form in θ, right if g is the gradient at {target.gradient_point}; here it is that at x"
        proof = replace(proof, candidate=replace(candidate, notes=(*candidate.notes, remark)))
    return proof


def _with_gradient_at_theta(target):
    """Return an algorithm with its gradient taken at θ_t: what a step in θ looks like when the caller looks ahead."""
    there = {NablaJ(target.gradient_point): NablaJ(theta)}
    equations = tuple(replace(e, right=e.right.xreplace(there)) for e in target.equations)
    return replace(target, equations=equations, variable=None, inverse=None)


def _hyper_names(available, target):
    """Return {hyperparameter: the name it has among `available`} for those that are there."""
    found = {}
    for hyper in target.hyper:
        taken = {*found.values(), *target.hyper} - {hyper}
        name = next((n for n in (hyper, *ALIASES[hyper]) if n in available and n not in taken), None)
        if name:
            found[hyper] = name
    return found


def _parameters(step):
    """Return the parameters of a step (list of inspect.Parameter), or raise where they are not all named."""
    try:
        parameters = list(signature(step).parameters.values())
    except (TypeError, ValueError) as why:
        raise TraceError(f"step={step!r} has no signature to read; pass a Python or Numba function") from why
    if len(parameters) < 2 or any(p.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD) for p in parameters):
        raise TraceError(
            f"step({', '.join(map(str, parameters))}) should be step(x, g, *state, t, *hyper), each by name"
        )
    return parameters


class _Outside:
    """Makes numbers from around the function free, where they have the name of a hyperparameter it does not take."""

    def __init__(self, missing):
        self.hyper = {name: h for h in missing for name in (h, *ALIASES[h])}
        self.used = {}

    def __call__(self, name, number):
        hyper = self.hyper.get(name)
        if hyper is None or not INSIDE[HYPER[hyper][1]](number):
            return None
        first, _ = self.used.setdefault(hyper, (name, number))
        if first != name:
            raise TraceError(f"{first!r} and {name!r} both name {hyper!r}; keep one of them")
        return leaf(hyper)


def _trace_step(step, target):
    """Return the `Candidate` of a user's step."""
    parameters = _parameters(step)
    x, g, *rest = (p.name for p in parameters)
    hyper = _hyper_names(rest, target)
    outside = _Outside([h for h in target.hyper if h not in hyper])
    known = {"t", *hyper.values()}
    state = [p.name for p in parameters[2:] if p.name not in known and p.default is Parameter.empty]
    slots = dict(zip(state, leaf_names(state, hyper.values())[0], strict=True))
    given = {x: leaf("x"), g: leaf("g"), **{name: leaf(slot) for name, slot in slots.items()}}
    given |= {name: leaf(name) for name in known if name in rest}
    positional = [given[p.name] for p in parameters if p.kind is Parameter.POSITIONAL_ONLY and p.name in given]
    keywords = {
        p.name: given[p.name] for p in parameters if p.kind is not Parameter.POSITIONAL_ONLY and p.name in given
    }
    new_x, *after = run(step, positional, keywords, Rebinding(outside), returns=1 + len(state))
    free = [f"{name} = {number!r} from around the function counts as free" for name, number in outside.used.values()]
    return Candidate(
        name=getattr(step, "__name__", repr(step)),
        ran=(place(step),),
        slots=tuple(slots.values()),
        hyper=hyper | {h: h for h in outside.used},
        intervals={},
        x=new_x,
        after=tuple(after),
        held=given[x],
        notes=tuple(free),
    )
