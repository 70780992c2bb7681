"""Second factors of users: authenticator apps, and which factors are on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("userpools", "0005_search_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="pooluser",
            name="mfa_methods",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=64
            ),
        ),
        migrations.AddField(
            model_name="pooluser",
            name="mfa_preferred",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=24
            ),
        ),
        migrations.AddField(
            model_name="pooluser",
            name="software_token_name",
            field=models.TextField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="pooluser",
            name="software_token_step",
            field=models.BigIntegerField(db_default=-1, default=-1, editable=False),
        ),
        migrations.AlterField(
            model_name="verificationcode",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("sign_up", "Confirm sign-up"),
                    ("reset_password", "Reset password"),
                    ("verify_attribute", "Verify attribute"),
                    ("authentication", "Sign in"),
                ],
                max_length=32,
            ),
        ),
        migrations.CreateModel(
            name="SoftwareToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.TextField(blank=True, default="")),
                ("confirmed", models.BooleanField(default=False)),
                ("sealed", models.BinaryField(null=True)),
                ("pending_sealed", models.BinaryField(null=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="software_token",
                        to="userpools.pooluser",
                    ),
                ),
            ],
            options={
                "verbose_name": "authenticator app",
            },
        ),
    ]
