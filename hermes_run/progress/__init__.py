"""How a run looks while it runs: facts folded into a snapshot, snapshots drawn as text.

::

    live     a sink: what is waiting, what failed last
    pace     rates over the last minute
    snapshot everything there is to show, as one value
    words    numbers, times and foreign text as people read them
    panel    snapshot -> eleven lines
    plain    snapshot -> one line, and when it is due
    screens  where they go: a terminal, a file, a program
    watch    the one task that looks, draws and waits
"""
