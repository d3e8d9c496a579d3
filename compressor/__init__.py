"""Fit recorded trajectories into a token budget, afterwards, on files.

The package knows `recorder` and nothing above it. It has no public names yet; these are planned:

- `tokens.load(name)`: a vocabulary that counts the tokens of text, without a download.
- `boundaries.steps(session)`: the places where a session may be cut: an assistant turn with all
  its results is one step, so that no result is ever left without its call.
- `plan(session, budget)`: which steps stay, which are masked and which go into a digest; pure.
- `strategies.load(name)`: the ways of choosing them.
- `summarize`: a digest of the steps that go, by rule or by a model.
- `apply(session, plan)`: the session as the plan leaves it.
- `pipeline.compress(source, out, options)`: all of it for a file, a folder or a run.
- `report`: what was kept, in tokens and in turns.
- `CompressorError`: the root of the package's errors.
"""
