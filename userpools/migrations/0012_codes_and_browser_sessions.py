"""Authorization codes and browser sessions, and what the OAuth endpoints issue a session for."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('userpools', '0011_domains_and_resource_servers'),
    ]

    operations = [
        migrations.CreateModel(
            name='BrowserSession',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('user_epoch', models.PositiveIntegerField()),
                ('event_id', models.UUIDField()),
                ('auth_time', models.DateTimeField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'browser session',
            },
        ),
        migrations.AddField(
            model_name='grant',
            name='auth_time',
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name='grant',
            name='event_id',
            field=models.UUIDField(default=uuid.uuid4),
        ),
        migrations.AddField(
            model_name='grant',
            name='session_id',
            field=models.UUIDField(default=uuid.uuid4),
        ),
        migrations.AddField(
            model_name='grant',
            name='used_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='grant',
            name='user_epoch',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='signinsession',
            name='is_hosted',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='signinsession',
            name='resource',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.AddIndex(
            model_name='grant',
            index=models.Index(fields=['expires'], name='grant_expiry'),
        ),
        migrations.AddField(
            model_name='browsersession',
            name='client',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
        ),
        migrations.AddField(
            model_name='browsersession',
            name='pool',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='userpools.userpool'),
        ),
        migrations.AddField(
            model_name='browsersession',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='browser_sessions', to='userpools.pooluser'),
        ),
        migrations.AddIndex(
            model_name='browsersession',
            index=models.Index(fields=['expires_at'], name='browser_session_expiry'),
        ),
    ]
