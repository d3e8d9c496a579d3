"""Tasks that are done by reading: counting, finding."""

from __future__ import annotations

from task import Row, all_of, same, says, task, text

KICKOFF = text("""
Kick-off, Tuesday 10:00

Present: Amira, Jonas, Lin, Petra
- The import job has to be done before the end of the quarter.
- Lin looks after the scanner; two of the five trays jam when it is humid.
- Jonas writes to the archive about the missing boxes 14 to 17.
- Next meeting in two weeks, same room, bring the floor plan.
""")
POEM = text("""
The ferry leaves at half past six,
the gulls are up before the light,
a rope, a bell, a box of bricks,
a radio that talked all night.

Whoever waits upon the pier
has coffee in a paper cup
and knows the captain will appear
the moment that the fog lifts up.
""")
MAIN = text('''
"""Start the service."""
from app.models import Store
from app.views import routes


def main() -> None:
    store = Store.open("orders.db")
    serve(routes(store), port=8080)


if __name__ == "__main__":
    main()
''')
MODELS = text('''
"""What is stored."""
from dataclasses import dataclass


@dataclass
class Order:
    number: int
    customer: str
    paid: bool = False
''')
VIEWS = text('''
"""What is shown."""


def routes(store):
    return {
        "/orders": lambda: store.orders(),
        "/health": lambda: "ok",
    }
''')
INSTALL = text("""
# Install

1. Download the archive for your platform.
2. Unpack it anywhere you may write.
3. Run `bin/setup --check`.

The check prints one line a component.
""")
USAGE = text("""
# Usage

    tally FILE...

Every file is read once. Use `-` for standard input.

## Options

- `--by KEY` groups the rows
- `--top N` shows only the first N groups
""")
FAQ = text("""
# Questions

**Why is the total different from last week's?**
Late bookings now count on the day they were made. The old way is deprecated since 2.4.

**Can I undo an import?**
Yes, with `tally undo`.
""")
CHAPTERS = {
    "chapters/one.txt": text("""
The house at the end of the lane had been empty for eleven years, and nobody in the village
could say who paid for the lamp that burned in its upper window every Friday.
"""),
    "chapters/two.txt": text("""
Marta found the key where her aunt had said it would be: under the third flower pot, wrapped
in a page of the railway timetable of 1962. It did not fit the door. It fitted the shed.
"""),
}
LETTERS = {
    "letters/2025-11-02.txt": "Dear Ines,\n\nthe parcel came today and nothing was broken.\n",
    "letters/2025-12-19.txt": "Dear Ines,\n\nsnow at last. We are well. Send the book back soon.\n",
    "letters/2026-01-07.txt": "Dear Ines,\n\na short note only: yes to the 14th.\n",
    "letters/index.html": "<h1>Letters</h1><p>not a letter</p>\n",
}
NOTES = {
    "notes/monday.txt": "Low tide at 7:10. Two herons, both grey, and many gulls.\n",
    "notes/tuesday.txt": "Fog. Nobody came to the hide except a school class.\n",
    "notes/wednesday.txt": "At last the blue heron, for ten minutes, near the old jetty.\n",
    "notes/thursday.txt": "Rain. I repaired the blue boat and saw no heron at all.\n",
}
SOURCES = {
    "src/cart.py": "def total(cart):\n    # TODO(release): round per line\n    return sum(cart)\n",
    "src/mail.py": "def send(to, text):\n    return (to, text)\n",
    "src/tax/rates.py": "# TODO(release): read from the table\nRATE = 0.19\n",
    "src/tax/forms.py": "# TODO: nicer names, some day\nFORMS = ['A', 'B']\n",
}
RECIPES = {
    "recipes/goulash.md": "# Goulash\n- 800 g beef\n- 3 onions\n- sweet paprika\n- caraway\n",
    "recipes/chickpeas.md": "# Roast chickpeas\n- 1 tin chickpeas\n- 1 tsp smoked paprika\n- oil\n",
    "recipes/salad.md": "# Tomato salad\n- 6 tomatoes\n- basil\n- smoked salt\n",
    "recipes/soup.md": "# Leek soup\n- 3 leeks\n- 2 potatoes\n- cream\n",
}
CONFIG = {
    "config/web.ini": "[server]\nport = 8080\ndebug = false\n",
    "config/worker.ini": "[queue]\nname = jobs\nretries = 3\ndebug = true\n",
    "config/mail.ini": "[smtp]\nhost = localhost\ntimeout = 20\n",
}


