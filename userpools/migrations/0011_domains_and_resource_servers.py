"""Domains of pools, and resource servers with their scopes."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("userpools", "0010_sms_guard"),
    ]

    operations = [
        migrations.CreateModel(
            name="ResourceServer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identifier", models.CharField(max_length=256)),
                ("name", models.CharField(max_length=256)),
                ("scopes", models.JSONField(blank=True, default=list)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "modified_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "pool",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="resource_servers",
                        to="userpools.userpool",
                    ),
                ),
            ],
            options={
                "ordering": ["identifier"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("pool", "identifier"), name="resource_server_in_pool"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UserPoolDomain",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("domain", models.CharField(max_length=253, unique=True)),
                ("is_custom", models.BooleanField(default=False)),
                ("managed_login_version", models.PositiveSmallIntegerField(default=1)),
                ("configuration", models.JSONField(default=dict)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "modified_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "pool",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="domains",
                        to="userpools.userpool",
                    ),
                ),
            ],
            options={
                "verbose_name": "domain",
                "ordering": ["domain"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("pool", "is_custom"), name="domain_of_kind_in_pool"
                    )
                ],
            },
        ),
    ]
