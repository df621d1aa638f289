"""What a rule says of steps without a gradient, and of its pace, against steps taken one by one."""

from dataclasses import replace

import mpmath
import pytest

from optnumba import RULES, bind

DIGITS = mpmath.mp.clone()
DIGITS.dps = 50

# Rules that differ in defaults alone would be tested twice.
DIFFERENT = list({(r.update, r.coefficients): name for name, r in reversed(RULES.items())}.values())[::-1]
IDLE = [name for name in DIFFERENT if RULES[name].idle]
STAYS = [name for name, rule in RULES.items() if rule.stays]
MOMENTS = ("adam", "adamax", "nadam", "momentum:torch", "nag:torch")  # with no closed form


def in_50_digits(rule, hyper, x, slots, steps):
    """Return (x, *slots) after steps of `update` with gradient 0."""
    where = lambda c, a, b: a if c else b  # noqa: E731
    update = bind(rule.update, sqrt=DIGITS.sqrt, where=where)
    state = [DIGITS.mpf(number) for number in (x, *slots)]
    for t in range(1, steps + 1):
        state = update(state[0], DIGITS.mpf(0), *state[1:], *rule.coefficients(t, *map(DIGITS.mpf, hyper)))
    return state


def test_which_rules_have_a_closed_form():
    assert not any(name.startswith(MOMENTS) for name in IDLE)
    assert {name.partition(":")[0] for name in IDLE} == {"sgd", "momentum", "nag", "adagrad", "adadelta", "rmsprop"}
    assert {name.partition(":")[0] for name in STAYS} == {"sgd", "adagrad"}
    assert all(rule.idle for name, rule in RULES.items() if name.startswith(("sgd", "adagrad", "adadelta", "rmsprop")))
    assert all(rule.pace for rule in RULES.values())


@pytest.mark.parametrize("name", IDLE)
@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 1 - 2.0**-40])
def test_idle_is_that_many_steps_with_gradient_0(name, decay):
    rule = RULES[name]
    values = tuple({"momentum": decay, "rho": decay}.get(h.name, h.default) for h in rule.hyper)
    x, slots = -3.5, [0.75, 1.25][: len(rule.slots)]
    for steps in (0, 1, 2, 7, 1000):
        found = rule.idle(x, *slots, *rule.idle_at(steps, values))
        expected = in_50_digits(rule, values, x, slots, steps)
        for number, exact in zip(found, expected, strict=True):
            assert number == pytest.approx(float(exact), rel=4e-15, abs=1e-300), (name, steps)


@pytest.mark.parametrize("name", STAYS)
def test_where_nothing_moves_not_a_bit_changes(name):
    rule = RULES[name]
    x, slots = 0.1, (0.7,) * len(rule.slots)
    assert rule.update(x, 0.0, *slots, *rule.coefficients(3, *rule.defaults.values())) == (x, *slots)
    assert rule.idle(x, *slots) == (x, *slots)


@pytest.mark.parametrize("gamma", [0.0, 1e-300, 0.1, 0.5, 0.999, 1 - 1e-9, 1 - 2.0**-53])
@pytest.mark.parametrize("k", [0.0, 1.0, 7.0, 1e6, 1e15])
def test_the_sum_of_decays_is_accurate(gamma, k):
    exact = DIGITS.mpf(gamma) * (1 - DIGITS.power(gamma, k)) / (1 - DIGITS.mpf(gamma))
    assert RULES["momentum"].idle_at(k, (0.1, gamma))[1] == pytest.approx(float(exact), rel=1e-15, abs=0)


# Not inherited in silence ----------------------------------------------------------------------------------------


