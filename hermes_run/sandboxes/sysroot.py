"""What a sandbox sees of this machine: programs and what they can't do without, nothing else.

That is ``/usr``, the folders that distributions keep beside it, what is on the path of ``/opt``,
and the parts of the Python that runs us which make it work, wherever it lies: it is found at its
own path, so that its programs work, and the folders above it are there but hold nothing else. Of
``/etc`` there are a few files, copied, and folders; who one is and what the machine is called is
our own. Nothing of it can be written to.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from hermes_run.sandboxes.tree import FOLDER
from hermes_run.sandboxes.wall import WORKSPACE
from hermes_run.sandboxes.workspaces import opened, remove_tree

TEMPORARY = "/tmp"  # noqa: S108 - the sandbox's own
CONTROL = "/run/control"
EMPTY = "empty"

USER, UID = "sandbox", 1000
HOST = "sandbox"

_TOP = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
"""Links into ``/usr`` on most systems, folders on others."""

_PYTHON = ("bin", "include", "lib", "lib64", "ssl")
"""Not ``etc`` and not ``share``: with a prefix such as ``~/.local`` these hold keys."""

_PROGRAMS = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")

_HIDDEN = "/usr/local/etc"
"""Settings of this machine, among them addresses and keys of its package registries."""

_FILES = (
    *("debian_version", "gai.conf", "host.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d/*"),
    *("localtime", "mime.types", "os-release", "protocols", "services", "shells", "timezone"),
    *("ssl/openssl.cnf", "pki/tls/openssl.cnf"),
)
_FOLDERS = (
    *("alternatives", "crypto-policies", "fonts", "java", "java-*"),
    *("ssl/certs", "pki/tls/certs", "pki/ca-trust/extracted", "ca-certificates/extracted"),
)
_FILE_BYTES = 2**20

_FOLDER_MODE, _FILE_MODE = 0o755, 0o644
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

_OWN = {
    "passwd": (
        "root:x:0:0:root:/:/usr/sbin/nologin\n"
        f"{USER}:x:{UID}:{UID}:{USER}:{WORKSPACE}:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
    ),
    "group": f"root:x:0:\n{USER}:x:{UID}:\nnogroup:x:65534:\n",
    "hosts": f"127.0.0.1 localhost {HOST}\n::1 localhost {HOST}\n",
    "hostname": f"{HOST}\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


class Sysroot(msgspec.Struct, frozen=True):
    """The file system of a sandbox.

    ``folders`` are the paths of this machine that are seen at the same path, outer before inner;
    ``links`` are those of the top, with what they point to; ``files`` and ``file_links`` lie below
    ``/etc``, which has a folder for each of ``folders`` that lies there. ``hidden`` are folders
    that seem empty, ``path`` is where programs are looked for.
    """

    folders: tuple[str, ...]
    links: Mapping[str, str]
    files: Mapping[str, bytes]
    file_links: Mapping[str, str]
    hidden: tuple[str, ...]
    path: tuple[str, ...]


def survey(*, networked: bool) -> Sysroot:
    """Look at this machine; with a network there is what names are looked up with."""
    links = {f"/{name}": str(Path("/", name).readlink()) for name in _TOP if _is_link(name)}
    folders = ["/usr", *(f"/{name}" for name in _TOP if _is_folder(name))]
    optional = _on_path("/opt")
    python = _python(folders)
    files, file_links = _settings([*_FILES, "resolv.conf"] if networked else _FILES)
    etc = [str(found) for pattern in _FOLDERS for found in sorted(Path("/etc").glob(pattern))]
    # A link stays one: followed, it could lead to what nobody has chosen.
    folders += [name for name in etc if os.path.realpath(name) == name]
    file_links |= {
        name.removeprefix("/etc/"): os.path.realpath(name) for name in etc if name not in folders
    }
    return Sysroot(
        folders=(*folders, *{str(Path(*Path(name).parts[:3])): 0 for name in optional}, *python),
        links=links,
        files=files,
        file_links=file_links,
        hidden=(_HIDDEN,) if os.path.realpath(_HIDDEN) == _HIDDEN else (),
        path=(*(name for name in python if name.endswith("/bin")), *optional, *_PROGRAMS),
    )


def furnish(sysroot: Sysroot, folder: Path) -> None:
    """Write what is a sandbox's own into *folder*: ``etc``, and an empty folder.

    Everybody may read it, whatever the umask is: those who live there are somebody else.

    Raises:
        OSError: it can't be written.
        SandboxError: what is left there of an earlier one can't be removed.
    """
    remove_tree(folder / "etc")
    inner = [name for name in sysroot.folders if name.startswith("/etc/")]
    files = [f"/etc/{name}" for name in (*sysroot.files, *sysroot.file_links)]
    parents = {parent for name in (*inner, *files) for parent in above(name)}
    with opened(os.open(folder, FOLDER)) as top:
        for name in sorted({f"/{EMPTY}", *inner, *parents}):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name[1:], dir_fd=top)
            os.chmod(name[1:], _FOLDER_MODE, dir_fd=top)
        for name, target in {**sysroot.file_links, "mtab": "/proc/self/mounts"}.items():
            os.symlink(target, f"etc/{name}", dir_fd=top)
        for name, content in sysroot.files.items():
            with opened(os.open(f"etc/{name}", _NEW, dir_fd=top)) as file:
                os.write(file, content)
                os.fchmod(file, _FILE_MODE)


def tops(sysroot: Sysroot) -> tuple[str, ...]:
    """Give the folders at the top under which all lies that is seen, but for what is writable."""
    found = {f"/{Path(name).parts[1]}": 0 for name in (*sysroot.folders, "/etc", "/var", CONTROL)}
    return tuple(found)


def above(path: str) -> tuple[str, ...]:
    """Give the folders above *path*, outermost first, without the top."""
    return tuple(str(folder) for folder in reversed(Path(path).parents))[1:]


def _python(seen: Iterable[str]) -> tuple[str, ...]:
    """Give the parts of the Python that runs us, if it is not *seen* already."""
    prefix = Path(sys.base_prefix)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - this one never fails
    if prefix in (home, *home.parents) or any(prefix.is_relative_to(folder) for folder in seen):
        return ()
    parts = (str(prefix / name) for name in _PYTHON)
    return tuple(part for part in parts if os.path.isdir(part))  # noqa: PTH112 - this never fails


def _on_path(top: str) -> tuple[str, ...]:
    """Give the folders below *top* where programs are looked for."""
    found = map(os.path.normpath, os.environ.get("PATH", "").split(os.pathsep))
    return tuple(
        name
        for name in dict.fromkeys(found)
        if name.startswith(f"{top}/") and os.path.realpath(name) == name and Path(name).is_dir()
    )


def _settings(patterns: Iterable[str]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Read files below ``/etc``; what is a link to ``/usr`` stays one."""
    files = {name: content.encode() for name, content in _OWN.items()}
    links: dict[str, str] = {}
    etc = Path("/etc")
    for path in (found for pattern in patterns for found in sorted(etc.glob(pattern))):
        name, real = str(path.relative_to(etc)), os.path.realpath(path)
        with contextlib.suppress(OSError):
            if path.is_symlink() and real.startswith("/usr/"):
                links[name] = real
            elif path.is_file() and path.stat().st_size <= _FILE_BYTES:
                files[name] = path.read_bytes()
    return files, links


def _is_link(name: str) -> bool:
    return Path("/", name).is_symlink()


def _is_folder(name: str) -> bool:
    return Path("/", name).is_dir() and not _is_link(name)
