"""The embedded PostgreSQL: durable, asks for passwords, survives a kill, finds a place to live."""

import os
import socket

import psycopg
import pytest

from deploy.local import postgres
from deploy.local.config import free_ports
from deploy.local.console import Refusal
from tests.plugin import TEST_VAR


@pytest.fixture
def server(worker_id):
    # Not under tmp_path: pytest closes it to other users, and the server may have to run as one.
    found = postgres.Server(
        home=TEST_VAR / f"pg-{os.getpid()}-{worker_id}", port=free_ports(1)[0], password="a right one"
    )
    yield found
    found.destroy()


def _setting(server, name):
    with psycopg.connect(server.url()) as connection:
        return connection.execute(f"SHOW {name}").fetchone()[0]


def test_what_is_committed_is_on_disk(server):
    server.start()
    for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert _setting(server, name) == "on"
    assert _setting(server, "server_version").startswith("18")


def test_it_listens_on_loopback_only_and_asks_for_the_password(server):
    server.start()
    assert _setting(server, "listen_addresses") == "127.0.0.1"
    assert _setting(server, "unix_socket_directories") == ""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url(password="a wrong one"))
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(f"postgres://{postgres.OWNER}@127.0.0.1:{server.port}/postgres")


def test_it_runs_as_nobody_special(server):
    server.start()
    process = server.process()
    assert process is not None
    assert process.uids().effective != 0


def test_after_a_kill_it_starts_again_with_what_was_committed(server):
    server.start()
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    process = server.process()
    assert process is not None
    process.kill()
    process.wait(timeout=5)
    server.start()
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)


def test_a_pid_file_that_names_another_program_is_no_running_server(server):
    server.start()
    server.stop()
    (server.data / "postmaster.pid").write_text(
        f"{os.getpid()}\n{server.data}\n1\n{server.port}\n\n127.0.0.1\n"
    )
    assert server.process() is None
    server.start()
    assert server.process() is not None


def test_one_that_runs_already_is_taken_over(server):
    server.start()
    first = server.process()
    server.start()
    assert server.process() == first


def test_another_port_moves_it(server):
    server.start()
    moved = postgres.Server(home=server.home, port=free_ports(1)[0], password=server.password)
    moved.start()
    assert _setting(moved, "port") == str(moved.port)


def test_a_port_in_use_is_named(server):
    with socket.create_server(("127.0.0.1", server.port)), pytest.raises(Refusal, match="PG_PORT="):
        server.start()


def test_data_of_another_version_is_not_touched(server):
    server.start()
    server.stop()
    version = server.data / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(Refusal, match="belongs to PostgreSQL 16"):
        server.start()
    version.write_text("18\n")


def test_under_a_closed_folder_it_lives_elsewhere_and_says_so(tmp_path, monkeypatch, capsys):
    """A checkout in root's home; or, for a user, a folder that cannot be written."""
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o700 if os.geteuid() == 0 else 0o500)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    server = postgres.Server(home=closed / "postgres", port=free_ports(1)[0], password="p")
    monkeypatch.setattr(postgres.Server, "_pointer", tmp_path / "postgres.location")
    try:
        server.start()
        assert server.place != server.home
        assert str(server.place) in capsys.readouterr().out
        # The next start finds it by the file that says where.
        again = postgres.Server(home=server.home, port=server.port, password="p")
        assert again.place == server.place
        assert again.process() == server.process()
    finally:
        server.destroy()
    assert not server.place.exists()


def test_a_missing_database_is_made_and_an_existing_one_kept(server):
    server.start()
    url = server.url(database="bank one")
    postgres.ensure_database(url)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept ()")
    postgres.ensure_database(url)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT FROM kept")
    postgres.drop_database(url)


@pytest.mark.parametrize("url", ["mysql://x@y/z", "postgres://user@127.0.0.1", "sqlite:///x", "bank"])
def test_an_address_that_is_none_gets_one_sentence(url):
    with pytest.raises(Refusal, match="DATABASE_URL must look like"):
        postgres.ensure_database(url)


def test_a_server_that_is_not_there_gets_one_sentence():
    with pytest.raises(Refusal, match="cannot be used"):
        postgres.ensure_database(f"postgres://user@127.0.0.1:{free_ports(1)[0]}/bank")


def test_addresses_change_role_and_database():
    url = "postgres://owner:old@127.0.0.1:5432/bank"
    assert (
        postgres.with_role(url, user="bank_web", password="p@ss/word")
        == "postgres://bank_web:p%40ss%2Fword@127.0.0.1:5432/bank"
    )
    assert postgres.with_database(url, "other") == "postgres://owner:old@127.0.0.1:5432/other"
