"""Ways of visiting coordinates. No algorithm is named here; `optnumba.bind` gives each loop its rule."""
