import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Standing orders that come through a TPP; all earlier ones came through the portal. Backwards only while there is
    none whose customer is not known."""

    dependencies = [
        ("accounts", "0003_signing_rights"),
        ("identity", "0004_sessions"),
        ("payments", "0013_paymentinitiation_payment_booked"),
        ("tpp", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="standingorder",
            name="standing_order_runs_only_authorised",
        ),
        migrations.RemoveConstraint(
            model_name="standingorder",
            name="standing_order_request_once_per_customer",
        ),
        migrations.RemoveConstraint(
            model_name="standingorder",
            name="standing_order_partly_signed_needs_more",
        ),
        migrations.AddField(
            model_name="standingorder",
            name="app",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="standing_orders",
                to="tpp.app",
                verbose_name="app",
            ),
        ),
        migrations.AddField(
            model_name="standingorder",
            name="channel",
            field=models.CharField(
                choices=[("portal", "Portal"), ("xs2a", "Xs2A")],
                default="portal",
                max_length=6,
                verbose_name="channel",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="standingorder",
            name="creditor_agent",
            field=models.CharField(
                blank=True,
                default="",
                help_text="BIC; empty: the IBAN says it",
                max_length=11,
                verbose_name="payee’s bank",
            ),
        ),
        migrations.AddField(
            model_name="standingorder",
            name="creditor_confirmed_at",
            field=models.DateTimeField(help_text="by the customer, through his TPP", null=True),
        ),
        migrations.AddField(
            model_name="standingorder",
            name="end_to_end_identification",
            field=models.CharField(blank=True, max_length=35),
        ),
        migrations.AddField(
            model_name="standingorder",
            name="status_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("AB05", "the other bank did not answer in time"),
                    ("AC01", "the payee's account does not exist"),
                    ("AC04", "an account is closed"),
                    ("AC06", "an account is blocked"),
                    ("AG01", "this account may not be used for it"),
                    ("AM04", "not enough money on the account"),
                    ("AM14", "it is more than your limit allows"),
                    ("CUST", "you cancelled it"),
                    ("DS02", "it was not authorised in time"),
                    ("DS0A", "the code was not accepted"),
                    ("MS03", "the other bank refused it"),
                    ("NARR", "refused"),
                ],
                max_length=4,
                verbose_name="reason",
            ),
        ),
        migrations.AddField(
            model_name="standingorder",
            name="tpp_nok_redirect_uri",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="standingorder",
            name="tpp_notification_uri",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="standingorder",
            name="tpp_redirect_uri",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="standingorder",
            name="vop_requested",
            field=models.BooleanField(
                default=False,
                help_text="Client-VOP-Requested: the TPP wants to be told, and its customer asked",
            ),
        ),
        migrations.AlterField(
            model_name="standingorder",
            name="psu",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="standing_orders",
                to="identity.psu",
                verbose_name="customer",
            ),
        ),
        migrations.AlterField(
            model_name="standingorder",
            name="request_id",
            field=models.CharField(help_text="X-Request-ID, or the form's own key", max_length=36),
        ),
        migrations.AddConstraint(
            model_name="standingorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("transaction_status__in", ["ACTC", "ACSC"]), _negated=True),
                    models.Q(
                        ("authorisation_id__isnull", False),
                        ("authorised_at__isnull", False),
                        ("psu__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="standing_order_runs_only_authorised",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("transaction_status", "PATC"), _negated=True),
                    models.Q(("psu__isnull", False), ("signatures_needed__gt", 1)),
                    _connector="OR",
                ),
                name="standing_order_partly_signed_needs_more",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("app__isnull", False), ("channel", "xs2a")),
                    models.Q(("app__isnull", True), ("channel", "portal"), ("psu__isnull", False)),
                    _connector="OR",
                ),
                name="standing_order_channel_has_app",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("transaction_status__in", ["RCVD", "RJCT", "CANC"]),
                    ("vop_requested", False),
                    ("creditor_name_match", "MTCH"),
                    ("creditor_confirmed_at__isnull", False),
                    _connector="OR",
                ),
                name="standing_order_confirmed_if_asked",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingorder",
            constraint=models.UniqueConstraint(
                condition=models.Q(("app__isnull", False)),
                fields=("app", "request_id"),
                name="standing_order_request_once_per_app",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingorder",
            constraint=models.UniqueConstraint(
                condition=models.Q(("channel", "portal")),
                fields=("psu", "request_id"),
                name="standing_order_request_once_per_customer",
            ),
        ),
    ]
