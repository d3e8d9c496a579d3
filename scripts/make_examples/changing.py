"""Tasks that change what is there: scripts to fix, files to rename, constants to change."""

from __future__ import annotations

import re

from task import Row, all_of, lists, prints, same, says, task, text

REPORT = text('''
"""Print the total of an invoice."""

ITEMS = [("paper", 2, 4.50), ("ink", 1, 18.00), ("stamps", 10, 0.85)]


def total(items):
    summe = 0
    for _name, count, price in items:
        summe += count * price
    return sume


print(f"Total: {total(ITEMS):.2f}")
''')
CIRCLE = text("""
import sys

radii = [1.0, 2.5, 4.0]
for radius in radii:
    print(f"{radius}: {math.pi * radius**2:.2f}")
sys.exit(0)
""")
GRADES = text("""
def grade(points):
    if points >= 90:
        return "A"
    if points >= 75
        return "B"
    return "C"


for name, points in [("Ida", 93), ("Jo", 80), ("Max", 41)]:
    print(name, grade(points))
""")
SHOPPING = text("""
basket = []
for item in ("bread", "milk", "apples"):
    basket.apend(item)
print(len(basket), "items:", ", ".join(sorted(basket)))
""")
TOTALS = text("""
import jsn

with open("data/orders.jsn") as file:
    orders = jsn.load(file)
print("orders:", len(orders))
print("sum:", sum(order["amount"] for order in orders))
""")
ORDERS = '[{"amount": 12}, {"amount": 30}, {"amount": 8}]\n'
GREETING = text("""
visits = {"mon": 4, "tue": 7, "wed": 5}
print("Days: " + len(visits))
print("Best: " + max(visits, key=visits.get))
print("Most: " + max(visits.values()))
""")
BACKUP = text("""
#!/bin/bash
set -e
mkdir -p backup
for name in notes todo; do
    cp "$name.txt" "backup/$name.bak"
done
ehco "copied $(ls backup | wc -l) files"
""")
LIMITS = {
    "src/limits.py": "MAX_RETRY = 3\nPAUSE = 0.5\n",
    "src/client.py": text("""
from limits import MAX_RETRY


def fetch(get, url):
    for attempt in range(MAX_RETRY):
        print("attempt", attempt, "of", MAX_RETRY)
        try:
            return get(url)
        except OSError:
            continue
    raise TimeoutError(url)
"""),
    "src/jobs/nightly.py": "from limits import MAX_RETRY\n\nprint('retries:', MAX_RETRY)\n",
    "src/README.md": "MAX_RETRY is how often we try.\n",
}
THEME = {
    "theme/base.css": ":root { --brand: navy; }\n",
    "theme/colours.py": "PRIMARY = 'navy'\nPRIMARY_DARK = 'black'\n",
    "theme/pair.py": "from colours import PRIMARY, PRIMARY_DARK\n\nALL = (PRIMARY, PRIMARY_DARK)\n",
    "theme/links.py": "from colours import PRIMARY\n\nLINK = PRIMARY\n",
}
TIMEOUTS = {
    "deploy/web.env": "HOST=0.0.0.0\nTIMEOUT=30\n",
    "deploy/worker.env": "QUEUE=jobs\nTIMEOUT=30\nRETRIES=30\n",
    "deploy/settings.py": "TIMEOUT = 30\nIDLE_TIMEOUT = 30\n\n\ndef wait():\n    return TIMEOUT\n",
    "deploy/notes.md": "TIMEOUT was 20 until May.\n",
}
PORTS = {
    "services/api.py": "PORT = 8000\n\n\ndef url():\n    return f'http://127.0.0.1:{PORT}'\n",
    "services/compose.yaml": "services:\n  api:\n    environment:\n      PORT: 8000\n",
    "services/legacy.py": "PORT = 80001\n",
}
UNITS = {
    "lib/units.py": "KM = 1000\nMILE = 1609\n",
    "lib/route.py": "from units import KM\n\n\ndef km(metres):\n    return metres / KM\n",
    "lib/race.py": "from units import KM, MILE\n\nMARATHON = 42 * KM + 195\nMILES = 26 * MILE\n",
}


def rows() -> list[Row]:
    """Make all rows of this file."""
    return [*fixes(), *renames(), *constants()]


def fixes() -> list[Row]:
    """Scripts that fail."""
    texts = {"notes.txt": "buy a new rope\n", "todo.txt": "ring the harbour master\n"}
    return [
        task(
            "fix-1",
            "report.py crashes. Find out why, fix it and make sure that it runs.",
            {"report.py": REPORT},
            prints("python3 report.py", "Total: 35.50"),
            family="fix",
            error="NameError",
        ),
        task(
            "fix-2",
            "tools/circle.py fails with an error. Can you fix it?",
            {"tools/circle.py": CIRCLE},
            prints("python3 tools/circle.py", "1.0: 3.14\n2.5: 19.63\n4.0: 50.27"),
            family="fix",
            error="NameError",
        ),
        task(
            "fix-3",
            "I can't get grades.py to run since my last edit: it's broken. Get it running again.",
            {"grades.py": GRADES},
            prints("python3 grades.py", "Ida A\nJo B\nMax C"),
            family="fix",
            error="SyntaxError",
        ),
        task(
            "fix-4",
            "Debug shopping.py. It should print the number of items and then their names.",
            {"shopping.py": SHOPPING},
            prints("python3 shopping.py", "3 items: apples, bread, milk"),
            family="fix",
            error="AttributeError",
        ),
        task(
            "fix-5",
            "totals.py does not work here, and there may be more than one mistake in it. Fix the "
            "script, not the data.",
            {"totals.py": TOTALS, "data/orders.json": ORDERS},
            all_of(
                prints("python3 totals.py", "orders: 3\nsum: 50"), says("data/orders.json", ORDERS)
            ),
            family="fix",
            error="ModuleNotFoundError, FileNotFoundError",
        ),
        task(
            "fix-6",
            "There are two bugs of the same kind in visits.py. Make it run to its end.",
            {"visits.py": GREETING},
            prints("python3 visits.py", "Days: 3\nBest: tue\nMost: 7"),
            family="fix",
            error="TypeError",
        ),
        task(
            "fix-7",
            "backup.sh fails at its last line: please fix it.",
            {"backup.sh": BACKUP, **texts},
            prints("bash backup.sh", "copied 2 files"),
        ),
    ]


