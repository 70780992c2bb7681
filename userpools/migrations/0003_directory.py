"""Search keys of users, and the indexes that each page of the directory is read along.

On PostgreSQL the indexes are built and dropped CONCURRENTLY, outside a transaction: people sign in
meanwhile. Only the index of user names is rebuilt under a lock, a second or two for a million
users. Users that a server of the version before writes while this runs have no search keys.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

from userpools.models.search_keys import NameField, SearchKeyField, search_key

SEARCHABLE = ("email", "phone_number", "name", "given_name", "family_name", "preferred_username")
BATCH = 500


class WhereItCan:
    """CONCURRENTLY on PostgreSQL, as usual elsewhere."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        postgresql = schema_editor.connection.vendor == "postgresql"
        act = super() if postgresql else super(self.concurrent, self)
        act.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        postgresql = schema_editor.connection.vendor == "postgresql"
        act = super() if postgresql else super(self.concurrent, self)
        act.database_backwards(app_label, schema_editor, from_state, to_state)


class AddIndex(WhereItCan, AddIndexConcurrently):
    concurrent = AddIndexConcurrently


class RemoveIndex(WhereItCan, RemoveIndexConcurrently):
    concurrent = RemoveIndexConcurrently


def make_search_keys(apps, schema_editor):
    """Give every user the keys of the attributes that are there."""
    users = apps.get_model("userpools", "PoolUser").objects
    last = 0
    while True:
        batch = list(users.filter(pk__gt=last).order_by("pk").only("attributes")[:BATCH])
        if not batch:
            return
        for user in batch:
            for name in SEARCHABLE:
                value = user.attributes.get(name)
                setattr(user, f"{name}_key", search_key(value) if value else None)
        users.bulk_update(batch, [f"{name}_key" for name in SEARCHABLE])
        last = batch[-1].pk


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("userpools", "0002_codes_and_past_passwords")]

    operations = [
        migrations.AlterField(
            model_name="pooluser",
            name="username",
            field=NameField(editable=False, max_length=128),
        ),
        migrations.AlterField(
            model_name="pooluser",
            name="username_key",
            field=NameField(editable=False, max_length=512),
        ),
        *(
            migrations.AddField(
                model_name="pooluser",
                name=f"{name}_key",
                field=SearchKeyField(name, editable=False, null=True),
            )
            for name in SEARCHABLE
        ),
        migrations.RunPython(make_search_keys, migrations.RunPython.noop),
        *(
            AddIndex(
                model_name="pooluser",
                index=models.Index(
                    fields=["pool", f"{name}_key", "id"],
                    name=f"user_{name}_key",
                    condition=models.Q((f"{name}_key__isnull", False)),
                ),
            )
            for name in SEARCHABLE
        ),
        AddIndex(
            model_name="pooluser",
            index=models.Index(fields=["pool", "username"], name="user_username"),
        ),
        AddIndex(
            model_name="pooluser",
            index=models.Index(fields=["pool", "status", "username_key"], name="user_status"),
        ),
        AddIndex(
            model_name="pooluser",
            index=models.Index(
                fields=["pool", "username_key"],
                name="user_disabled",
                condition=models.Q(("enabled", False)),
            ),
        ),
        AddIndex(
            model_name="membership",
            index=models.Index(fields=["group", "id"], name="members_of_group"),
        ),
        *(RemoveIndex(model_name="pooluser", name=f"user_{name}") for name in SEARCHABLE),
        # What a foreign key had an index of its own for, a constraint's index does as well.
        migrations.AlterField(
            model_name="pooluser",
            name="pool",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="users",
                to="userpools.userpool",
            ),
        ),
        migrations.AlterField(
            model_name="useralias",
            name="pool",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="userpools.userpool",
            ),
        ),
        migrations.AlterField(
            model_name="useralias",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="aliases",
                to="userpools.pooluser",
            ),
        ),
        migrations.AlterField(
            model_name="membership",
            name="group",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships",
                to="userpools.group",
            ),
        ),
        migrations.AlterField(
            model_name="membership",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships",
                to="userpools.pooluser",
            ),
        ),
    ]
