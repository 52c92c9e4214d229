import django.db.models.deletion
from django.db import migrations, models

from apps.core.sql import run_sql_file


class Migration(migrations.Migration):
    """No file is offered to be signed without an assessment. Those from before monitoring get one that says just
    that: ``none``."""

    dependencies = [
        ("bulk", "0008_without_trusted"),
        ("risk", "0003_first_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="paymentfile",
            name="origin",
            field=models.JSONField(
                default=dict,
                help_text="where it was uploaded from (apps.risk.facts.Origin); empty: not known",
            ),
        ),
        migrations.AddField(
            model_name="paymentfile",
            name="risk_assessment",
            field=models.OneToOneField(
                help_text="of every payment of it, made before it is offered to be signed; never another (trigger)",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payment_file",
                to="risk.riskassessment",
                verbose_name="risk assessment",
            ),
        ),
        run_sql_file(__file__, "0009_not_assessed"),
        migrations.AddConstraint(
            model_name="paymentfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["PDNG", "RJCT", "CANC"]),
                    ("risk_assessment__isnull", False),
                    _connector="OR",
                ),
                name="bulk_file_offered_only_assessed",
            ),
        ),
        run_sql_file(__file__, "0009_assessed"),
    ]
