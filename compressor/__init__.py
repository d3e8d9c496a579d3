"""Fit recorded trajectories into a token budget, afterwards, on files.

The package knows `recorder` and nothing above it. Where to find what:

- `tokens.load(name)`: a vocabulary that counts the tokens of text, without a download.
- `rows.reader_of(row)`: reads a hermes or messages row into a trajectory, and applies a plan to it.
- `boundaries.steps(trajectory)`: the places where it may be cut: an assistant turn with all its
  results is one step, so that no result is ever left without its call.
- `strategies.load(name)`: a way to plan it into a budget; pure.
- `summarize`: a digest of the steps that go, from what happened or by a model.
- `pipeline.compress(source, out, options)`: all of it for a file, a folder or a run.
- `quality.measure`: what was kept, by measures that no strategy may use.
- `report`: what became of the rows, in the terminal, as JSON and as a page.
- `CompressorError` in `errors`: the root of the package's errors.
"""
