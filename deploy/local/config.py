"""Where the local bank lives and listens, and its secrets.

Everything that comes into being at run time lies under one folder (``var/``, or ``BANK_VAR_DIR``). Ports and
servers come from the environment; the secrets are generated once into ``bank.env`` there, readable by the
owner only.
"""

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.console import Refusal

ROOT = Path(__file__).resolve().parent.parent.parent
DATABASE = "bankportal"
GENERATED = ("SECRET_KEY", "PG_OWNER_PASSWORD", "BANK_WEB_PASSWORD", "BANK_ENGINE_PASSWORD", "CLEARING_KEY")


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise Refusal(f"{name}={text} is not a port number between 1 and 65535.")
    return int(text)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One local bank: its folder, its ports and the servers it uses."""

    var: Path
    web_port: int
    tpp_port: int
    clearing_port: int
    pg_port: int
    database_url: str  # Empty: the embedded PostgreSQL.
    broker_url: str  # Empty: files in var/broker.
    web_workers: int = 2

    @property
    def bank_url(self) -> str:
        """Where the bank answers; also the issuer of its tokens. By name: no passkey belongs to a number."""
        return f"http://localhost:{self.web_port}"

    @property
    def tpp_url(self) -> str:
        """Where the demo TPP answers."""
        return f"http://127.0.0.1:{self.tpp_port}"

    @property
    def clearing_url(self) -> str:
        """Where the simulated clearing house answers."""
        return f"http://127.0.0.1:{self.clearing_port}"

    @property
    def env_file(self) -> Path:
        """The file with the generated secrets, which the bank's settings read too."""
        return self.var / "bank.env"

    @property
    def logs(self) -> Path:
        """The folder of log files."""
        return self.var / "log"


def from_environment(environment: Mapping[str, str] | None = None) -> Config:
    """The local bank that the environment describes.

    :raises Refusal: a port that is none, or one port for two programs.
    """
    env = os.environ if environment is None else environment
    config = Config(
        var=Path(env.get("BANK_VAR_DIR") or ROOT / "var").resolve(),
        web_port=_port(env, "WEB_PORT", 8000),
        tpp_port=_port(env, "TPP_PORT", 8100),
        clearing_port=_port(env, "CLEARING_PORT", 8200),
        pg_port=_port(env, "PG_PORT", 54329),
        database_url=env.get("DATABASE_URL", ""),
        broker_url=env.get("CELERY_BROKER_URL", ""),
    )
    ports = {
        "WEB_PORT": config.web_port,
        "TPP_PORT": config.tpp_port,
        "CLEARING_PORT": config.clearing_port,
        "PG_PORT": config.pg_port,
    }
    if len(set(ports.values())) < len(ports):
        raise Refusal(
            f"Each program needs a port of its own: {', '.join(f'{k}={v}' for k, v in ports.items())}."
        )
    return config


def check_port(name: str, port: int) -> None:
    """Refuse a port that something else listens on.

    :raises Refusal: naming the variable that chooses another.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do it: a port that only waits for old connections to time out is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise Refusal(
                f"Port {port} is reserved for the system administrator; choose another: {name}={port + 8000}."
            ) from None
        except OSError:
            raise Refusal(
                f"Port {port} is in use by another program; stop it or choose another: {name}={port + 1}."
            ) from None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, for banks that tests start beside one another.

    Below the range from which the system takes the ports of outgoing connections, which would get in the way
    later.
    """
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                sock.bind(("127.0.0.1", 20000 + secrets.randbelow(12000)))
            except OSError:
                sock.close()
            else:
                held.append(sock)
        return [sock.getsockname()[1] for sock in held]
    finally:
        for sock in held:
            sock.close()


def read_env_file(path: Path) -> dict[str, str]:
    """The NAME=value lines of an environment file; nothing when there is none."""
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def ensure_folder(config: Config) -> None:
    """Make the folder of run-time files.

    :raises Refusal: it cannot be written.
    """
    try:
        for folder in (config.var, config.logs):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(
            f"The folder {config.var} for run-time files cannot be written: {error.strerror}."
        ) from None


def ensure_secrets(config: Config) -> dict[str, str]:
    """The generated secrets of this bank; written on first use, kept afterwards."""
    present = read_env_file(config.env_file)
    missing = [name for name in GENERATED if not present.get(name)]
    if missing:
        present |= {name: secrets.token_urlsafe(48) for name in missing}
        write_env_file(config, present)
    return {name: present[name] for name in GENERATED}


def write_env_file(config: Config, values: Mapping[str, str]) -> None:
    """Replace the environment file in one step, so that a crash leaves the old or the new one."""
    text = "# Generated by the launcher; the secrets of this sandbox. `make reset` makes new ones.\n"
    text += "".join(f"{name}={value}\n" for name, value in sorted(values.items()))
    if config.env_file.is_file() and config.env_file.read_text(encoding="utf-8") == text:
        return
    fresh = config.env_file.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(handle, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(config.env_file)
