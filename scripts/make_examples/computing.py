"""Tasks on structured files: sums, merges, conversions."""

from __future__ import annotations

import csv
import io
import json
import random
from decimal import Decimal
from typing import Any

from task import Row, all_of, figure, holds_json, python, same, says, task, text

REGIONS = ("north", "south", "east", "west")
HOURS = text("""
employee,task,hours
"Smith, Ann",survey,3.5
"Okafor, Chidi","drawing, second draft",6.25
"Lindqvist, Eva",survey,2
"Smith, Ann",travel,1.75
"Okafor, Chidi",meeting,0.5
""")
SCORES = text("""
player,round,score
ada,1,17
ben,1,22
cho,1,9
ada,2,31
ben,2,12
cho,2,26
ada,3,8
ben,3,19
""")
STATIONS = text("""
station,height_m,rain_mm
Aldern,412,8.4
Brück,97,3.1
Cresta,1804,22.7
Dover Hill,233,11.9
Eskdale,310,17.3
""")
PEOPLE = text("""
name,age,city
Noor,34,Leiden
Émile,51,Lyon
Kit,19,Cork
Sanna,42,Turku
""")
STOCK = text('''
sku,title,price,count
A-100,"Lamp, green",19.5,4
A-101,Mug,7,32
B-007,"Tray ""large""",24.25,0
''')
SENSORS = text("""
{"sensor": "t1", "celsius": 21.5}
{"sensor": "t2", "celsius": 19.0}
{"sensor": "t7", "celsius": -3.25}
""")


def rows() -> list[Row]:
    """Make all rows of this file."""
    return [*columns(), *merges(), *conversions()]


def read(table: str) -> list[dict[str, str]]:
    """Read a CSV file."""
    return list(csv.DictReader(io.StringIO(table)))


def sales(seed: int, count: int) -> str:
    """Invent sales: date, region, pieces, amount."""
    dice = random.Random(seed)
    made = ["date,region,pieces,amount"]
    for number in range(count):
        cents = dice.randrange(500, 90000)
        day = f"2026-01-{1 + number % 28:02d}"
        region, pieces = REGIONS[dice.randrange(4)], dice.randrange(1, 20)
        made.append(f"{day},{region},{pieces},{cents // 100}.{cents % 100:02d}")
    return "\n".join(made) + "\n"


def add(table: str, column: str, **only: str) -> Decimal:
    """Add up a column over the rows that have these values."""
    chosen = [row for row in read(table) if all(row[key] == only[key] for key in only)]
    return sum((Decimal(row[column]) for row in chosen), Decimal(0))


def columns() -> list[Row]:
    """Sums, averages and largest values of a column."""
    large, small = sales(11, 120), sales(12, 35)
    bills = small.replace("amount", "Amount").replace("region", "Region")
    scores = [int(row["score"]) for row in read(SCORES)]
    return [
        task(
            "sum-1",
            "Sum the amount column of sales.csv and write the total to total.txt.",
            {"sales.csv": large},
            figure("total.txt", add(large, "amount")),
            family="sum",
            rows=120,
        ),
        task(
            "sum-2",
            "What is the average of the column score in games/scores.csv? Save the number in "
            "average.txt.",
            {"games/scores.csv": SCORES},
            figure("average.txt", sum(scores) / len(scores)),
            family="sum",
        ),
        task(
            "sum-3",
            "In data/sales.csv, add up the `pieces` column, but only rows where region is north. "
            "Write the result to north.txt.",
            {"data/sales.csv": small},
            figure("north.txt", add(small, "pieces", region="north")),
        ),
        task(
            "sum-4",
            "hours.csv is a time sheet with quoted fields. What do the values of its hours column "
            "add up to? Put the figure into hours.txt.",
            {"hours.csv": HOURS},
            figure("hours.txt", add(HOURS, "hours")),
            family="sum",
            quoted=True,
        ),
        task(
            "sum-5",
            "Find the largest value in the rain_mm column of stations.csv and write it, the number "
            "only, to wettest.txt.",
            {"stations.csv": STATIONS},
            figure("wettest.txt", max(float(row["rain_mm"]) for row in read(STATIONS))),
        ),
        task(
            "sum-6",
            "Please total the amount column in bills.csv for rows whose region is south. Write the "
            "figure to south.txt.",
            {"bills.csv": bills},
            figure("south.txt", add(small, "amount", region="south")),
            family="sum",
            note="the header is spelled with capitals",
        ),
    ]


