import django.db.models.deletion
from django.db import migrations, models

from apps.core.sql import run_sql_file


class Migration(migrations.Migration):
    """One message carries many transfers. A message of one, as all were until now, is a group of one."""

    dependencies = [
        ("clearing", "0003_more_rails"),
    ]

    operations = [
        migrations.AlterField(
            model_name="clearinginstruction",
            name="message",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="instructions",
                to="clearing.clearingmessage",
            ),
        ),
        migrations.AlterField(
            model_name="clearinginstruction",
            name="charge_bearer",
            field=models.CharField(
                default="SLEV",
                help_text="ISO 20022 ChargeBearerType1Code",
                max_length=4,
                verbose_name="who pays the fees",
            ),
        ),
        migrations.AlterField(
            model_name="clearinginstruction",
            name="creditor_agent",
            field=models.CharField(
                blank=True,
                default="",
                help_text="BIC; empty: the IBAN says it",
                max_length=11,
                verbose_name="payee’s bank",
            ),
        ),
        run_sql_file(__file__, "0004_transfers_in_groups"),
    ]
