"""``make reset``: throw the sandbox's data away. The next start makes new ones."""

import shutil

import psycopg

from deploy.local import postgres, running
from deploy.local.config import Config, ensure_folder, from_environment, read_env_file
from deploy.local.console import Refusal, say, sentences
from deploy.local.stack import PREPARED, recorded

# Not a glob: var/ may hold what somebody else put there.
_FILES = (
    "bank.env",
    "sandbox.json",
    "run.json",
    # The standard library's database adds what it likes to the name.
    *(f"celerybeat-schedule{ending}" for ending in ("", ".bak", ".dat", ".db", ".dir")),
)
_FOLDERS = ("broker", "clearing", "keys", "log", "static", "test", "tpp")


def reset(config: Config) -> None:
    """Remove the data of this bank.

    :raises Refusal: the bank is running.
    """
    ensure_folder(config)
    with running.only_one(config):
        if config.database_url:
            _drop(config.database_url)
        secrets = read_env_file(config.env_file)
        postgres.Server(
            home=config.var / "postgres",
            port=config.pg_port,
            password=secrets.get("PG_OWNER_PASSWORD", ""),
        ).destroy()
        for name in _FILES:
            (config.var / name).unlink(missing_ok=True)
        for name in _FOLDERS:
            shutil.rmtree(config.var / name, ignore_errors=True)


def _drop(url: str) -> None:
    """Drop a database on somebody else's server, if it is a sandbox that the launcher made."""
    try:
        prepared = recorded(url).startswith(PREPARED)
    except psycopg.OperationalError as error:
        raise Refusal(f"The database of DATABASE_URL cannot be reached: {str(error).strip()}") from None
    if not prepared:
        raise Refusal("The database of DATABASE_URL is no sandbox that `make run` set up; drop it yourself.")
    postgres.drop_database(url)


def main() -> None:
    """The program behind ``make reset``."""
    with sentences():
        config = from_environment()
        reset(config)
        say(f"The data of the bank in {config.var} are gone; `make run` begins afresh.")


if __name__ == "__main__":
    main()
