"""Where a pool's text messages may go, and how many may leave."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("userpools", "0009_passkeys"),
    ]

    operations = [
        migrations.AddField(
            model_name="userpool",
            name="sms_allowed",
            field=models.CharField(blank=True, db_default="", default="", max_length=2048),
        ),
        migrations.AddField(
            model_name="userpool",
            name="sms_blocked",
            field=models.CharField(blank=True, db_default="", default="", max_length=2048),
        ),
        migrations.AddField(
            model_name="userpool",
            name="sms_daily",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="userpool",
            name="sms_hourly",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
    ]