def renames() -> list[Row]:
    """Files whose names follow a rule afterwards."""
    docs = {"intro.txt": "Welcome\n", "setup.txt": "Steps\n", "logo.svg": "<svg/>\n"}
    photos = {"IMG_01.JPG": "a\n", "Beach.JPG": "b\n", "IMG_02.jpg": "c\n", "Notes.TXT": "d\n"}
    scans = {"tax form 2025.pdf": "1\n", "rent.pdf": "2\n", "phone bill may.pdf": "3\n"}
    reports = {"sales.csv": "a,1\n", "stock.csv": "b,2\n", "staff.csv": "c,3\n"}
    drafts = {f"chapter-{n}-draft.md": f"Chapter {n}\n" for n in range(1, 7)}
    final = {name.replace("draft", "final"): content for name, content in drafts.items()}

    def inside(folder: str, files: dict[str, str]) -> dict[str, str]:
        return {f"{folder}/{name}": content for name, content in files.items()}

    return [
        task(
            "rename-1",
            "Change the extension of each .txt file in docs/ to .md. Leave other files alone.",
            inside("docs", docs),
            all_of(
                lists("docs", ["intro.md", "setup.md", "logo.svg"]),
                says("docs/intro.md", "Welcome"),
            ),
            family="rename",
        ),
        task(
            "rename-2",
            "Make all file names in photos/ lower case.",
            inside("photos", photos),
            all_of(
                lists("photos", [name.lower() for name in photos]), says("photos/beach.jpg", "b")
            ),
        ),
        task(
            "rename-3",
            "The names of the files in the scans folder contain spaces. Rename them so that each "
            "space becomes an underscore.",
            inside("scans", scans),
            lists("scans", [name.replace(" ", "_") for name in scans]),
            family="rename",
            spaces=True,
        ),
        task(
            "rename-4",
            'Rename the files in reports/ so that each name begins with "2026-".',
            inside("reports", reports),
            all_of(
                lists("reports", [f"2026-{name}" for name in reports]),
                says("reports/2026-stock.csv", "b,2"),
            ),
        ),
        task(
            "rename-5",
            "In book/, every file name has 'draft' in it. Replace that part with 'final' in all of "
            "the names.",
            inside("book", drafts),
            all_of(lists("book", list(final)), says("book/chapter-4-final.md", "Chapter 4")),
            family="rename",
            files=6,
        ),
    ]


def constants() -> list[Row]:
    """Names and values that stand in several files."""
    python_only = {p: t for p, t in LIMITS.items() if p.endswith(".py")}
    renamed = {p: t.replace("MAX_RETRY", "RETRY_LIMIT") for p, t in python_only.items()}
    brand = {path: re.sub(r"\bPRIMARY\b", "BRAND", old) for path, old in THEME.items()}
    timeouts = {
        "deploy/web.env": "HOST=0.0.0.0\nTIMEOUT=60\n",
        "deploy/worker.env": "QUEUE=jobs\nTIMEOUT=60\nRETRIES=30\n",
        "deploy/settings.py": TIMEOUTS["deploy/settings.py"].replace(
            "TIMEOUT = 30", "TIMEOUT = 60", 1
        ),
        "deploy/notes.md": TIMEOUTS["deploy/notes.md"],
    }
    ports = {path: old.replace("8000\n", "9100\n") for path, old in PORTS.items()}
    metres = {
        "lib/units.py": "METRES_PER_KM = 1000\nMILE = 1609\n",
        "lib/route.py": UNITS["lib/route.py"].replace("KM", "METRES_PER_KM"),
        "lib/race.py": UNITS["lib/race.py"].replace("KM", "METRES_PER_KM"),
    }
    return [
        task(
            "constant-1",
            "Rename the constant MAX_RETRY to RETRY_LIMIT in all Python files in src/ but leave "
            "the README as it is.",
            LIMITS,
            all_of(same(renamed), same({"src/README.md": LIMITS["src/README.md"]})),
            family="constant",
            files=3,
        ),
        task(
            "constant-2",
            "In the .py files of theme/ the constant `PRIMARY` is to be called BRAND: replace "
            "`PRIMARY` with `BRAND` everywhere, but don't touch PRIMARY_DARK.",
            THEME,
            same(brand),
            family="constant",
            trap="a longer name contains the old one",
        ),
        task(
            "constant-3",
            "Change TIMEOUT from 30 to 60 in every file of deploy/ that sets it. IDLE_TIMEOUT and "
            "other settings stay.",
            TIMEOUTS,
            same(timeouts),
        ),
        task(
            "constant-4",
            "Our API moves: set PORT from 8000 to 9100 wherever it is defined in services/.",
            PORTS,
            same(ports),
            family="constant",
        ),
        task(
            "constant-5",
            "Refactor the Python code in lib/: change KM into METRES_PER_KM in each module.",
            UNITS,
            same(metres),
        ),
    ]
