"""Search keys for the users that are there.

A server of the version before keeps no keys of what it writes after this. When all such servers
have ended, `manage.py migrate userpools 0004` and then `manage.py migrate` look through all users
once more. Going back undoes nothing, and only users whose keys are wrong are locked and written;
so it may be done beside running servers, and again after an interruption.
"""

from django.db import migrations, transaction

from userpools.models.search_keys import search_key

SEARCHABLE = ("email", "phone_number", "name", "given_name", "family_name", "preferred_username")
COLUMNS = [f"{name}_key" for name in SEARCHABLE]
BATCH = 500


def make_search_keys(apps, schema_editor):
    """Give every user the keys of the attributes that are there."""
    alias = schema_editor.connection.alias
    users = apps.get_model("userpools", "PoolUser").objects.using(alias)
    last = 0
    in_order = users.order_by("pk").only("attributes", *COLUMNS)
    while batch := list(in_order.filter(pk__gt=last)[:BATCH]):
        last = batch[-1].pk
        if wrong := [user.pk for user in batch if set_keys(user)]:
            write(users.filter(pk__in=wrong), alias)


def write(users, alias):
    """Lock the users, so that their attributes stay as they are read, and write their keys."""
    with transaction.atomic(alias):
        batch = list(users.select_for_update().order_by("pk").only("attributes", *COLUMNS))
        for user in batch:
            set_keys(user)
        users.bulk_update(batch, COLUMNS)


def set_keys(user):
    """Set the keys that the user's attributes ask for, and say whether one was another."""
    before = [getattr(user, column) for column in COLUMNS]
    values = [user.attributes.get(name) for name in SEARCHABLE]
    keys = [search_key(value) if value else None for value in values]
    for column, key in zip(COLUMNS, keys, strict=True):
        setattr(user, column, key)
    return keys != before


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("userpools", "0004_directory_indexes")]

    operations = [migrations.RunPython(make_search_keys, migrations.RunPython.noop)]
