from django.db import migrations

from apps.core.sql import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("fraud", "0001_initial")]
    operations = [run_sql_file(__file__, "0002_guards")]
