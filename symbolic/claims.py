"""What has to be shown for a step to be the document's, and the showing of it."""

from dataclasses import dataclass, field, replace
from itertools import permutations

from sympy import Symbol

from .conventions.convention import scalars_of
from .decision.counterexample import find
from .decision.decide import Verdict, decide
from .decision.exponentials import Exponentials
from .decision.quotients import COUNT, NONNEGATIVE, POWER, REAL, STEP, STRICT, UNIT, Space
from .decision.values import combine, from_sympy, leaf, lift, substitute, to_sympy
from .equations.modifiers import g_changed
from .equations.notation import HYPER, LETTERS, NablaJ, phi, t, theta, theta_next
from .equations.notation import g as gradient_letter
from .proof import Proof

KINDS = {"(0, inf)": STRICT, "[0, inf)": NONNEGATIVE, "[0, 1)": UNIT}

# Leaves of the claims on idle steps alone, and what a rule that changes its gradient hands on. They are no names that
# an argument can have.
IDLE_STEPS, OTHER_RATE, CHANGED_GRADIENT = "number of idle steps", "rate of the step", "changed gradient"


@dataclass
class Claim:
    """That two Values are equal: `left`, what the code computes, and `right`, what the document says.

    Parameters
    ----------
    component : str
        ``"x"``, a slot, ...: the key of `Proof.residuals`.
    left, right : Value
    statement : str
        The claim for people.
    at : dict
        Symbols that this claim fixes (t = 0 in the base of an induction).
    verdict : Verdict
        Filled in by `settle`.
    """

    component: str
    left: object
    right: object
    statement: str
    at: dict = field(default_factory=dict)
    verdict: Verdict | None = None


@dataclass
class Candidate:
    """A step run on symbols: x, the slots and the hyperparameters before it, x and the slots after it.

    Parameters
    ----------
    name : str
        Of the rule or the function.
    ran : tuple of str
        The functions that were run, for the explanation.
    slots : tuple of str
        Names of the leaves of the state arguments (`leaf_names`), and then of the recurrent carried scalars.
    hyper : dict of str to str
        The name of the leaf for each of the document's hyperparameters that the step takes.
    intervals : dict of str to str
        Interval of each leaf that is a hyperparameter of the step and none of the document's.
    x, after : Value, tuple of Value
        x and the slots after the step.
    held : Value
        x before the step.
    theta, theta_after : Value, optional
        The iterate before and after the step; None where the step itself does not say (`symbolic.check`).
    slope : Value, optional
        What the rule makes of g before its own update, which was then run on any number, `CHANGED_GRADIENT`.
    claims : tuple of Claim
        What else has to be shown (the induction of the carried scalars).
    idle : tuple of Claim
        What has to be shown of steps with gradient 0, for any number of them and any rate and number of the step.
    notes : tuple of str
        Further lines of the explanation.
    numbers : dict
        What the step is at some numbers, kept by `screening`.
    """

    name: str
    ran: tuple[str, ...]
    slots: tuple[str, ...]
    hyper: dict
    intervals: dict
    x: object
    after: tuple
    held: object
    theta: object = None
    theta_after: object = None
    slope: object = None
    claims: tuple = ()
    idle: tuple = ()
    notes: tuple[str, ...] = ()
    numbers: dict = field(default_factory=dict, repr=False)


def leaf_names(slots, hyper):
    """Return names for the leaves of slots and hyperparameters that no other symbol of the step has.

    Parameters
    ----------
    slots, hyper : sequence of str
        As the step calls them; a slot may have the name of a hyperparameter, since different functions take them.

    Returns
    -------
    (tuple of str, tuple of str)
    """
    own = {"x", "g", "t"}
    hyper = tuple(f"{name}_" if name in own else name for name in hyper)
    taken = own | {*HYPER, *hyper}
    return tuple(f"{name}_" if name in taken else name for name in slots), hyper


