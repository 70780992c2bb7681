"""User names that compare by code point, and a column for each search key of a user.

The index of user names is rebuilt under a lock, a second or two for a million users.
"""

from django.db import migrations

from userpools.models.search_keys import NameField, SearchKeyField

SEARCHABLE = ("email", "phone_number", "name", "given_name", "family_name", "preferred_username")


class Migration(migrations.Migration):
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
    ]
