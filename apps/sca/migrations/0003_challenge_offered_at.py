from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sca", "0002_authenticator")]

    operations = [
        migrations.AddField(
            model_name="challenge",
            name="offered_at",
            field=models.DateTimeField(
                help_text="when a page first asked for it; empty for a code sent ahead that none has asked for yet",
                null=True,
            ),
        ),
    ]
