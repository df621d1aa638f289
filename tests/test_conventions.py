"""The libraries' conventions: proved, the textbook loops typed from their sources, and exactly how they differ."""

import math
import time
from dataclasses import replace
from math import sqrt

import mpmath
import numpy as np
import pytest
import scipy.optimize
from naive_conventions import CONVENTIONS as TYPED
from optnumba.symbolic.equations import EQUATIONS
from optnumba.symbolic.equations.notation import HYPER

import optnumba
from optnumba import RULES, Optimizer, symbolic
from optnumba.arguments import find_rule
from optnumba.rule import where
from optnumba.rules import ALGORITHMS, ALIASES, CONVENTIONS, LIBRARIES
from optnumba.rules.bias_correction import advance, closed_form
from optnumba.rules.conventions import nadam
from optnumba.rules.conventions.nadam import constant, decay, scheduled

STEPS = 200


# -- The table --------------------------------------------------------------------------------------------------------


def test_every_cell_is_a_rule_or_an_alias_of_one():
    cells = {f"{name}:{library}" for name in EQUATIONS for library in LIBRARIES}
    assert set(CONVENTIONS) | set(ALIASES) == cells
    assert not set(CONVENTIONS) & set(ALIASES)
    assert set(ALIASES.values()) <= set(RULES)
    assert list(RULES) == [*ALGORITHMS, *CONVENTIONS]
    assert set(symbolic.conventions.CONVENTIONS) == set(CONVENTIONS) == set(TYPED)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_defaults_are_those_of_the_library(name):
    assert RULES[name].defaults == TYPED[name][1]


def test_no_arithmetic_is_written_twice():
    """Rules of one algorithm with the same bytecode share the functions; no two conventions are the same throughout."""
    seen = {}
    for rule in RULES.values():
        key = rule.label, rule.update.__code__.co_code, rule.update.__code__.co_names, rule.coefficient_names
        assert seen.setdefault(key, rule.update) is rule.update, rule
    whole = [(r.label, r.coefficients, r.update, r.readout, tuple(r.defaults.items())) for r in RULES.values()]
    assert len(set(whole)) == len(whole)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_the_rule_wherever_a_name_is_taken(alias):
    rule = RULES[ALIASES[alias]]
    assert find_rule(alias) is find_rule(alias.upper()) is rule
    assert Optimizer(np.zeros(1), alias).rule is rule
    assert optnumba.methods[alias] is optnumba.methods[rule.name]
    assert symbolic.update_equations(alias) == symbolic.update_equations(rule.name)
    assert symbolic.prove(alias).proved


def test_an_unknown_library_is_named_with_a_remedy():
    for use in (lambda n: Optimizer(np.zeros(1), n), symbolic.prove, lambda n: optnumba.methods[n]):
        with pytest.raises(ValueError, match="'adam:keres'.*torch, keras, optax, ensmallen.*did you mean 'adam:keras'"):
            use("adam:keres")


def test_minimize_and_scipy_take_the_names():
    fun, start = lambda x: ((x**2).sum(), 2 * x), [1.0, -2.0]
    by_name = optnumba.minimize(fun, start, method="adam:keras", jac=True)
    by_scipy = scipy.optimize.minimize(fun, start, jac=True, method=optnumba.methods["adam:keras"])
    assert by_name.success
    assert by_name.x.tobytes() == by_scipy.x.tobytes()
    assert repr(optnumba.methods["adam:keras"]) == "optnumba.methods['adam:keras']"


def test_a_kernel_is_shared_where_the_arithmetic_is():
    for first, second in (("adam:keras", "adam:ensmallen"), ("rmsprop", "rmsprop:keras"), ("nag", "nag:ensmallen")):
        one, other = (Optimizer(np.zeros(2), name) for name in (first, second))
        for opt in (one, other):
            opt.step(np.ones(2))
        assert [*one._arrays._kernels.values()] == [*other._arrays._kernels.values()]


def brisk(x, g, eta):
    return (x - 3 * eta * g,)


def test_rules_of_one_label_and_other_arithmetic_share_no_kernel():
    """All of them have the label "sgd" or "mine/sgd", which is not a name of a file, in the names of their kernels."""
    for name in ("sgd:mine", "mine/sgd:a", "mine/sgd:b"):
        found = []
        for update in (RULES["sgd"].update, brisk):
            x = np.zeros(2)
            Optimizer(x, replace(RULES["sgd"], name=name, update=update), learning_rate=1.0).step(np.ones(2))
            found.append(x.tolist())
        assert found == [[-1.0, -1.0], [-3.0, -3.0]]


