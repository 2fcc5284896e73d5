"""The folder `FILE.run` of a run under way: recognised by its marker, held by one process, emptied by name.

A file `gluscope` marks a folder that gluscope made. In it gluscope reads, writes and removes only the names in
`_NAMES`, and never through a link, so a person's own files in it stay. Folders of older versions have no marker: they
are recognised by their lock, and by holding only those names.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..disk import create, is_full, write_all
from ..errors import GluscopeError

MARKER = "gluscope"
_MARKED = b"The state of a gluscope run. The same command continues it; to begin anew, give --overwrite too.\n"
_LOCK = "lock"
_NAMES = re.compile(
    r"(identity\.json|checkpoint\.json|state-\d+(-end)?\.safetensors)(\.new)?"
    r"|(tokens|sources|turns|sequences)\.bin|index\.db(-journal|-wal|-shm)?|gluscope-\w{8}"
    r"|\.tmp\w{6}"  # safetensors writes a file under such a name first
)
_RANK = re.compile(r"rank-\d+")
_ELSEWHERE = "name another file with --db"
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)

Notice = Callable[[str], None]


def run_folder(db: Path) -> Path:
    """The folder of a run that makes `db`."""
    return db.with_name(db.name + ".run")


def under_way(db: Path) -> bool:
    """Whether a run that makes an index has begun and not ended. Other killed commands leave nothing to continue."""
    names = ("identity.json", "checkpoint.json", "rank-*")
    return any(True for name in names for _ in run_folder(db).glob(name))


def copy_left(db: Path) -> int | None:
    """The bytes of the copy that a killed change of a finished index left beside it; None if there is none, or if the
    change is still under way."""
    path = Path(os.path.realpath(db))
    folder = run_folder(path)
    try:
        size = os.lstat(folder / "index.db").st_size
    except OSError:
        return None
    return None if under_way(path) or _is_held(folder) else size


def _is_held(folder: Path) -> bool:
    """Whether a process holds the lock of a run folder."""
    try:
        with open(folder / _LOCK, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    return False


@contextmanager
def hold(folder: Path, notice: Notice) -> Iterator[None]:
    """Make the run folder if needed, and keep every other run out of it.

    GluscopeError if it can't be made, isn't gluscope's, or if another run uses it. If the file system has no locks,
    `notice` is called.
    """
    make(folder)
    lock = _locked(folder, notice)
    try:
        yield
    finally:
        lock.close()
        with suppress(OSError):
            folder.rmdir()  # all in it was discarded, and a network disk still showed the open lock


def make(folder: Path) -> None:
    """Make a run folder with its marker, or check that an existing one is gluscope's. GluscopeError otherwise."""
    try:
        with suppress(FileExistsError):
            folder.mkdir()
        demand_own(folder)
        if not os.path.lexists(folder / MARKER):
            with create(folder / MARKER) as file:
                write_all(file, _MARKED)
    except OSError as error:
        with suppress(OSError):
            (folder / MARKER).unlink()
        with suppress(OSError):
            folder.rmdir()  # if it is empty
        if is_full(error):
            raise
        raise GluscopeError(
            f"the folder {folder}, for the state of the run, can't be made: {error.strerror}", _ELSEWHERE
        ) from error


def demand_own(folder: Path) -> None:
    """GluscopeError, naming the cause, if an existing folder is not a run folder of this user."""
    found = os.lstat(folder)
    if stat.S_ISLNK(found.st_mode):
        raise GluscopeError(f"{folder} is a symbolic link, which gluscope does not write through", _ELSEWHERE)
    if not stat.S_ISDIR(found.st_mode):
        raise GluscopeError(f"{folder} is in the way: it is not a folder", _ELSEWHERE)
    if found.st_uid != os.geteuid() and found.st_uid != _owner_given(folder):
        raise GluscopeError(f"{folder} belongs to another user", _ELSEWHERE)
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    marked = any(entry.name == MARKER for entry in entries)
    old = any(entry.name == _LOCK or _RANK.fullmatch(entry.name) for entry in entries)
    for entry in entries:
        if is_ours(entry.name) or entry.name == MARKER:
            _demand_plain(entry, found.st_uid, folder=False)
        elif _RANK.fullmatch(entry.name):
            _demand_plain(entry, found.st_uid, folder=True)
        elif not marked and not entry.name.startswith(".nfs"):
            raise GluscopeError(
                f"{folder} holds {entry.name}, which gluscope did not write", f"move it elsewhere, or {_ELSEWHERE}"
            )
    if entries and not marked and not old:
        raise GluscopeError(f"{folder} was not made by gluscope", f"move it elsewhere, or {_ELSEWHERE}")


def is_ours(name: str) -> bool:
    """Whether gluscope writes files of this name into a run folder, apart from its marker."""
    return name == _LOCK or _NAMES.fullmatch(name) is not None


def own_files(folder: Path) -> list[Path]:
    """The files that gluscope wrote into a run folder, except its marker and its lock."""
    return [path for path in sorted(folder.glob("*")) if path.name != _LOCK and is_ours(path.name)]


def rank_folders(folder: Path) -> list[Path]:
    """The folders of the processes of a run that torchrun started."""
    return [path for path in sorted(folder.glob("rank-*")) if _RANK.fullmatch(path.name)]


def clear(folder: Path) -> None:
    """Remove the files of an earlier run from a folder that this process holds, except the marker and the lock."""
    for path in own_files(folder):
        path.unlink()


def discard(folder: Path) -> None:
    """Remove gluscope's files from a run folder, and the folder if nothing else is in it."""
    with suppress(OSError):
        demand_own(folder)
        for rank in rank_folders(folder):
            discard(rank)
        clear(folder)
        (folder / _LOCK).unlink(missing_ok=True)
        remove_empty(folder)


def remove_empty(folder: Path) -> None:
    """Remove a run folder in which nothing is left but its marker."""
    if all(path.name == MARKER or path.name.startswith(".nfs") for path in folder.glob("*")):
        with suppress(OSError):
            (folder / MARKER).unlink(missing_ok=True)
            folder.rmdir()


def _owner_given(folder: Path) -> int | None:
    """The owner of files that this process makes here; on some network disks that isn't the process's user."""
    probe = folder / "gluscope-whoowner"
    try:
        with create(probe) as file:
            owner = os.fstat(file.fileno()).st_uid
        probe.unlink()
    except OSError:
        return None
    return owner


def _demand_plain(entry: os.DirEntry[str], owner: int, *, folder: bool) -> None:
    """GluscopeError if an entry is a link, not of the kind that gluscope makes, or another user's."""
    found = entry.stat(follow_symlinks=False)
    right = stat.S_ISDIR(found.st_mode) if folder else stat.S_ISREG(found.st_mode)
    if right and found.st_uid == owner:
        return
    if right:
        said = "belongs to another user"
    else:
        said = "is a symbolic link" if entry.is_symlink() else f"is not a {'folder' if folder else 'regular file'}"
    raise GluscopeError(f"{entry.path} {said}", f"remove it, or {_ELSEWHERE}")


def _locked(folder: Path, notice: Notice) -> IO[bytes]:
    """The open lock of a folder; once it is closed, other processes may hold the folder."""
    path = folder / _LOCK
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        lock = os.fdopen(descriptor, "ab", buffering=0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                notice(f"{folder} is on a disk without locks: see that only one run writes it at a time")
                return lock
            lock.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise GluscopeError(
                f"another run is writing {folder}", "wait for it, stop it, or name another file with --db"
            ) from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return lock
        lock.close()  # the run that held it has since removed it
        make(folder)