def merges() -> list[Row]:
    """JSON files made into one."""
    base = {"name": "tally", "port": 8080, "debug": False, "paths": {"data": "var", "log": "log"}}
    local = {"port": 9090, "debug": True, "paths": {"log": "/srv/tally"}, "colour": "auto"}
    de = {"yes": "ja", "no": "nein", "cancel": "abbrechen"}
    at = {"cancel": "stornieren", "hello": "grüß Gott"}
    monday = [{"id": 1, "what": "import"}, {"id": 2, "what": "backup"}]
    tuesday = [{"id": 3, "what": "report"}]
    friday = [{"id": 4, "what": "cleaning"}, {"id": 5, "what": "backup"}]
    prices = [{"eur": {"tea": 3}}, {"eur": {"tea": 3.5, "cocoa": 4}}, {"usd": {"tea": 4}}]
    rota = ["Kim", "Lea", "Sam"]

    def files(**values: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON
        return {
            f"{k.replace('__', '/')}.json": json.dumps(v, indent=1) + "\n"
            for k, v in values.items()
        }

    return [
        task(
            "merge-1",
            "Merge config/base.json and config/local.json into config/merged.json. Objects merge "
            "key by key at every depth; where both set a value, the later file wins.",
            files(config__base=base, config__local=local),
            holds_json(
                "config/merged.json",
                {**base, **local, "paths": {"data": "var", "log": "/srv/tally"}},
            ),
            family="merge",
            files=2,
        ),
        task(
            "merge-2",
            "Combine the lists in monday.json, tuesday.json and friday.json, in that order, into a "
            "single one and write it to week.json.",
            files(monday=monday, tuesday=tuesday, friday=friday),
            holds_json("week.json", [*monday, *tuesday, *friday]),
        ),
        task(
            "merge-3",
            "Overlay the translations i18n/de.json with i18n/at.json (the second one has the last "
            "word) and save the outcome as i18n/de-at.json.",
            files(i18n__de=de, i18n__at=at),
            all_of(
                holds_json("i18n/de-at.json", {**de, **at}),
                same(files(i18n__de=de, i18n__at=at)),
            ),
            family="merge",
        ),
        task(
            "merge-4",
            "Three price lists, prices/a.json, prices/b.json and prices/c.json, are to be merged "
            "into prices.json. Later files override earlier ones, nested keys included.",
            files(prices__a=prices[0], prices__b=prices[1], prices__c=prices[2]),
            holds_json("prices.json", {"eur": {"tea": 3.5, "cocoa": 4}, "usd": {"tea": 4}}),
        ),
        task(
            "merge-5",
            "Join early.json and late.json, both JSON arrays of names, one after the other. Store "
            "the array in rota.json.",
            files(early=rota, late=rota[::-1]),
            holds_json("rota.json", [*rota, *rota[::-1]]),
        ),
    ]


def conversions() -> list[Row]:
    """One format into another."""
    people = [{**row, "age": int(row["age"])} for row in read(PEOPLE)]
    stock = [{**r, "price": float(r["price"]), "count": int(r["count"])} for r in read(STOCK)]
    tsv = PEOPLE.replace(",", "\t")
    readings = [json.loads(line) for line in SENSORS.splitlines()]
    return [
        task(
            "convert-1",
            "Convert people.csv to people.json: a list with one object a row, the keys taken from "
            "the header, numbers as JSON numbers.",
            {"people.csv": PEOPLE},
            holds_json("people.json", people),
            family="convert",
            to="json",
        ),
        task(
            "convert-2",
            "Turn orders/people.json into orders/people.csv with a header line and the columns in "
            "the order of the keys.",
            {"orders/people.json": json.dumps(people, indent=2, ensure_ascii=False) + "\n"},
            says("orders/people.csv", PEOPLE),
            family="convert",
            to="csv",
        ),
        task(
            "convert-3",
            "Please export stock.csv to stock.jsonl, one JSON object a line. Fields that are "
            "numbers become numbers.",
            {"stock.csv": STOCK},
            python(
                "import json; assert [json.loads(line) for line in open('stock.jsonl')] == "
                f"json.loads({json.dumps(stock)!r})"
            ),
            family="convert",
            to="jsonl",
        ),
        task(
            "convert-4",
            "members.tsv is separated by tabs. Convert it into members.json, a list of objects; "
            "leave every value a string.",
            {"members.tsv": tsv},
            holds_json("members.json", read(PEOPLE)),
        ),
        task(
            "convert-5",
            "Rewrite the JSON lines file readings.jsonl as a CSV table and save it to readings.csv "
            "(header first).",
            {"readings.jsonl": SENSORS},
            says(
                "readings.csv",
                "sensor,celsius\n" + "\n".join(f"{r['sensor']},{r['celsius']}" for r in readings),
            ),
        ),
    ]
