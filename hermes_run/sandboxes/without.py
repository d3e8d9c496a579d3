"""The wall called ``none``: there is none."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from hermes_run.errors import UsageError
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.sandboxes.wall import Site


class Without:
    """Opens folders that commands run in as whoever started the run."""

    name = "none"

    def open(self, site: Site) -> AbstractAsyncContextManager[Sandbox]:
        """Open a session's folder, see :func:`~hermes_run.sandboxes.plain.open_plain`.

        Raises:
            UsageError: the row asks for an image.
        """
        refuse_image(self.name, site)
        return open_plain(site.folder, site.marks, site.scratch)


def refuse_image(name: str, site: Site) -> None:
    """Refuse a row that asks for an image behind a wall that has none.

    Raises:
        UsageError: it says what to type.
    """
    if site.image is not None:
        raise UsageError(
            f"the row asks for the image {site.image!r}, which --sandbox {name} has not: "
            "leave it out, or type --sandbox docker"
        )
