from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The outcome of Verification of Payee on every payment. Those taken in before keep "could not be checked" and no
    time of a check, and the snapshot that their customers signed."""

    dependencies = [("payments", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="paymentinitiation",
            name="creditor_name_match",
            field=models.CharField(
                choices=[
                    ("MTCH", "name and IBAN belong together"),
                    ("CMTC", "almost the same name"),
                    ("NMTC", "another name"),
                    ("NOAP", "could not be checked"),
                ],
                default="NOAP",
                max_length=4,
                verbose_name="name check",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="paymentinitiation",
            name="matched_creditor_name",
            field=models.CharField(
                blank=True,
                default="",
                help_text="shown with a close match",
                max_length=140,
                verbose_name="payee’s name at his bank",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="paymentinitiation",
            name="creditor_name_checked_at",
            field=models.DateTimeField(
                help_text="empty: taken in before names were checked", null=True, verbose_name="name checked"
            ),
        ),
        migrations.AddField(
            model_name="paymentinitiation",
            name="vop_requested",
            field=models.BooleanField(
                default=False,
                help_text="Client-VOP-Requested: the TPP wants to be told, and its customer asked",
            ),
        ),
        migrations.AddField(
            model_name="paymentinitiation",
            name="creditor_confirmed_at",
            field=models.DateTimeField(help_text="by the customer, through his TPP", null=True),
        ),
        migrations.AddConstraint(
            model_name="paymentinitiation",
            constraint=models.CheckConstraint(
                condition=Q(creditor_name_match__in=["MTCH", "CMTC", "NMTC", "NOAP"]),
                name="payment_name_match_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentinitiation",
            constraint=models.CheckConstraint(
                condition=Q(creditor_name_match="CMTC") ^ Q(matched_creditor_name=""),
                name="payment_name_shown_if_close",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentinitiation",
            constraint=models.CheckConstraint(
                condition=Q(transaction_status__in=["RCVD", "RJCT", "CANC"])
                | Q(vop_requested=False)
                | Q(creditor_name_match="MTCH")
                | Q(creditor_confirmed_at__isnull=False),
                name="payment_confirmed_if_asked",
            ),
        ),
    ]