# -- Proofs -----------------------------------------------------------------------------------------------------------


def test_all_conventions_are_proved_in_seconds():
    before = time.process_time()
    assert all(symbolic.prove(name).proved for name in CONVENTIONS)
    assert time.process_time() - before < len(CONVENTIONS)


def test_equations_say_which_file_they_were_typed_from():
    for name, convention in symbolic.conventions.CONVENTIONS.items():
        assert convention.origin
        for e in convention.equations:
            if ":" in e.id:
                assert any(library in e.section for library in ("torch 2", "Keras 3", "optax 0", "ensmallen")), e
            else:
                assert any(e is other for algorithm in ALGORITHMS for other in symbolic.update_equations(algorithm)), e
        assert f"proved equal to {name} of {convention.origin}" in symbolic.prove(name).explain().replace("\n", " ")


def test_explain_says_that_the_product_is_a_state_and_what_a_power_of_psi_is():
    text = symbolic.prove("nadam:torch").explain()
    for part in (
        "nadam:torch-4: P_t = P_{t-1}*μ_t",
        "p is q_{t-1}, one number in [0, 1] for all",
        "ω = (24/25)**ψ",
        "q_t <= 1, ",
    ):
        assert part in text


def changed(name, **functions):
    return replace(RULES[name], **functions)


def torch_terms(mu, mu_next, p, next_p):
    return mu_next / next_p, (1 - mu) / p


def nadam_mutant(
    now=lambda t: t,
    ahead=lambda t: t + 1,
    carried=lambda mu, beta1: mu,
    stored=lambda old, new: new,
    terms=torch_terms,
    eps_of=lambda eps, root: eps * root,
):
    """torch's NAdam with one thing changed."""

    def coefficients(t, p, e, d2, e2, learning_rate, beta1, beta2, eps, momentum_decay):
        mu, mu_next = decay(now(t), beta1, momentum_decay), decay(ahead(t), beta1, momentum_decay)
        new, e = advance(p, e, carried(mu, beta1))
        d2, e2 = advance(d2, e2, beta2)
        next_p, _ = advance(new, e, mu_next)
        root = sqrt(d2)
        first, second = terms(mu, mu_next, new, next_p)
        scaled = learning_rate * root * first, learning_rate * root * second, eps_of(eps, root)
        return stored(p, new), e, d2, e2, beta1, 1 - beta1, beta2, 1 - beta2, *scaled

    return changed("nadam:torch", coefficients=coefficients)


