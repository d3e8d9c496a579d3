"""Tasks on lines of text: extracts, sorted lines."""

from __future__ import annotations

from task import Row, all_of, same, says, task, text

INBOX = text("""
From: lea.koch@example.org
To: office@harbour.example
Subject: berth 12

Hello, please also write to tom@harbour.example (the old tom_b@mail.example bounces).
Lea
""")
CHAT = text("""
[09:12] sam: who has the invoice?
[09:13] kim: ask office@harbour.example, or Lea directly: lea.koch@example.org.
[09:15] sam: thx @kim
""")
TICKETS = text("""
2026-02-03 ORD-1042 delayed, customer asks again (see ORD-998)
2026-02-03 REF-55 refund for ORD-1042 approved
2026-02-04 ORD-1107 shipped; ORD-1108 shipped
2026-02-04 ORDER form updated
""")
BOOKMARKS = text("""
Reading list
- https://example.org/tides?port=12 (tables)
- the old one, http://harbour.example/map.html, still works
- see https://example.org/tides?port=12 again, and ftp is gone
""")
AUTH = text("""
Failed login for root from 203.0.113.7 port 4022
Accepted login for eva from 192.0.2.15 port 5011
Failed login for root from 203.0.113.7 port 4023
Failed login for test from 198.51.100.23 port 999
version 1.2.3 started
""")
DIARY = text("""
Planted the beans on 2026-04-11, a week later than last year (2025-04-04).
First flowers 2026-05-30. Frost warning for 26-05-01 came to nothing.
Harvest began on 2026-07-12 and ended 2026-08-02; beans from 2026-04-11 were best.
""")
NAMES = "Mira\nOtto\nAnna\nZoe\nMira\nBela\nAnna\nCleo\nOtto\nMira\n"
PLACES = "42\n7\n1900\n7\n128\n33\n42\n5\n"
TAGS = "urgent\nbilling\nurgent\nlater\nbilling\nnew\nurgent\n"
CITIES = "Turku\nCork\nLeiden\nBrno\nGraz\nPorto\nAarhus\n"
POINTS = "310\n45\n1200\n45\n87\n999\n"


def rows() -> list[Row]:
    """Make all rows of this file."""
    return [*extracts(), *lines()]


def extracts() -> list[Row]:
    """Everything of one kind."""
    return [
        task(
            "extract-1",
            "Extract all e-mail addresses from inbox.txt and chat.txt, without duplicates and "
            "sorted, one a line, into addresses.txt.",
            {"inbox.txt": INBOX, "chat.txt": CHAT},
            says(
                "addresses.txt",
                "lea.koch@example.org\noffice@harbour.example\ntom@harbour.example\n"
                "tom_b@mail.example",
            ),
            family="extract",
            files=2,
        ),
        task(
            "extract-2",
            "Collect the order numbers (like ORD-1042) in tickets.txt and write each of them once, "
            "sorted as text, to orders.txt.",
            {"tickets.txt": TICKETS},
            says("orders.txt", "ORD-1042\nORD-1107\nORD-1108\nORD-998"),
        ),
        task(
            "extract-3",
            "Gather every link (http or https) of bookmarks.md into links.txt, sorted, each only "
            "one time.",
            {"bookmarks.md": BOOKMARKS},
            says("links.txt", "http://harbour.example/map.html\nhttps://example.org/tides?port=12"),
        ),
        task(
            "extract-4",
            "Which IP addresses occur in auth.txt? Save each of them once, sorted as text, one a "
            "line, in addresses.txt.",
            {"auth.txt": AUTH},
            says("addresses.txt", "192.0.2.15\n198.51.100.23\n203.0.113.7"),
            family="extract",
        ),
        task(
            "extract-5",
            "Pull all dates of the form YYYY-MM-DD out of diary.txt and put them into dates.txt, "
            "oldest first and without repetition.",
            {"diary.txt": DIARY},
            says("dates.txt", "2025-04-04\n2026-04-11\n2026-05-30\n2026-07-12\n2026-08-02"),
        ),
    ]


def lines() -> list[Row]:
    """Sorted lines, and lines without duplicates."""
    ordered = sorted({int(line) for line in PLACES.split()})
    return [
        task(
            "lines-1",
            "Sort the lines of names.txt alphabetically, drop duplicates and write the result to "
            "sorted.txt.",
            {"names.txt": NAMES},
            all_of(
                says("sorted.txt", "\n".join(sorted(set(NAMES.split())))),
                same({"names.txt": NAMES}),
            ),
            family="lines",
        ),
        task(
            "lines-2",
            "places.txt holds one number a line. Sort it numerically, each number only once, and "
            "save that as places-sorted.txt.",
            {"places.txt": PLACES},
            says("places-sorted.txt", "\n".join(map(str, ordered))),
        ),
        task(
            "lines-3",
            "Remove repeated lines from tags.txt but keep the order in which they first appear; "
            "write them to tags-clean.txt.",
            {"tags.txt": TAGS},
            says("tags-clean.txt", "\n".join(dict.fromkeys(TAGS.split()))),
            family="lines",
            order="kept",
        ),
        task(
            "lines-4",
            "Put the lines of data/cities.txt in alphabetical order, in place.",
            {"data/cities.txt": CITIES},
            says("data/cities.txt", "\n".join(sorted(CITIES.split()))),
        ),
        task(
            "lines-5",
            "Sort points.txt as numbers, highest first, and leave no duplicates. Write the result "
            "to ranking.txt.",
            {"points.txt": POINTS},
            says("ranking.txt", "\n".join(map(str, sorted(set(map(int, POINTS.split())))[::-1]))),
            family="lines",
        ),
    ]
