"""Ways of visiting coordinates. No algorithm is named here; `optnumba.compilation` gives each loop its rule."""