MUTANTS = {
    "momentum:torch, rate inside": changed(
        "momentum:torch", update=lambda x, g, b, eta, gamma: (x - (b := gamma * b + eta * g), b)
    ),
    "momentum:torch, dampened": changed(
        "momentum:torch", update=lambda x, g, b, eta, gamma: (x - eta * (b := gamma * b + (1 - gamma) * g), b)
    ),
    "nag:torch, old velocity": changed(
        "nag:torch", update=lambda x, g, b, eta, gamma: (x - eta * (g + gamma * b), gamma * b + g)
    ),
    "nag:torch, γ twice": changed(
        "nag:torch", update=lambda x, g, b, eta, gamma: (x - eta * (g + gamma * gamma * (b := gamma * b + g)), b)
    ),
    "adagrad:torch, ε inside": changed(
        "adagrad:torch",
        update=lambda x, g, G, eta, first, eps: (x - eta * g / sqrt((G := G + g * g) + first + eps), G),
    ),
    "adagrad:torch, initial value outside": changed(
        "adagrad:torch",
        update=lambda x, g, G, eta, first, eps: (x - eta * g / (sqrt(G := G + g * g) + first + eps), G),
    ),
    "adagrad:torch, decay from the first step": changed(
        "adagrad:torch",
        coefficients=lambda t, learning_rate, lr_decay, initial_accumulator_value, eps: (
            learning_rate / (1 + t * lr_decay),
            initial_accumulator_value,
            eps,
        ),
    ),
    "adagrad:keras, ε squared": changed(
        "adagrad:keras",
        coefficients=lambda t, learning_rate, initial_accumulator_value, eps: (
            learning_rate,
            initial_accumulator_value + eps * eps,
        ),
    ),
    "adadelta:torch, D of the scaled step": changed(
        "adadelta:torch",
        update=lambda x, g, E, D, eta, rho, c, eps: (
            x - (s := eta * sqrt(D + eps) / sqrt((E := rho * E + c * g * g) + eps) * g),
            E,
            rho * D + c * s * s,
        ),
    ),
    "rmsprop:torch, ε inside": changed("rmsprop:torch", update=RULES["rmsprop"].update),
    "rmsprop:torch, old E": changed(
        "rmsprop:torch",
        update=lambda x, g, E, eta, rho, c, eps: (x - eta * g / (sqrt(E) + eps), rho * E + c * g * g),
    ),
    "adam:keras, ε corrected": changed("adam:keras", coefficients=RULES["adam"].coefficients),
    "adamax:torch, ε beside u": changed("adamax:torch", update=RULES["adamax:keras"].update),
    "adamax:torch, ε around the maximum": changed(
        "adamax:torch",
        update=lambda x, g, m, u, alpha, b1, c1, b2, eps: (
            x - alpha * (m := b1 * m + c1 * g) / (u := max(b2 * u, abs(g)) + eps),
            m,
            u,
        ),
    ),
    "adamax:keras, ε in the maximum": changed("adamax:keras", update=RULES["adamax:torch"].update),
    "nadam:optax, one correction for both": changed(
        "nadam:optax",
        coefficients=lambda t, d1, e1, d2, e2, learning_rate, beta1, beta2, eps: (
            *(new := constant(t, d1, e1, d2, e2, learning_rate, beta1, beta2, eps))[:8],
            learning_rate * sqrt(new[2]) * beta1 / new[0],
            *new[9:],
        ),
    ),
    "nadam:torch, μ_t for μ_{t+1}": nadam_mutant(ahead=lambda t: t),
    "nadam:torch, μ_{t+1} for μ_t": nadam_mutant(now=lambda t: t + 1),
    "nadam:torch, product of β₁": nadam_mutant(carried=lambda mu, beta1: beta1),
    "nadam:torch, product not carried on": nadam_mutant(stored=lambda old, new: old),
    "nadam:torch, both over 1 - P_t": nadam_mutant(terms=lambda m, n, p, q: (n / p, (1 - m) / p)),
    "nadam:torch, both over 1 - P_{t+1}": nadam_mutant(terms=lambda m, n, p, q: (n / q, (1 - m) / q)),
    "nadam:torch, g by μ_{t+1}": nadam_mutant(terms=lambda m, n, p, q: (n / q, (1 - n) / p)),
    "nadam:torch, ε̂": nadam_mutant(eps_of=lambda eps, root: eps),
    "nadam:torch, start of e": changed(
        "nadam:torch",
        start=lambda t, learning_rate, beta1, beta2, eps, momentum_decay: (
            t,
            *closed_form(t, beta2),
        ),
    ),
    "nadam:ensmallen, ε corrected": changed("nadam:ensmallen", coefficients=RULES["nadam:torch"].coefficients),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_refuted(mutant):
    proof = symbolic.prove(MUTANTS[mutant])
    assert proof.status == "refuted"
    assert proof.counterexample.found != proof.counterexample.expected
    assert set(proof.counterexample.values) <= {"x", "g", "t", *RULES[mutant.split(",")[0]].slots, "p", *HYPER}


def test_the_unchanged_mutant_is_proved():
    assert symbolic.prove(nadam_mutant()).proved


def rate_doubled_at_0(t, p, e, d2, e2, learning_rate, beta1, beta2, eps, momentum_decay):
    rate = where(momentum_decay, learning_rate, 2 * learning_rate)
    return scheduled(t, p, e, d2, e2, rate, beta1, beta2, eps, momentum_decay)


def decay_doubled(t, p, e, d2, e2, learning_rate, beta1, beta2, eps, momentum_decay):
    return scheduled(t, p, e, d2, e2, learning_rate, beta1, beta2, eps, 2 * momentum_decay)


def test_a_power_of_a_hyperparameter_is_followed_at_its_end_too():
    """0.96^ψ is taken for any number in [0, 1]; a rule that is wrong at ψ = 0 alone is not proved."""
    proof = symbolic.prove(changed("nadam:torch", coefficients=rate_doubled_at_0))
    assert proof.status == "refuted"
    assert proof.counterexample.values["momentum_decay"] == 0
    assert symbolic.prove(changed("nadam:torch", coefficients=decay_doubled)).status == "refuted"


# -- Compiled, against the loops typed from the libraries -------------------------------------------------------------


def warm_up(t):
    return 0.02 / (1.0 + 0.1 * t)


def slope(x):
    return np.array([1.0, 1e-4, 1e-8, 0.0]) * (x - np.array([-1.0, 1.0, -1.0, 2.0]))


@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_compiled_rule_is_the_textbook_loop(name):
    """Gradients of 1 and 1e-4, of 1e-8 (which an ε changes, wherever it stands), and exact zeros."""
    loop, hyper = TYPED[name]
    x = np.array([1.0, 0.0, 0.0, 0.5])
    iterates, state = loop(x.copy(), slope, STEPS, **{**hyper, "learning_rate": warm_up})
    opt = Optimizer(x, name, learning_rate=warm_up)
    found = [x.copy()]
    for _ in range(STEPS):
        opt.step(slope(x))
        found.append(x.copy())
    expected = np.array(iterates)
    changes = np.abs(np.diff(expected, axis=0, prepend=expected[:1]))
    # As in test_naive: each step rounds x once and its change a few times; 1 - β**t of the loop loses 66 ulp more.
    allowed = np.finfo(float).eps * np.cumsum(np.abs(expected) + 82 * changes, axis=0)
    assert (np.abs(np.array(found) - expected) <= allowed).all()
    for slot in opt.rule.slots:
        scale = np.abs(state[slot]).max() + TYPED[name][1].get("initial_accumulator_value", 0)
        np.testing.assert_allclose(opt.slots[0][slot], state[slot], rtol=1e-11, atol=1e-12 * scale)


def test_resuming_anywhere_is_going_on():
    """`replay` finds what the steps carried: a state loaded at t continues bit for bit but for its last digits."""
    x, y = np.ones(3), np.ones(3)
    one, other = (Optimizer(z, "nadam:torch", momentum_decay=0.3) for z in (x, y))
    for t in range(60):
        g = np.cos(np.arange(3.0) + t)
        one.step(g)
        other.step(g)
        other.t = t + 1
    np.testing.assert_allclose(x, y, rtol=1e-14)


# -- The product of decays --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("psi", [0.0, 1e-6, 0.004, 0.3, 0.35, 1.0, 1e6])
@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9, 0.999, 1 - 1e-9])
def test_the_product_is_kept_to_two_ulp(beta1, psi):
    rule = RULES["nadam:torch"]
    values = list(rule.check(beta1=beta1, momentum_decay=psi).values())
    with mpmath.workdps(60):
        carry, product = (0.0,) * 4, mpmath.mpf(1)
        for t in range(1, 2001):
            carry = rule.coefficients(t, *carry, *values)[:4]
            product *= mpmath.mpf(nadam.decay(t, beta1, psi))
            if t in (1, 2, 5, 50, 500, 2000):
                found = rule.start_at(t, values)[0]
                for p in (carry[0], found):
                    assert abs(mpmath.mpf(p) - (1 - product)) <= 2 * math.ulp(float(1 - product)), (t, p)