def rows() -> list[Row]:
    """Make all rows of this file."""
    return [*counting(), *finding()]


def counting() -> list[Row]:
    """Lines, words and characters."""
    app = {"app/main.py": MAIN, "app/models.py": MODELS, "app/views.py": VIEWS}
    docs = {"docs/install.md": INSTALL, "docs/usage.md": USAGE, "docs/faq.md": FAQ}
    docs["docs/style.css"] = "body { margin: 2em }\n"
    letters = [path for path in LETTERS if path.endswith(".txt")]
    return [
        task(
            "count-1",
            "How many words are in notes/kickoff.txt? Write just the number to answer.txt.",
            {"notes/kickoff.txt": KICKOFF},
            says("answer.txt", str(len(KICKOFF.split()))),
            family="count",
            files=1,
        ),
        task(
            "count-2",
            "Count the lines of app/main.py, app/models.py and app/views.py. Write the result to "
            "lines.txt, one line for each file in this order: its path, a space, the count.",
            app,
            says("lines.txt", "\n".join(f"{p} {len(t.splitlines())}" for p, t in app.items())),
            family="count",
            files=3,
        ),
        task(
            "count-3",
            "I need to know how many lines the .md files in docs/ have altogether. Save that one "
            "number in total.txt.",
            docs,
            says("total.txt", str(sum(t.count("\n") for p, t in docs.items() if p[-3:] == ".md"))),
        ),
        task(
            "count-4",
            "Put into size.txt how many characters poem.txt has, line ends included.",
            {"poem.txt": POEM},
            says("size.txt", str(len(POEM))),
        ),
        task(
            "count-5",
            "Please work out the number of words in chapters/one.txt and in chapters/two.txt. "
            "Store them in chapters.txt, a line a file with the path and the count.",
            CHAPTERS,
            says("chapters.txt", "\n".join(f"{p} {len(t.split())}" for p, t in CHAPTERS.items())),
            family="count",
            files=2,
        ),
        task(
            "count-6",
            "For each of the .txt files in letters/ count the words, and write lines of the form "
            "`path count`, sorted by path, to words.txt.",
            LETTERS,
            says("words.txt", "\n".join(f"{p} {len(LETTERS[p].split())}" for p in letters)),
        ),
    ]


def finding() -> list[Row]:
    """The files that mention something."""
    docs = {"docs/install.md": INSTALL, "docs/usage.md": USAGE, "docs/faq.md": FAQ}
    return [
        task(
            "find-1",
            'One of the files in notes/ mentions the "blue heron". Which one is it? Write its path '
            "to found.txt.",
            NOTES,
            says("found.txt", "notes/wednesday.txt"),
            family="find",
        ),
        task(
            "find-2",
            'Which files under src/ still contain "TODO(release)"? List their paths in todo.txt, '
            "sorted, one a line. Write nothing else to todo.txt.",
            SOURCES,
            says("todo.txt", "src/cart.py\nsrc/tax/rates.py"),
        ),
        task(
            "find-3",
            "Find the file in recipes/ that uses 'smoked paprika' and write its path to "
            "answer.txt, please.",
            RECIPES,
            all_of(says("answer.txt", "recipes/chickpeas.md"), same(RECIPES)),
            family="find",
            language="en",
        ),
        task(
            "find-4",
            "Somewhere in the config folder a file sets `debug = true`. Find that file and write "
            "its path to debug.txt.",
            CONFIG,
            says("debug.txt", "config/worker.ini"),
        ),
        task(
            "find-5",
            'Search docs/ for the page that says "deprecated since 2.4" and save its path as '
            "hit.txt.",
            docs,
            says("hit.txt", "docs/faq.md"),
        ),
    ]
