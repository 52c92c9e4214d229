from django.db import migrations

from apps.core.sql import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [
        run_sql_file(__file__, "0002_partitions"),
        run_sql_file(__file__, "0002_guards"),
        run_sql_file(__file__, "0002_posting"),
        run_sql_file(__file__, "0002_holds"),
        run_sql_file(__file__, "0002_closing"),
    ]
