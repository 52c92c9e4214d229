from django.db import migrations

from apps.core.sql import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_clearing_kinds")]
    operations = [run_sql_file(__file__, "0004_posting_plans")]
