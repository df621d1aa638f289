"""Powers cᵏ of a number c in (0, 1), k a hyperparameter: what torch's NAdam takes of 0.96.

c^(k·s) is written as ω^s, with ω = cᵏ a symbol of its own in [0, 1]. What is proved for every such ω holds for cᵏ,
k >= 0. What is refuted is refuted with cᵏ itself: the search for a counterexample does not see ω.
"""

from sympy import Rational, Symbol

from .quotients import NONNEGATIVE, POWER
from .values import Value, leaf


class Exponentials:
    """Rewrites Values, and remembers the symbols that it made.

    Parameters
    ----------
    leaves : dict of str to (Symbol, str)
        The symbol of each leaf, and what it may be; of those that are >= 0 the exponents are taken.
    """

    def __init__(self, leaves):
        self.exponents = {name: symbol for name, (symbol, kind) in leaves.items() if kind == NONNEGATIVE}
        self.made = {}
        self._done = {}

    def rewrite(self, value):
        """Return a Value with its powers of numbers written in the new symbols."""
        if id(value) not in self._done:
            args = tuple(self.rewrite(a) for a in value.args)
            new = self._power(*args) if value.op == "**" else None
            if new is None:
                same = all(a is b for a, b in zip(args, value.args, strict=True))
                new = value if same else Value(value.op, args, value.payload)
            self._done[id(value)] = value, new  # the old one too, so that no other gets its id
        return self._done[id(value)][1]

    def _power(self, base, exponent):
        if base.op != "const" or not 0 < base.payload < 1:
            return None
        factors = exponent.args if exponent.op == "*" else (exponent,)
        for i, factor in enumerate(factors):
            if factor.op == "leaf" and factor.payload in self.exponents:
                omega = leaf(self._name(base.payload, factor.payload))
                return omega ** factors[1 - i] if len(factors) == 2 else omega
        return None

    def _name(self, number, exponent):
        name = f"{number}**{exponent}"
        if name not in self.made:
            power = Rational(number.numerator, number.denominator) ** self.exponents[exponent]
            self.made[name] = Symbol("ω" + "'" * len(self.made)), power
        return name

    @property
    def leaves(self):
        """The new leaves, as a `Space` wants them (dict of str to (Symbol, str))."""
        return {name: (symbol, POWER) for name, (symbol, _) in self.made.items()}

    @property
    def meanings(self):
        """What the new symbols stand for (dict of Symbol to Expr)."""
        return dict(self.made.values())
