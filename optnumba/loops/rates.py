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
