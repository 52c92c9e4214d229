import django.db.models.deletion
from django.db import migrations, models

from apps.core.sql import run_sql_file

LINK = {
    "help_text": "made for this payment, before it was stored; never another (trigger)",
    "on_delete": django.db.models.deletion.PROTECT,
    "related_name": "payment",
    "to": "risk.riskassessment",
    "verbose_name": "risk assessment",
}


class Migration(migrations.Migration):
    """No payment without an assessment. Those from before monitoring get one that says just that: ``none``."""

    dependencies = [
        ("accounts", "0003_signing_rights"),
        ("payments", "0011_exemptions"),
        ("risk", "0003_first_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="standingorder",
            name="origin",
            field=models.JSONField(
                default=dict,
                help_text="where it was ordered from (apps.risk.facts.Origin); empty: not known",
            ),
        ),
        migrations.AddField(
            model_name="paymentinitiation",
            name="risk_assessment",
            field=models.OneToOneField(null=True, **LINK),
        ),
        run_sql_file(__file__, "0012_not_assessed"),
        migrations.AlterField(
            model_name="paymentinitiation", name="risk_assessment", field=models.OneToOneField(**LINK)
        ),
        migrations.AddIndex(
            model_name="paymentinitiation",
            index=models.Index(fields=["debtor_account", "-created_at"], name="payment_of_account"),
        ),
        migrations.AlterField(
            model_name="paymentinitiation",
            name="debtor_account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.paymentaccount",
            ),
        ),
        run_sql_file(__file__, "0012_assessed"),
    ]
