"""Where the learning rate of step t comes from, and the coefficients that follow from it."""


def constant(t, hyper, values):
    return hyper[0]


def scheduled(t, hyper, values):
    return float(schedule(t))


def parametric(t, hyper, values):
    """Ask a schedule whose parameters stand in `values` behind the hyperparameters."""
    return schedule(t, values, len(hyper))


def rateless(t, hyper, values):
    return 1.0


def with_rate(t, carry, rate, hyper):
    return coefficients(t, *carry, rate, *hyper[1:])


def without_rate(t, carry, rate, hyper):
    return coefficients(t, *carry, *hyper)


def prepare(state, carry, values, huge, factor, c):
    """Count the step in state[0] and write its coefficients to `c`; where the rate is bad, do neither: state[1] = 1."""
    t, hyper = state[0] + 1, unpack_hyper(values)
    rate = learning_rate(t, hyper, values)
    if not 0 <= rate <= huge:
        state[1] = 1
        return
    new = advance(t, unpack(carry), rate, hyper)
    pack(carry, new[:CARRY])
    pack_coefficients(c, limited(number, cast(number, new[CARRY:]), factor[0]))
    state[0] = t