def compare(candidate, algorithm, given=None, states=None, partial=False):
    """Return the `Proof` that a candidate's step is, or is not, the algorithm's.

    The slots may be the algorithm's states in any order; the order as given is tried first. A claim is refuted only
    where it is refuted in every order. Scalars that all coordinates share follow the slots.

    Parameters
    ----------
    candidate : Candidate
    algorithm : Algorithm
    given : dict of str to Value, optional
        What some leaves are, where the claims are about a special step: t = 1 and every state 0.
    states : tuple of (Symbol, Symbol), optional
        The one order of the algorithm's states to try.
    partial : bool
        Whether both may be undefined at the same places: for equations that are not always defined.
    """
    known = (*algorithm.states, *scalars_of(algorithm))
    if len(candidate.slots) != len(known):
        mine = f"{candidate.name!r} has {len(candidate.slots)} state(s) ({', '.join(candidate.slots) or 'none'})"
        wanted = ", ".join(str(before) for before, _ in known) or "none"
        raise TypeError(
            f"{mine}, and {algorithm.name!r} has {len(known)} ({wanted}); give it as many states, and "
            f"its hyperparameters the names {', '.join(algorithm.hyper)}"
        )
    orders = [
        _Attempt(candidate, algorithm, (*order, *scalars_of(algorithm)), given or {}, partial)
        for order in ([states] if states else permutations(algorithm.states))
    ]
    first = orders[0].proof()
    if first.proved:
        return first
    # Another order is worth the decision procedure only where no numbers refute it at once.
    others = [order.proof() for order in orders[1:] if not order.refuted_at_once()]
    return next((p for status in ("proved", "undecided") for p in others if p.status == status), first)


class _Attempt:
    """The claims for one assignment of the document's states to the slots."""

    def __init__(self, candidate, algorithm, states, given, partial):
        self.partial = partial
        self.candidate, self.algorithm, self.states = candidate, algorithm, tuple(states)
        self.letters, kinds = _symbols(candidate, algorithm, states)
        self.leaves = {name: (letter, kinds[name]) for name, letter in self.letters.items()}
        self.claims, self.invariants = _claims(candidate, algorithm, states)
        self.idle = [] if given else [replace(claim) for claim in candidate.idle]
        fixed = {name: value.payload for name, value in given.items() if value.op == "const"}
        for claim in (*self.claims, *self.invariants) if given else ():
            claim.left, claim.right = substitute((claim.left, claim.right), given)
            claim.at = {**claim.at, **fixed}

    def refuted_at_once(self):
        return find(self.claims, Space(self.leaves)) is not None

    def proof(self):
        refuted = self._settle((*self.claims, *self.invariants), self.leaves)
        refuted_idle = self._settle(self.idle, self._idle_leaves())
        return Proof(
            self.candidate,
            self.algorithm,
            self.states,
            self.letters,
            tuple(self.claims),
            tuple(self.invariants),
            refuted or refuted_idle,
            tuple(self.idle),
        )

    def _settle(self, claims, leaves):
        """Give each claim its verdict; return the `Counterexample` to one, or None."""
        powers = Exponentials(leaves)
        sides = [(powers.rewrite(claim.left), powers.rewrite(claim.right)) for claim in claims]
        space, letters = Space(leaves | powers.leaves), {name: symbol for name, (symbol, _) in leaves.items()}
        for claim, (left, right) in zip(claims, sides, strict=True):
            claim.verdict = verdict = decide(space, left, right, partial=self.partial)
            verdict.generators += tuple(f"{symbol} = {power}" for symbol, power in powers.meanings.items())
            verdict.residual = verdict.residual.xreplace(powers.meanings)
            if verdict.reason:
                verdict.residual = to_sympy(claim.left, letters) - to_sympy(claim.right, letters)
        failures = [claim for claim in claims if not claim.verdict.holds]
        return find(failures, space, hidden=powers.leaves) if failures else None

    def _idle_leaves(self):
        """Return the leaves of the claims on k idle steps before a step t: powers are those with exponent k."""
        own = {"t": (t, COUNT), IDLE_STEPS: (Symbol("k", real=True), STEP)}
        if "learning_rate" in self.leaves:
            own[OTHER_RATE] = Symbol("η'", real=True), self.leaves["learning_rate"][1]
        return self.leaves | own