def test_another_step_drops_what_was_written_for_the_old_one():
    rule = RULES["momentum"]
    for change in (
        {"update": lambda x, g, v, eta, gamma: (x, v)},
        {"coefficients": lambda t, learning_rate, momentum: (0, 0)},
    ):
        changed = replace(rule, **change)
        assert (changed.idle, changed.idle_coefficients, changed.pace) == (None, None, None)
        assert replace(changed, name="again").idle is None
        kept = replace(rule, **change, written_for=())
        assert (kept.idle, kept.pace) == (rule.idle, rule.pace)
        given = replace(rule, **change, pace=lambda v, eta, gamma: eta)
        assert given.idle is None and given.pace is not None
    assert replace(rule, name="mine").idle is rule.idle
    assert rule.with_defaults("mine", "an example", momentum=0.5).idle is rule.idle


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"idle": None}, "go together; give both"),
        ({"idle": lambda x, left, path: x}, r"idle\(x, left, path\) should be idle\(x, v"),
        ({"idle_coefficients": lambda k, momentum: ()}, r"should be idle_coefficients\(k, learning_rate, momentum\)"),
        ({"pace": lambda eta, gamma: eta}, r"should be pace\(v, eta, gamma\)"),
    ],
)
def test_signatures_are_checked(change, message):
    with pytest.raises(TypeError, match=message):
        replace(RULES["momentum"], **change)


# The pace --------------------------------------------------------------------------------------------------------


def descend(rule, gradient, x, steps, **hyper):
    """Take steps in floats; yield x before and after each, and the pace."""
    values, carry, slots = rule.check(**hyper).values(), (0.0,) * len(rule.carry), (0.0,) * len(rule.slots)
    for t in range(1, steps + 1):
        new = rule.coefficients(t, *carry, *values)
        carry, coefficients = new[: len(carry)], new[len(carry) :]
        moved, *slots = rule.update(x, gradient(x), *slots, *coefficients)
        sent = yield x, moved, rule.pace(*slots, *coefficients)
        x = moved if sent is None else sent


@pytest.mark.parametrize("name", DIFFERENT)
@pytest.mark.parametrize("g", [-0.3, 2.0])
def test_the_pace_is_how_far_a_step_goes_for_a_gradient_of_1(name, g):
    hyper = {"beta2": 0.9} if "beta2" in RULES[name].defaults else {}
    *_, (before, after, pace) = descend(RULES[name], lambda x: g, 0.0, 1500, **hyper)
    # Adadelta's second average never quite settles: its steps grow for ever.
    assert after - before == pytest.approx(-pace * g, rel=1e-3 if name.startswith("adadelta") else 1e-9)


def test_the_pace_is_0_where_nothing_can_move():
    assert RULES["adamax"].pace(0.0, 0.0, 0.1, 0.9, 0.1, 0.99) == 0


def soft(x, threshold):
    return max(x - threshold, 0.0) + min(x + threshold, 0.0)


RATES = {
    "sgd": 0.1,
    "momentum": 0.02,
    "nag": 0.02,
    "adagrad": 0.5,
    "adadelta": 1.0,
    "rmsprop": 0.01,
    "adam": 0.01,
    "adamax": 0.01,
    "nadam": 0.01,
}


@pytest.mark.parametrize("name", DIFFERENT)
@pytest.mark.parametrize(("centre", "penalty"), [(2.0, 1.5), (-2.0, 1.5), (0.4, 1.5)])
def test_a_proximal_step_at_the_pace_ends_at_the_minimiser(name, centre, penalty):
    """Of 2 (x - c)²/2 + λ|x|: the soft threshold of c at λ/2, and exactly 0 within it."""
    hyper = {"learning_rate": RATES[name.partition(":")[0]]} if "learning_rate" in RULES[name].defaults else {}
    hyper |= {"beta2": 0.9} if "beta2" in RULES[name].defaults else {}
    count = 6000 if name.startswith("adadelta") else 3000  # it starts with small steps
    steps = descend(RULES[name], lambda x: 2 * (x - centre), 1.0, count + 1, **hyper)
    _, moved, pace = next(steps)
    for _ in range(count):
        x = soft(moved, pace * penalty)
        _, moved, pace = steps.send(x)
    expected = soft(centre, penalty / 2)
    assert x == (pytest.approx(expected, rel=2e-3 if name.startswith("adadelta") else 1e-9) if expected else 0.0)
