"""Momentum, section 4 of the document."""

from .notation import Algorithm, Equation, NablaJ, eta, gamma, letter, theta, theta_next

v_before = letter("v_{t-1}", "v_{t-1}", real=True)
v = letter("v_t", "v_t", real=True)

MOM_1 = Equation("MOM-1", v, gamma * v_before + eta * NablaJ(theta), "Momentum")
MOM_2 = Equation("MOM-2", theta_next, theta - v, "Momentum")

MOMENTUM = Algorithm("momentum", (MOM_1, MOM_2), states=((v_before, v),), hyper=("learning_rate", "momentum"))
