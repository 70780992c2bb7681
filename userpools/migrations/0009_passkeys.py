"""Passkeys of users."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("userpools", "0008_custom_auth_steps"),
    ]

    operations = [
        migrations.AddField(
            model_name="pooluser",
            name="passkey_mfa",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.CreateModel(
            name="Passkey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("credential_id", models.CharField(max_length=1364)),
                ("public_key", models.BinaryField()),
                ("sign_count", models.PositiveBigIntegerField(default=0)),
                ("relying_party_id", models.CharField(max_length=127)),
                ("friendly_name", models.CharField(max_length=128)),
                ("attachment", models.CharField(blank=True, default="", max_length=32)),
                ("transports", models.CharField(blank=True, default="", max_length=128)),
                ("aaguid", models.UUIDField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "pool",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="userpools.userpool",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="passkeys",
                        to="userpools.pooluser",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("pool", "credential_id"), name="passkey_in_pool"
                    )
                ],
            },
        ),
    ]
