import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Requests, grants and tokens for a standing order that a TPP initiated."""

    dependencies = [
        ("authserver", "0001_initial"),
        ("consents", "0002_initial"),
        ("identity", "0004_sessions"),
        ("payments", "0014_periodic_payments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="accesstoken",
            name="access_token_grant_or_app",
        ),
        migrations.RemoveConstraint(
            model_name="accesstoken",
            name="access_token_one_object",
        ),
        migrations.RemoveConstraint(
            model_name="authorizationrequest",
            name="authorization_request_one_object",
        ),
        migrations.RemoveConstraint(
            model_name="grant",
            name="grant_one_object",
        ),
        migrations.AddField(
            model_name="accesstoken",
            name="standing_order",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.standingorder",
            ),
        ),
        migrations.AddField(
            model_name="authorizationrequest",
            name="standing_order",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.standingorder",
            ),
        ),
        migrations.AddField(
            model_name="grant",
            name="standing_order",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.standingorder",
            ),
        ),
        migrations.AddConstraint(
            model_name="accesstoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("consent", None),
                        ("grant", None),
                        ("payment", None),
                        ("psu", None),
                        ("standing_order", None),
                        ("user", None),
                    ),
                    models.Q(("grant__isnull", False), ("psu__isnull", False), ("user__isnull", False)),
                    _connector="OR",
                ),
                name="access_token_grant_or_app",
            ),
        ),
        migrations.AddConstraint(
            model_name="accesstoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("consent", None), ("payment", None)),
                    models.Q(("consent", None), ("standing_order", None)),
                    models.Q(("payment", None), ("standing_order", None)),
                    _connector="OR",
                ),
                name="access_token_one_object",
            ),
        ),
        migrations.AddConstraint(
            model_name="authorizationrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("consent__isnull", False), ("payment", None), ("standing_order", None)),
                    models.Q(("consent", None), ("payment__isnull", False), ("standing_order", None)),
                    models.Q(("consent", None), ("payment", None), ("standing_order__isnull", False)),
                    _connector="OR",
                ),
                name="authorization_request_one_object",
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("consent", None), ("payment", None)),
                    models.Q(("consent", None), ("standing_order", None)),
                    models.Q(("payment", None), ("standing_order", None)),
                    _connector="OR",
                ),
                name="grant_one_object",
            ),
        ),
    ]
