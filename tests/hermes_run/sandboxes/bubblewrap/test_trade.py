"""The tools of the trade work behind bubblewrap."""

from __future__ import annotations

import shutil

import pytest

PYTHON = """
import asyncio, json, multiprocessing, os, sqlite3, ssl, subprocess, tempfile, threading

def double(n):
    return 2 * n

async def shell():
    process = await asyncio.create_subprocess_exec("echo", "sub", stdout=-1)
    return (await process.communicate())[0].decode()

def main():
    found = {}
    with multiprocessing.Pool(2) as pool:
        found["pool"] = pool.map(double, [1, 2, 3])
    with sqlite3.connect("rows.db") as db:
        db.execute("pragma journal_mode=wal")
        db.execute("create table t (n)")
        db.executemany("insert into t values (?)", [(n,) for n in range(10)])
        found["sqlite"] = db.execute("select sum(n) from t").fetchone()[0]
    seen = []
    threads = [threading.Thread(target=seen.append, args=(n,)) for n in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    found["threads"] = len(seen)
    found["asyncio"] = asyncio.run(shell())
    with tempfile.NamedTemporaryFile() as file:
        found["temporary"] = os.path.dirname(file.name)
    found["certificates"] = os.path.isdir("/etc/ssl/certs") or os.path.isdir("/etc/pki")
    main_end, other_end = os.openpty()
    found["terminal"] = os.ttyname(other_end).startswith("/dev/pts/")
    print(json.dumps(found))

if __name__ == "__main__":
    main()
"""

TRADE = {
    "git": "git init -q . && git config user.email a@b && git config user.name n && echo x >f && "
    "git add f && git commit -q -m one && git log --format=%s",
    "make": "printf 'all: ; @echo made' >Makefile && make",
    "gcc": "printf 'int main(void) { return 0; }' >a.c && gcc -o a a.c && ./a && echo built",
    "node": "node -e 'fetch(\"http://127.0.0.1:9\").catch(e => console.log(e.constructor.name))'",
    "rg": "mkdir d && echo needle >d/f && rg -l needle",
    "find": "mkdir d && touch d/b d/a && find d -type f | sort | xargs echo",
    "perl": "perl -e 'print join(q(,), sort qw(b a)), qq(\\n)'",
    "java": "java -version 2>&1 | head -1 | cut -d' ' -f2",
    "strace": "strace -c true 2>&1 | tail -1 | rev | cut -d' ' -f1 | rev",
}
SAID = {
    "git": "one",
    "make": "made",
    "gcc": "built",
    "node": "TypeError",
    "rg": "d/f",
    "find": "d/a d/b",
    "perl": "a,b",
    "java": "version",
    "strace": "total",
}


def test_python_with_what_programs_use_of_the_system(host):
    """Processes, threads, databases, terminals, temporary files."""
    assert host.python(PYTHON) == {
        "pool": [2, 4, 6],
        "sqlite": 45,
        "threads": 20,
        "asyncio": "sub\n",
        "temporary": "/tmp",
        "certificates": True,
        "terminal": True,
    }


@pytest.mark.parametrize("tool", TRADE)
def test_a_tool_of_the_trade_works(host, tool):
    """As far as it is on this machine, in the folders that are seen inside."""
    found = shutil.which(tool)
    if found is None or not found.startswith("/usr/"):
        pytest.skip(f"{tool} is not there")
    assert host.output(TRADE[tool]).strip() == SAID[tool]


def test_pip_installs_what_lies_in_the_workspace(host):
    """Without a network, into the session's own home."""
    if host.output("python3 -m pip --version >/dev/null 2>&1 && echo there") != "there\n":
        pytest.skip("this Python has no pip")
    wheel = """
import zipfile
with zipfile.ZipFile("one-1.0-py3-none-any.whl", "w") as file:
    file.writestr("one.py", "print('imported')")
    file.writestr("one-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: one\\nVersion: 1.0")
    file.writestr("one-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: g\\n"
                  "Root-Is-Purelib: true\\nTag: py3-none-any")
    file.writestr("one-1.0.dist-info/RECORD", "")
"""
    line = (
        "python3 wheel.py && python3 -m pip install -q --no-index --target lib *.whl 2>&1; "
        "PYTHONPATH=lib python3 -c 'import one'"
    )
    assert host.output(line, files={"wheel.py": wheel}).strip().endswith("imported")


def test_a_server_in_the_background_is_reached_by_the_next_command(host):
    """They are in one network and one process tree until the sandbox is closed."""
    serve = "python3 -m http.server 8000 --bind 127.0.0.1 >/dev/null 2>&1 & echo started"
    fetch = (
        "for n in $(seq 100); do exec 3<>/dev/tcp/127.0.0.1/8000 && break; sleep 0.1; done "
        "2>/dev/null; printf 'GET /page HTTP/1.0\\r\\n\\r\\n' >&3; tail -n1 <&3"
    )
    first, second = host.all(serve, fetch, files={"page": "the page"}, lasting=True)
    assert first.output == b"started\n"
    assert second.output == b"the page"
