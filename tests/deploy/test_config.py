"""Ports, folder and secrets of the local bank."""

import os
import socket
import stat

import pytest

from deploy.local.config import (
    check_port,
    ensure_folder,
    ensure_secrets,
    free_ports,
    from_environment,
    read_env_file,
    write_env_file,
)
from deploy.local.console import Refusal


def test_without_variables_the_usual_ports_are_taken():
    config = from_environment({})
    assert (config.bank_url, config.tpp_url) == ("http://localhost:8000", "http://127.0.0.1:8100")
    assert config.pg_port == 54329
    assert config.database_url == config.broker_url == ""


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80 ", "８０", "http", "1e3"])
def test_a_port_that_is_none_is_named_in_the_refusal(text):
    with pytest.raises(Refusal, match=r"WEB_PORT=.* is not a port number"):
        from_environment({"WEB_PORT": text})


def test_two_programs_may_not_share_a_port():
    with pytest.raises(Refusal, match="a port of its own"):
        from_environment({"WEB_PORT": "9000", "TPP_PORT": "9000"})


def test_a_port_in_use_is_one_sentence_that_names_the_variable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Refusal, match=rf"Port {port} is in use .* WEB_PORT={port + 1}"):
            check_port("WEB_PORT", port)
    check_port("WEB_PORT", port)


def test_free_ports_are_different_and_free():
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        check_port("WEB_PORT", port)


def test_secrets_are_made_once_and_readable_by_the_owner_only(tmp_path):
    config = from_environment({"BANK_VAR_DIR": str(tmp_path / "var")})
    ensure_folder(config)
    secrets = ensure_secrets(config)
    assert len(set(secrets.values())) == len(secrets)
    assert all(len(value) >= 60 for value in secrets.values())
    assert stat.S_IMODE(config.env_file.stat().st_mode) == 0o600
    assert ensure_secrets(config) == secrets


def test_an_environment_file_open_to_others_is_closed_when_it_is_written(tmp_path):
    config = from_environment({"BANK_VAR_DIR": str(tmp_path)})
    config.env_file.write_text("A=1\n")
    config.env_file.chmod(0o644)
    write_env_file(config, {"A": "2", "B": "with = sign"})
    assert stat.S_IMODE(config.env_file.stat().st_mode) == 0o600
    assert read_env_file(config.env_file) == {"A": "2", "B": "with = sign"}


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal, match="cannot be written"):
        ensure_folder(from_environment({"BANK_VAR_DIR": str(tmp_path / "file" / "var")}))


def test_a_missing_environment_file_holds_nothing(tmp_path):
    assert read_env_file(tmp_path / os.devnull.strip("/")) == {}
