"""Where the learning rate of step t comes from, and the coefficients that follow from it."""


def constant(t, hyper):
    return hyper[0]


def scheduled(t, hyper):
    return float(schedule(t))


def rateless(t, hyper):
    return 1.0


def with_rate(t, carry, rate, hyper):
    return coefficients(t, *carry, rate, *hyper[1:])


def without_rate(t, carry, rate, hyper):
    return coefficients(t, *carry, *hyper)
