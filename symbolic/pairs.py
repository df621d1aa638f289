"""One step of two algorithms from the same state: as Values, for the decision procedure, and as SymPy expressions."""

from dataclasses import replace

from sympy import Pow, S, Symbol, oo

from .claims import KINDS
from .conventions.convention import Convention, scalars_of
from .conventions.momentum import eta_before
from .conventions.settings import CONSTANT_RATE
from .decision.decide import MOST_CASES, extend, normal_forms
from .decision.exponentials import Exponentials
from .decision.quotients import NONNEGATIVE, POWER, REAL, STEP, STRICT, Space
from .decision.reduction import Case, Reduction, Split, Undecidable
from .decision.values import from_sympy, leaf
from .equations.adam import v, v_hat
from .equations.notation import HYPER, NablaJ, eta, g, phi, t, theta, theta_next

X = Symbol("x", real=True)


def specialised(algorithm, setting):
    """Return an algorithm with the values of a setting put into its equations, or itself where they are not for it."""
    values = {name: value for name, value in setting.values.items() if name in algorithm.hyper}
    if setting.one_sided and len(values) < len(setting.values):
        return algorithm
    numbers = {}
    for name, value in values.items():
        numbers[HYPER[name][0]] = HYPER[value][0] if isinstance(value, str) else S(value)

    def put(right):
        vanishing = [symbol for symbol, value in numbers.items() if value == oo]
        for power in right.atoms(Pow) if vanishing else ():
            if power.base.is_number and 0 < power.base < 1 and power.exp.has(*vanishing):
                right = right.xreplace({power: S.Zero})
        return right.xreplace({s: value for s, value in numbers.items() if value != oo})

    changed = {"equations": tuple(replace(e, right=put(e.right)) for e in algorithm.equations)}
    if algorithm.variable:
        changed |= {
            name: replace(e, right=put(e.right)) for name in ("variable", "inverse") for e in [getattr(algorithm, name)]
        }
    return replace(algorithm, **changed)


