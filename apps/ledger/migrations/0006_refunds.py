from django.db import migrations, models
from django.db.models import Q

ACCOUNT_KINDS = [
    "customer",
    "clearing",
    "nostro",
    "suspense",
    "fees",
    "interest",
    "equity",
    "receivable",
    "losses",
]
ENTRY_KINDS = [
    "opening",
    "credit_transfer",
    "clearing_settlement",
    "clearing_receipt",
    "credit_transfer_return",
    "incoming_credit_transfer",
    "reversal",
    "fee",
    "overdraft_interest",
    "credit_interest",
    "charge_collection",
    "unauthorised_refund",
]


class Migration(migrations.Migration):
    """Kinds of the entry that pays back what a customer did not authorise, and of the account that bears it."""

    dependencies = [("ledger", "0005_charges")]
    operations = [
        migrations.AlterField(
            model_name="ledgeraccount",
            name="kind",
            field=models.CharField(
                choices=[(kind, kind.capitalize()) for kind in ACCOUNT_KINDS], max_length=10
            ),
        ),
        migrations.AlterField(
            model_name="entry",
            name="kind",
            field=models.CharField(
                choices=[(kind, kind.replace("_", " ").title()) for kind in ENTRY_KINDS], max_length=30
            ),
        ),
        migrations.RemoveConstraint(model_name="ledgeraccount", name="ledger_account_kind_known"),
        migrations.AddConstraint(
            model_name="ledgeraccount",
            constraint=models.CheckConstraint(
                condition=Q(kind__in=ACCOUNT_KINDS), name="ledger_account_kind_known"
            ),
        ),
        migrations.RemoveConstraint(model_name="entry", name="ledger_entry_kind_known"),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=Q(kind__in=ENTRY_KINDS), name="ledger_entry_kind_known"
            ),
        ),
    ]
