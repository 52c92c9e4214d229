import pytest
from django.core.management import CommandError, call_command

from apps.screening.models import SanctionsList
from tests.factories.screening import list_xml

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
