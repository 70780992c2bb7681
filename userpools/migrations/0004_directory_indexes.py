"""The indexes that each page of the directory is read along.

On PostgreSQL they are built and dropped CONCURRENTLY, outside a transaction: people sign in
meanwhile. Interrupted, it is run again as it is: each operation does over what it may have begun.
"""

import django.db.models.deletion
from django.db import migrations, models, transaction

SEARCHABLE = ("email", "phone_number", "name", "given_name", "family_name", "preferred_username")


def drop(schema_editor, index):
    """Drop an index if it is there, be it one whose making was interrupted."""
    how = "CONCURRENTLY " if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP INDEX {how}IF EXISTS {schema_editor.quote_name(index.name)}")


def build(schema_editor, model, index):
    """Make an index, whatever an interrupted run left under its name."""
    drop(schema_editor, index)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.add_index(model, index, concurrently=True)
    else:
        schema_editor.add_index(model, index)


def drop_own_index(schema_editor, model, column):
    """Drop the index that an interrupted way back made for a foreign key."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    for name, each in found.items():
        if each["index"] and not each["unique"] and each["columns"] == [column]:
            schema_editor.execute(f"DROP INDEX IF EXISTS {schema_editor.quote_name(name)}")


class AddIndex(migrations.AddIndex):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        build(schema_editor, to_state.apps.get_model(app_label, self.model_name), self.index)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        drop(schema_editor, self.index)


class RemoveIndex(migrations.RemoveIndex):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        state = from_state.models[app_label, self.model_name_lower]
        drop(schema_editor, state.get_index_by_name(self.name))

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        state = to_state.models[app_label, self.model_name_lower]
        model = to_state.apps.get_model(app_label, self.model_name)
        build(schema_editor, model, state.get_index_by_name(self.name))


class AlterField(migrations.AlterField):
    """In a transaction of its own: a foreign key's constraint is dropped and made again."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        with transaction.atomic(schema_editor.connection.alias):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        model = from_state.apps.get_model(app_label, self.model_name)
        with transaction.atomic(schema_editor.connection.alias):
            drop_own_index(schema_editor, model, model._meta.get_field(self.name).column)
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("userpools", "0003_directory")]

    operations = [
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
        AlterField(
            model_name="pooluser",
            name="pool",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="users",
                to="userpools.userpool",
            ),
        ),
        AlterField(
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
        AlterField(
            model_name="useralias",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="aliases",
                to="userpools.pooluser",
            ),
        ),
        AlterField(
            model_name="membership",
            name="group",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships",
                to="userpools.group",
            ),
        ),
        AlterField(
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
