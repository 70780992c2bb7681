"""Devices of users, and whether a sign-in passed a second factor."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("userpools", "0006_second_factors"),
    ]

    operations = [
        migrations.AddField(
            model_name="signinsession",
            name="passed_factor",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=55)),
                ("group_key", models.CharField(max_length=16)),
                ("name", models.TextField(blank=True, default="")),
                ("salt", models.CharField(blank=True, default="", max_length=128)),
                ("sealed", models.BinaryField(null=True)),
                ("remembered", models.BooleanField(default=False)),
                ("passed_factor", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("modified_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_authenticated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_address", models.CharField(blank=True, default="", max_length=64)),
                ("asked_session", models.TextField(blank=True, default="")),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="devices",
                        to="userpools.pooluser",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "key"), name="device_of_user")
                ],
            },
        ),
    ]
