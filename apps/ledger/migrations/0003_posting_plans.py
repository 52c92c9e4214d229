from django.db import migrations

from apps.core.sql import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_posting")]
    operations = [run_sql_file(__file__, "0003_posting_plans")]
