import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.core.ids import new_id
from apps.screening.models import SanctionsList
from tests.factories.accounts import bank_accounts, customer
from tests.factories.screening import imported, list_xml, run_to_its_end

pytestmark = pytest.mark.django_db


def test_a_file_is_imported(tmp_path, capsys):
    path = tmp_path / "list.xml"
    path.write_bytes(list_xml("Arno Falkenrath|A. Falkenrath"))
    call_command("screening", "import", str(path))
    assert "1 entries, 2 names, published 2026-11-20" in capsys.readouterr().out


def test_a_broken_or_missing_file_ends_with_the_reason(tmp_path):
    path = tmp_path / "list.xml"
    with pytest.raises(CommandError, match="No such file"):
        call_command("screening", "import", str(path))
    path.write_bytes(b"<export>")
    with pytest.raises(CommandError, match="line 1"):
        call_command("screening", "import", str(path))
    assert not SanctionsList.objects.exists()


def test_a_list_that_shrank_is_refused_unless_forced(tmp_path, capsys):
    path = tmp_path / "list.xml"
    imported("Arno Falkenrath", "Bela Tost", "Curt Winkelried")
    path.write_bytes(list_xml("Arno Falkenrath", published="2026-11-21T10:00:00+01:00"))
    with pytest.raises(CommandError, match="1 entries, fewer than half of the present list's 3"):
        call_command("screening", "import", str(path))
    call_command("screening", "import", str(path), force=True)
    assert "1 entries" in capsys.readouterr().out


@pytest.mark.req("IPR-5d(1)")
def test_the_evidence_of_a_customer_names_day_edition_and_result(capsys):
    now = timezone.now()
    bank_accounts()
    anna, bruno = customer("Anna"), customer("Bruno")
    edition = imported("Anna Schneider", now=now)
    run_to_its_end(edition.runs.get(), now=now)
    call_command("screening", "evidence", str(anna.pk))
    told = capsys.readouterr().out
    assert f"list of 2026-11-20 {edition.sha256[:16]}" in told
    assert "result EU.1.1 (100)" in told
    assert told.startswith(str(timezone.localdate()))
    call_command("screening", "evidence", str(bruno.pk))
    assert "result none" in capsys.readouterr().out


def test_who_was_not_screened_in_those_days_is_told(capsys):
    with pytest.raises(CommandError, match="not screened from 2026-11-01 to 2026-11-02"):
        call_command("screening", "evidence", str(new_id()), "--from", "2026-11-01", "--to", "2026-11-02")
    with pytest.raises(CommandError, match="invalid UUID"):
        call_command("screening", "evidence", "anna")
