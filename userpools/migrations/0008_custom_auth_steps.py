"""What custom sign-ins under way know beyond their Session."""

import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('userpools', '0007_devices'),
    ]

    operations = [
        migrations.CreateModel(
            name='CustomAuthStep',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('sealed', models.BinaryField()),
                ('expires_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['expires_at'], name='custom_auth_step_expiry')],
            },
        ),
    ]