class Pair:
    """Two algorithms with states that correspond, one by one.

    Parameters
    ----------
    a, b : Algorithm
    setting : Setting, optional
        Put into both.
    """

    def __init__(self, a, b, setting=None):
        self.a, self.b, self.setting = a, b, setting
        self.constant_rate = setting is not None and setting.words == CONSTANT_RATE
        if setting is not None:
            self.a, self.b = specialised(a, setting), specialised(b, setting)
        self.states = [self._shared(x, y) for (x, _), (y, _) in zip(a.states, b.states, strict=True)]
        self.scalars = list(dict.fromkeys((*scalars_of(a), *scalars_of(b))))
        self.changed = dict(setting.change) if setting is not None else {}

    def _shared(self, x, y):
        """Return (symbol, factor in a, factor in b): a's state is the symbol times its factor, and b's likewise."""
        scale_a, scale_b = (dict(s.rescaled) if isinstance(s, Convention) else {} for s in (self.a, self.b))
        if (x in scale_a) == (y in scale_b):
            return x, S.One, S.One
        return (x, S.One, scale_a[x]) if x in scale_a else (y, scale_b[y], S.One)

    @property
    def rescaled(self):
        """How the states correspond where they are not the same (list of (Symbol, Expr))."""
        found = []
        for (symbol, in_a, in_b), (x, _), (y, _) in zip(self.states, self.a.states, self.b.states, strict=True):
            found += [(state, factor * symbol) for state, factor in ((x, in_a), (y, in_b)) if factor != 1]
        return [(state, value.xreplace({eta_before: eta}) if self.constant_rate else value) for state, value in found]

    @property
    def change(self):
        """What one side keeps, in the letters of the other, where those differ (list of (Symbol, Expr))."""
        point = [(theta, phi)] if bool(self.a.variable) != bool(self.b.variable) else []
        states = zip(self.states, self.b.states, strict=True)
        return point + self.rescaled + [(y, s[0]) for s, (y, _) in states if y != s[0] and s[1] == s[2]]

    def _later(self, expression):
        return expression.xreplace({eta_before: eta}).xreplace({t: t + 1})

    def before(self, algorithm):
        """Return what an algorithm's states and scalars are before the step, in the shared symbols (dict)."""
        side = 1 if algorithm is self.a else 2
        known = {before: s[0] * s[side] for (before, _), s in zip(algorithm.states, self.states, strict=True)}
        known |= {before: self.changed.get(before, before) for before, _ in scalars_of(algorithm)}
        if self.constant_rate:
            known = {symbol: value.xreplace({eta_before: eta}) for symbol, value in known.items()}
        return known

    def step(self, algorithm, start, evaluate, kept=None):
        """Return x and the states after one step (list), and the scalars (dict), by `evaluate(expression, known)`.

        A state that has a factor is divided by what the factor is one step later. Letters in `kept` are not defined
        but stand for themselves, or for what they are kept as.
        """
        known = {**start, **{symbol: evaluate(value, start) for symbol, value in self.before(algorithm).items()}}
        inverse = algorithm.inverse.right if algorithm.inverse else phi
        known[theta] = evaluate(inverse, known)
        for equation in algorithm.equations:
            stays = kept and equation.left in kept
            known[equation.left] = kept[equation.left] if stays else evaluate(equation.right, known)
        after = {old: known[new] for old, new in algorithm.states}
        x = evaluate(algorithm.gradient_point, {**known, **after, theta: known[theta_next]})
        side = 1 if algorithm is self.a else 2
        states = [
            known[new] / evaluate(self._later(s[side]), known) if s[side] != 1 else known[new]
            for (_, new), s in zip(algorithm.states, self.states, strict=True)
        ]
        return [x, *states], {old: known[new] for old, new in scalars_of(algorithm)}

    def values(self):
        """Return pairs of Values to compare, x first, then the states, then the scalars; and the Space they are in."""
        kinds = {X: REAL, g: REAL, t: STEP, eta_before: STRICT}
        for s, (x, _), (y, _) in zip(self.states, self.a.states, self.b.states, strict=True):
            kinds[s[0]] = NONNEGATIVE if x.is_nonnegative or y.is_nonnegative else REAL
        kinds |= {before: POWER for before, _ in self.scalars}
        for name in (*self.a.hyper, *self.b.hyper):
            kinds[HYPER[name][0]] = KINDS[HYPER[name][1]]
        start = {symbol: leaf(str(symbol)) for symbol in kinds}
        start |= {phi: start[X], NablaJ: start[g]}
        (mine, q_mine), (other, q_other) = (self.step(s, start, from_sympy) for s in (self.a, self.b))
        pairs = list(zip(mine, other, strict=True))
        for old, _ in self.scalars:
            if old in self.changed:
                later = from_sympy(self._later(self.changed[old]), start)
                pairs += [(q[old], later) for q in (q_mine, q_other) if old in q]
            elif old in q_mine and old in q_other:
                pairs.append((q_mine[old], q_other[old]))
        leaves = {str(symbol): (symbol, kind) for symbol, kind in kinds.items()}
        powers = Exponentials(leaves)
        pairs = [(powers.rewrite(left), powers.rewrite(right)) for left, right in pairs]
        return pairs, Space(leaves | powers.leaves)

    def expressions(self, same):
        """Return pairs of SymPy expressions for x and the states after one step.

        Parameters
        ----------
        same : collection of int
            The states, by position, that are the same after the step: their letters stay. So do v̂_t, and what is
            defined by a schedule (decays and their product).
        """
        letter = {new: self.a.states[i][1] for i in same for new in (self.a.states[i][1], self.b.states[i][1])}
        letter |= {v_hat: v_hat} if v in letter else {}

        def evaluate(expression, known):
            return expression.xreplace({call: g for call in expression.atoms(NablaJ)}).xreplace(known)

        sides = [self.step(s, {phi: X}, evaluate, letter | {n: n for n in scheduled(s)})[0] for s in (self.a, self.b)]
        return list(zip(*sides, strict=True))


def scheduled(algorithm):
    """Return the letters that an algorithm with a schedule defines for all coordinates alike (list of Symbol)."""
    own = {phi, theta, *(before for before, _ in algorithm.states)}
    found = []
    for equation in algorithm.equations if scalars_of(algorithm) else ():
        if equation.right.has(NablaJ) or equation.right.free_symbols & own:
            own.add(equation.left)
        else:
            found.append(equation.left)
    return found


def settle(space, left, right):
    """Decide whether two Values are equal wherever both are defined, for all values of their symbols.

    Returns
    -------
    equal : bool
        False also where the procedure could not decide.
    undefined : set of int
        Which of the two (0, 1) is somewhere undefined where the other is defined; {2} is added where neither is.
    """
    todo, undefined, count = [Case()], set(), 0
    while todo:
        reduction, count = Reduction(space, todo.pop()), count + 1
        try:
            sides = normal_forms(reduction, left, right)
            defined = [side is not None for side in sides]
            if all(defined) and not reduction.is_zero(reduction.add(*sides, -1)):
                return False, undefined
            undefined |= {2} if not any(defined) else {i for i in (0, 1) if not defined[i]}
        except Split as split:
            todo += [extend(reduction, split.polynomial, sign) for sign in split.signs]
        except Undecidable:
            return False, undefined
        if count > MOST_CASES:
            return False, undefined
    return True, undefined
