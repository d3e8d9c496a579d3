"""Tasks on logs and running text: levels and statuses, the most frequent words and values."""

from __future__ import annotations

import random
import re
from collections import Counter

from task import Row, all_of, figure, same, says, task, text

SPEECH = text("""
We came to build a bridge, and a bridge we will build. The river does not ask who we are. The
river asks how deep the bridge stands, and how wide, and who will keep the bridge when we are
gone. So let us build slowly. Let us build with the stone of this valley, and let the valley
keep the bridge, as the bridge will keep the valley.
""")
REVIEW = text("""
Battery lasts two days. Screen is bright, sound is thin. Battery charges fast.
The screen scratches easily, but the battery is worth it. Sound again: thin, thin, thin.
Would buy again for the battery alone. Screen repair costs too much.
""")
PATHS = ("/", "/orders", "/orders/17", "/health", "/login", "/static/app.css")
MESSAGES = {
    "INFO": ("request served in 12 ms", "nightly check: no ERRORS", "user signed in"),
    "WARNING": ("slow query, 900 ms", "disk 81 % full"),
    "ERROR": ("database timeout", "upstream gave 502"),
    "DEBUG": ("pool size 8", "token refreshed"),
}


def rows() -> list[Row]:
    """Make all rows of this file."""
    return [*logs(), *ranking()]


def app_log(seed: int, count: int) -> str:
    """Invent the log of a service."""
    dice = random.Random(seed)
    levels = ("INFO", "INFO", "INFO", "WARNING", "ERROR", "DEBUG")
    lines: list[str] = []
    for number in range(count):
        level = levels[dice.randrange(len(levels))]
        said = MESSAGES[level][dice.randrange(len(MESSAGES[level]))]
        clock = f"2026-03-0{1 + number // 60} 08:{number % 60:02d}:{dice.randrange(60):02d}"
        lines.append(f"{clock} {level} {said}")
    return "\n".join(lines) + "\n"


def access_log(seed: int, count: int) -> str:
    """Invent the access log of a web server: address, method, path, status, bytes."""
    dice = random.Random(seed)
    lines: list[str] = []
    for _ in range(count):
        host = f"10.0.0.{2 + min(dice.randrange(6), dice.randrange(6))}"
        path = PATHS[min(dice.randrange(6), dice.randrange(6))]
        status = ("200", "200", "200", "404", "500", "301")[dice.randrange(6)]
        lines.append(f"{host} GET {path} {status} {dice.randrange(1000, 9000)}")
    return "\n".join(lines) + "\n"


def marked(log: str, *marks: str) -> list[str]:
    """Give the lines of a log that carry one of the marks as a word."""
    return [
        line for line in log.splitlines() if any(re.search(rf"\b{mark}\b", line) for mark in marks)
    ]


def logs() -> list[Row]:
    """Levels and statuses in logs."""
    app, east, west = app_log(1, 90), app_log(2, 40), app_log(3, 55)
    access = access_log(4, 80)
    both = east + west
    return [
        task(
            "log-1",
            "How many lines of the levels ERROR, WARNING and INFO are there in app.log? Write the "
            "counts to report.txt with one `LEVEL count` line for each, in this order.",
            {"app.log": app},
            says(
                "report.txt",
                "\n".join(f"{m} {len(marked(app, m))}" for m in ("ERROR", "WARNING", "INFO")),
            ),
            family="log",
            lines=90,
        ),
        task(
            "log-2",
            "Pull all ERROR lines out of logs/app.log and put them, unchanged and in order, into "
            "errors.txt.",
            {"logs/app.log": app},
            says("errors.txt", "\n".join(marked(app, "ERROR"))),
        ),
        task(
            "log-3",
            "Our web server's access.log has the status in its fourth field. How many requests got "
            "404 and how many 500? Write two lines, status and count, to status.txt.",
            {"access.log": access},
            says(
                "status.txt",
                "\n".join(
                    f"{s} {sum(line.split()[3] == s for line in access.splitlines())}"
                    for s in ("404", "500")
                ),
            ),
            family="log",
        ),
        task(
            "log-4",
            "Tally how often 'database timeout' occurs in logs/east.log and logs/west.log taken "
            "together; write the number to timeouts.txt.",
            {"logs/east.log": east, "logs/west.log": west},
            figure("timeouts.txt", both.count("database timeout")),
        ),
        task(
            "log-5",
            "Copy the lines with WARNING or ERROR from the log east.log to trouble.txt, keeping "
            "their order.",
            {"east.log": east},
            all_of(
                says("trouble.txt", "\n".join(marked(east, "WARNING", "ERROR"))),
                same({"east.log": east}),
            ),
        ),
    ]


def ranked(words: list[str], count: int) -> str:
    """Rank words by how often they occur, equal ones by their letters."""
    order = sorted(Counter(words).items(), key=lambda pair: (-pair[1], pair[0]))
    return "\n".join(f"{word} {times}" for word, times in order[:count])


def ranking() -> list[Row]:
    """The most frequent words and values."""
    access, orders = access_log(5, 120), order_table()
    fields = [line.split() for line in access.splitlines()]
    return [
        task(
            "top-1",
            "Which three words are used most often in speech.txt, ignoring case? Write them to "
            "top.txt, most frequent first, each line the word in lower case and its count.",
            {"speech.txt": SPEECH},
            says("top.txt", ranked(re.findall(r"[a-z]+", SPEECH.lower()), 3)),
            family="top",
            ties="alphabetical",
        ),
        task(
            "top-2",
            "The first field of access.log is the client's address. Write the 2 most frequent "
            "addresses with their counts (`address count`, most frequent first) to clients.txt.",
            {"access.log": access},
            says("clients.txt", ranked([line[0] for line in fields], 2)),
        ),
        task(
            "top-3",
            "Take the third field of access.log, the path: which path is requested the most? "
            "Save it with its count, separated by a space, in busiest.txt.",
            {"access.log": access},
            says("busiest.txt", ranked([line[2] for line in fields], 1)),
        ),
        task(
            "top-4",
            "What are the 4 most common words of review.txt, in lower case? Write one `word count` "
            "pair a line into words.txt, sorted by count and then by word.",
            {"review.txt": REVIEW},
            says("words.txt", ranked(re.findall(r"[a-z]+", REVIEW.lower()), 4)),
            family="top",
        ),
        task(
            "top-5",
            "In orders.csv the second column is the product and there is no header. Write the two "
            "products ordered the most, with the number of orders, to products.txt (`product "
            "count`, best first).",
            {"orders.csv": orders},
            says("products.txt", ranked([line.split(",")[1] for line in orders.splitlines()], 2)),
        ),
    ]


def order_table() -> str:
    """Invent orders: number, product, pieces."""
    dice = random.Random(6)
    products = ("kettle", "lamp", "mug", "tray")
    chosen = (products[min(dice.randrange(4), dice.randrange(4))] for _ in range(60))
    return "".join(f"{1000 + n},{name},{dice.randrange(9)}\n" for n, name in enumerate(chosen))
