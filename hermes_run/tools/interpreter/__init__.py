"""An interpreter that keeps its variables from one piece of code to the next. A program.

These files are written into a sandbox and run there by ``python3 -I``, on whatever Python 3.8 or
later that has, so they need nothing but the standard library and, of the package, each other. Two
processes stay behind: a *worker*, which runs the code, and a *keeper*, which never does. The keeper
takes what the worker writes, however much that is, interrupts it at its time limit, and has a new
one when it has died of what it ran.

A request is one line ``NUMBER SECONDS GRACE BYTES`` in the FIFO ``ask``, with the code in the file
``code.NUMBER``. The answer comes through the FIFO ``answer.NUMBER``, which is there before, and
which the keeper holds open, so that whoever reads it comes to its end if the keeper dies: a line of
JSON, then the beginning and the end of the output.
"""
