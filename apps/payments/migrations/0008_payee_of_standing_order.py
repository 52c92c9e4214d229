from django.db import migrations, models
from django.db.models import Q

OUTCOMES = [
    ("MTCH", "name and IBAN belong together"),
    ("CMTC", "almost the same name"),
    ("NMTC", "another name"),
    ("NOAP", "could not be checked"),
]


class Migration(migrations.Migration):
    """The outcome of Verification of Payee on every standing order. Those taken in before keep "could not be checked" and
    no time of a check, and the snapshot that their customers signed."""

    dependencies = [("payments", "0007_more_products")]
    operations = [
        migrations.AddField(
            model_name="standingorder",
            name="creditor_name_match",
            field=models.CharField(choices=OUTCOMES, default="NOAP", max_length=4, verbose_name="name check"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="standingorder",
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
            model_name="standingorder",
            name="creditor_name_checked_at",
            field=models.DateTimeField(
                help_text="empty: taken in before names were checked", null=True, verbose_name="name checked"
            ),
        ),
        migrations.AddConstraint(
            model_name="standingorder",
            constraint=models.CheckConstraint(
                condition=Q(creditor_name_match__in=["MTCH", "CMTC", "NMTC", "NOAP"]),
                name="standing_order_name_match_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingorder",
            constraint=models.CheckConstraint(
                condition=Q(creditor_name_match="CMTC") ^ Q(matched_creditor_name=""),
                name="standing_order_name_shown_with_close_match",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingorder",
            constraint=models.CheckConstraint(
                condition=Q(creditor_name_checked_at__isnull=False) | Q(creditor_name_match="NOAP"),
                name="standing_order_name_found_by_a_check",
            ),
        ),
    ]
