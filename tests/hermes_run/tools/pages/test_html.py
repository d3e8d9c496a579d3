"""The readable text of HTML pages, the hostile ones included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.tools.pages.content import read_body
from hermes_run.tools.pages.html import html_text, tokens
from hermes_run.tools.pages.writing import CHARACTERS

BASE = "https://example.org/docs/page"

PAGE = """<!doctype html><html><head><title>Two &amp; three</title><style>p > a {}</style></head>
<body><h1>A <b>head</b></h1><p>Hello,   <a href="/x?a=1&amp;b=2">a
 link</a>, <em>more</em>.</p><ul><li>one<ul><li>two</ul><li>three</ul><pre>  code
   here</pre><table><tr><th>a<th>b<tr><td>1</td><td>2</td></table>x<br>y<hr>z<!-- <p>no -->
<script>var a="<p>";</script><img src=x alt="a   picture"><img src=y></body>"""

TAGS = ["<pre>", "</pre>", "<ul>", "<li>", "</ul>", "<h1>", "</h1>", "<a href=x>", "</a>", "x"]

TEXT = """Title: Two & three

# A head

Hello, [a link](https://example.org/x?a=1&b=2), more.

- one
  - two
- three

```
  code
   here
```

a | b
1 | 2

x
y

---

z [image: a picture]"""


def test_a_page_is_written_with_its_headings_lists_links_and_tables():
    """Scripts, styles and comments are left out; white space is as a browser shows it."""
    assert html_text(PAGE, BASE) == TEXT


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("1 < 2 &lt; 3 &unknown; &#65; &#x42;", "1 < 2 < 3 &unknown; A B"),
        ("<", "<"),
        ("a<b", "a"),
        ("a<!-- never closed", "a"),
        ("a<!doctype", "a"),
        ("a</>b<?php x ?>c", "abc"),
        ("<p class=it's>a</p><p title=\"it's > b\">b</p>", "a\n\nb"),
        ("<p 'x>a", "a"),
        ("<p a='x>a", "a"),
        ("<script>never closed <p>x", ""),
        ("<script><b></script>a<SCRIPT></Script >b", "ab"),
        ("<svg><svg></svg>x</svg>y</svg>z", "yz"),
        ("<noscript><p>x<svg></svg></noscript>y", "y"),
        ("<textarea><b>x</textarea>", "<b>x"),
        ("<title>a<b>c</title>", "Title: a<b>c"),
        ("<pre>a\n <b>b</b>", "```\na\n b\n```"),
        ("<pre><pre>a</pre></pre>b", "```\na\n```\n\nb"),
        ("<h1></h1><h2>x</h2>", "## x"),
        ("<li></li><li>x<li><h2>y", "- x\n\n- ## y"),
        ("</ul><li>x", "- x"),
        ("<td>a<td>b", "a | b"),
        ("<hr>", "---"),
        ("<a href=b>x</a>", "[x](https://example.org/docs/b)"),
        ("<a href='b c'>x<a href=\"#c\">y</a>", "[x](https://example.org/docs/b%20c)y"),
        ("<a href=javascript:x>a</a><a href=//[>b</a><a>c</a>", "abc"),
        ("<a href=b> </a><a href=b></a>x", "x"),
        ("<a href=b>x<p>y</a>z", "x\n\ny (https://example.org/docs/b)z"),
        (f"<a href={'x' * 3000}>y</a>", "y"),
        ("<img alt='&lt;'>", "[image: <]"),
        ("&#99999999999999999999;&#xfffffffffffff", "\ufffd\ufffd"),
        (f"&#{'9' * 5000};", "\ufffd"),
    ],
)
def test_odd_pages_are_read_as_far_as_they_make_sense(source, text):
    """Nothing that is not closed, not opened or not known is more than itself."""
    assert html_text(source, BASE) == text


@given(st.text("<>!-/ab=\"'& \n#;?", max_size=60))
def test_no_page_raises(source):
    """And no character outside of tags gets lost on the way to the tokens."""
    html_text(source, BASE)
    assert sum(len(each) for each in tokens(source) if isinstance(each, str)) <= len(source)


@given(st.lists(st.sampled_from(TAGS)))
def test_no_order_of_tags_raises(pieces):
    """Closed before opened, opened and never closed."""
    assert html_text("".join(pieces), BASE).count("x") >= pieces.count("x")


@pytest.mark.parametrize(
    "piece",
    ["<div>", "<b x=1>", "<a href='x'>y", '<a "', "<", "<!--", "</a", "<ul><li>", "&#", "<p a='>"],
)
def test_a_page_of_nothing_but_tags_has_an_end(piece):
    """A tree of these would be as deep as the page is long; here there is none."""
    text = html_text(piece * (400_000 // len(piece)), BASE)
    assert len(text) <= CHARACTERS + 100


def test_a_page_that_grows_is_cut():
    """Each link of a few bytes is written with its whole address."""
    reading = read_body(b"<a href=x>y</a> " * 100_000, "text/html", None, BASE + "x" * 900 + "/")
    assert CHARACTERS <= len(reading.text) < CHARACTERS + 4_000
    assert reading.notes == ("the page goes on",)
