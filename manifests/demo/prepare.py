#!/usr/bin/env python3
"""Makes the CSV files of the demo from the npm package vega-datasets.

    npm pack vega-datasets@3.2.1 && tar xzf vega-datasets-3.2.1.tgz
    python3 prepare.py package

Standard library only. The result is committed; run this again only for another version.
"""

import csv
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent

# The airports name a state by its postal (or FAA) code, the capitals by its name.
STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California",
    "CO": "Colorado", "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa",
    "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland",
    "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi",
    "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York",
    "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma",
    "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina",
    "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
    "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin",
    "WY": "Wyoming", "AS": "American Samoa", "CQ": "Northern Mariana Islands",
    "DC": "District of Columbia", "GU": "Guam", "PR": "Puerto Rico", "VI": "Virgin Islands",
}

# ISO 3166-1 alpha-3, because the names hold blanks and an id does not.
COUNTRIES = {
    "USA": "USA", "Thailand": "THA", "Palau": "PLW", "N Mariana Islands": "MNP",
    "Federated States of Micronesia": "FSM",
}


def write(name, header, rows):
    with open(HERE / "data" / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def known(value):
    """The source writes NA where it does not know."""
    return "" if value == "NA" else value


def main(package):
    data = pathlib.Path(package) / "data"
    capitals = {row["state"]: row for row in json.loads((data / "us-state-capitals.json").read_text())}
    airports = list(csv.DictReader(open(data / "airports.csv", encoding="utf-8")))
    routes = list(csv.DictReader(open(data / "flights-airport.csv", encoding="utf-8")))

    write("countries.csv", ["code", "name"],
          [[code, name] for name, code in sorted(COUNTRIES.items(), key=lambda item: item[1])])
    write("states.csv", ["code", "name", "country", "capital", "latitude", "longitude"],
          [[code, name, "USA", *(capitals[name][key] if name in capitals else ""
                                 for key in ("city", "lat", "lon"))]
           for code, name in sorted(STATES.items())])
    write("airports.csv", ["iata", "name", "city", "state", "country", "latitude", "longitude"],
          [[row["iata"], row["name"].strip(), known(row["city"]), known(row["state"]),
            COUNTRIES[row["country"]], row["latitude"], row["longitude"]] for row in airports])
    write("routes.csv", ["route", "origin", "destination", "flights"],
          [[f"{row['origin']}-{row['destination']}", row["origin"], row["destination"], row["count"]]
           for row in routes])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