def test_replay_takes_no_longer_for_a_trillion_steps():
    rule = RULES["nadam:torch"]
    for beta1 in (0.9, 1 - 1e-9, 1 - 2.0**-53):
        for psi in np.geomspace(1e-12, 1e6, 40):
            calls = 0

            def counted(t, beta1, momentum_decay):
                nonlocal calls
                calls += 1
                return nadam.decay(t, beta1, momentum_decay)

            replay = optnumba.bind(rule.replay, decay=counted)
            (p,) = replay(10.0**12, *rule.check(beta1=beta1, momentum_decay=float(psi)).values())
            assert calls <= 3000
            assert 0 < p <= 1


def test_a_rule_says_what_is_wrong_with_its_recurrent_scalars():
    rule = RULES["nadam:torch"]
    with pytest.raises(TypeError, match="recurrent=.* must come first in carry=.*; reorder"):
        replace(rule, recurrent=("d2",))
    with pytest.raises(TypeError, match="recurrent=.* and replay=None go together"):
        replace(rule, replay=None)
    with pytest.raises(TypeError, match=r"replay\(t\) should be replay\(t, learning_rate"):
        replace(rule, replay=lambda t: (0.0,))


def test_with_defaults_checks():
    with pytest.raises(TypeError, match="did you mean 'learning_rate'"):
        RULES["sgd"].with_defaults("mine", "", learning_rte=1)
    with pytest.raises(ValueError, match="momentum=1.0 is outside"):
        RULES["nag"].with_defaults("mine", "", momentum=1)
