"""The names that people give to what a step is handed."""

from ..equations.notation import HYPER
from .branches import STEP_NUMBERS

# Other names in use for a hyperparameter; one counts only where its usual name is not there.
ALIASES = {
    "learning_rate": ("lr", "eta", "η", "alpha", "α", "step_size", "stepsize", "rate"),
    "momentum": ("gamma", "γ", "mu", "μ", "beta", "β", "beta1", "rho", "decay"),
    "rho": ("gamma", "γ", "ρ", "decay", "decay_rate", "beta2", "beta", "β", "alpha", "α"),
    "beta1": ("b1", "β1", "β₁", "beta_1"),
    "beta2": ("b2", "β2", "β₂", "beta_2"),
    "eps": ("epsilon", "ε"),
}

ITERATES = tuple(
    "x theta θ w W params param p weights weight phi φ position y variable var parameters parameter xs point".split()
)
GRADIENTS = tuple(
    "g grad grads gradient gradients dx dw dW dtheta d_theta dp dparams grad_x gx gs df nabla d_x g_t".split()
)
BAGS = tuple("state states opt_state optim_state optimizer_state cache memory config slots buffers moments".split())

# One argument for two hyperparameters.
PAIR = {"betas": ("beta1", "beta2")}

ANY_HYPER = {name for hyper in HYPER for name in (hyper, *ALIASES.get(hyper, ()))}


def hyper_names(available, target):
    """Return {hyperparameter: the name it has among `available`} for those of an algorithm that are there."""
    found = {}
    for hyper in target.hyper:
        taken = {*found.values(), *target.hyper} - {hyper}
        names = (hyper, *ALIASES.get(hyper, ()))
        name = next((n for n in names if n in available and n not in taken), None)
        if name:
            found[hyper] = name
    return found


def named(available, names):
    """Return the first of `available` that is one of `names`, or None."""
    return next((n for n in available if n in names), None)


def usual(name):
    """Return a variable's name as an argument would have it: without its module, ``_`` and capitals; one of a pair."""
    name = name.rpartition(".")[2].lstrip("_")
    name = name.lower() if name.isupper() else name
    stem, _, place = name.partition("[")
    return PAIR[stem][int(place[:-1])] if stem in PAIR and place in ("0]", "1]") else name


def says_scalar(name):
    """Return whether a name is a step number's or a hyperparameter's: one number for all coordinates."""
    return name in STEP_NUMBERS or name in ANY_HYPER