def _symbols(candidate, algorithm, states):
    """Return the letter of the document for each leaf, and what it may be."""
    letters = {"x": phi if algorithm.variable else theta, "g": gradient_letter, "t": t}
    kinds = {"x": REAL, "g": REAL, "t": STEP}
    for slot, (before, _) in zip(candidate.slots, states, strict=True):
        letters[slot], kinds[slot] = before, NONNEGATIVE if before.is_nonnegative else REAL
        if any(before == scalar for scalar, _ in scalars_of(algorithm)):
            kinds[slot] = POWER
    for name in algorithm.hyper:
        symbol, interval = LETTERS[name]
        mine = candidate.hyper.get(name, name)
        letters[mine], kinds[mine] = symbol, KINDS[interval]
    if candidate.slope is not None:
        letters[CHANGED_GRADIENT], kinds[CHANGED_GRADIENT] = g_changed, REAL
    for name, interval in candidate.intervals.items():
        if name in letters:
            continue  # the document's own interval stands
        letters[name], kinds[name] = Symbol(name, real=True), KINDS.get(interval, REAL)
    return letters, kinds


def _document_readout(algorithm, known):
    """Return θ_t for the x that is held: x itself, but where the document has a change of variable."""
    return from_sympy(algorithm.inverse.right if algorithm.inverse else phi, known)


def _claims(candidate, algorithm, states):
    """Return the claims that make the candidate's step the document's, and what the document's states keep."""
    x = candidate.held
    before = {symbol: leaf(slot) for slot, (symbol, _) in zip(candidate.slots, states, strict=True)}
    known = {LETTERS[name][0]: leaf(candidate.hyper.get(name, name)) for name in algorithm.hyper}
    known |= {**before, t: leaf("t"), phi: x, NablaJ: leaf("g")}
    known[theta] = candidate.theta if candidate.theta is not None else _document_readout(algorithm, known)
    point = from_sympy(algorithm.gradient_point, known)
    changes = []
    for equation in algorithm.equations:
        known[equation.left] = from_sympy(equation.right, known)
        if equation.left == g_changed and candidate.slope is not None:
            changes = [Claim("gradient", candidate.slope, known[g_changed], f"what the update is given is {g_changed}")]
            known[g_changed] = leaf(CHANGED_GRADIENT)
    after = {old: known[new] for old, new in states}
    next_point = from_sympy(algorithm.gradient_point, {**known, **after, theta: known[theta_next]})
    goal = f"φ_{{t+1}} = {algorithm.variable.right} one step later" if algorithm.variable else str(theta_next)
    claims = [Claim("x", candidate.x, next_point, f"x after the step is {goal}")]
    for slot, value, (_, new) in zip(candidate.slots, candidate.after, states, strict=True):
        claims.append(Claim(slot, value, known[new], f"{slot} after the step is {new}"))
    if candidate.theta is not None and (algorithm.variable or candidate.theta is not candidate.held):
        where = f"x, where g is taken, is {algorithm.gradient_point} for the θ_t that readout gives"
        claims.append(Claim("gradient point", x, point, where))
        claims.append(
            Claim("readout", candidate.theta_after, known[theta_next], f"readout after the step is {theta_next}")
        )
    invariants = [
        Claim(f"{new} >= 0", combine("<=", 0, known[new]), lift(1), f"{new} >= 0, as it starts at 0")
        for _, new in states
        if new.is_nonnegative
    ]
    invariants += [
        Claim(f"{new} <= 1", combine("<=", known[new], 1), lift(1), f"{new} <= 1, as it starts at 0")
        for _, new in scalars_of(algorithm)
    ]
    return [*claims, *changes, *candidate.claims], invariants
