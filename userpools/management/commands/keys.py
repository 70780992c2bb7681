"""`manage.py keys`: the signing keys of pools, and the master key that seals secrets."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from userpools import sealing
from userpools.audit import record_act
from userpools.conf import settings
from userpools.local_api import actor
from userpools.models import UserPool
from userpools.services import rekey
from userpools.tokens import keys as signing_keys

from ._base import NounCommand, Result, argument, verb

POOL = argument("pool", metavar="POOL_ID")

OVERLAP_HELP = (
    "How long (default 24, the longest life of a token). 0 makes every token issued so far invalid."
)
NEW_KEY_HELP = "Add another key to the key file although an older one is still in it."
ROTATED = """Everything is sealed under master key {current}.
Older keys still open what clients hold, such as the refresh tokens issued so far. Restart every
server with the new key, run `keys rotate-master` once more (it must find nothing to do), and drop
the older keys when those refresh tokens may end: {drop}."""
DROP_FROM_FILE = "manage.py keys rotate-master --drop-old"
DROP_FROM_ENVIRONMENT = "take them out of POOLHOUSE_MASTER_KEY"


class Command(NounCommand):
    """Signing keys and master keys."""

    help = (
        "List and rotate the signing keys of a pool; make and rotate the master key. To rotate a"
        " master key of the environment without a pause: give every server OLD,NEW, then NEW,OLD,"
        " then run `keys rotate-master`. With the data folder's key file, stop the server before."
    )

    @verb("List the published signing keys of a pool.", POOL)
    def list(self, options: dict[str, Any]) -> Result:
        pool = UserPool.objects.get(pk=options["pool"])
        return [
            {
                "KeyId": key.kid,
                "Use": key.use,
                "Signs": key.is_active,
                "Created": key.created_at.isoformat(timespec="seconds"),
                "Retires": key.retire_at.isoformat(timespec="seconds") if key.retire_at else None,
            }
            for key in pool.signing_keys.all()
        ]

    @verb(
        "Sign with new keys from now on; the old ones stay published for a while.",
        POOL,
        argument("--overlap-hours", type=float, default=24.0, help=OVERLAP_HELP),
    )
    def rotate(self, options: dict[str, Any]) -> Result:
        pool = UserPool.objects.get(pk=options["pool"])
        if options["overlap_hours"] < 0:
            raise CommandError("The overlap cannot be negative.")
        with transaction.atomic():
            fresh = signing_keys.rotate(pool, overlap=timedelta(hours=options["overlap_hours"]))
            after = {key.use: key.kid for key in fresh}
            record_act(
                actor(), "RotateSigningKeys", pool_id=pool.pk, resource=pool.arn, after=after
            )
        return [{"KeyId": key.kid, "Use": key.use, "Signs": True} for key in fresh]

    @verb("Print a new master key and keep nothing of it.", needs_database=False)
    def new_master(self, _options: dict[str, Any]) -> Result:
        return sealing.new_key_text()

    @verb(
        "Seal every secret under a new master key; may be interrupted and run again.",
        argument("--drop-old", action="store_true", help="Take older keys out of the key file."),
        argument("--new-key", action="store_true", help=NEW_KEY_HELP),
    )
    def rotate_master(self, options: dict[str, Any]) -> Result:
        path = settings.MASTER_KEY_FILE
        if options["drop_old"]:
            return self.drop_old(path)
        if path is not None and (options["new_key"] or len(sealing.ring().key_ids) == 1):
            rekey.write_key_file(path, [sealing.new_key_text(), *rekey.read_key_file(path)])
            self.note(
                f"New master key {sealing.ring().key_ids[0]} in {path.name}; the older one is kept."
            )
        elif path is None and len(sealing.ring().key_ids) == 1:
            raise CommandError(
                "POOLHOUSE_MASTER_KEY names one key. Put the new one in front of it (NEW,OLD) and"
                " run this again; `keys new-master` makes one."
            )
        rekey.verify()
        return self.reseal(path)

    def reseal(self, path: Path | None) -> Result:
        """Seal what is under older keys, and say what is left to do."""
        done, broken = rekey.reseal_all(self.progress)
        current = sealing.ring().key_ids[0]
        record_act(
            actor(), "RotateMasterKey", resource=current, after={"Resealed": done, "Broken": broken}
        )
        if broken:
            raise CommandError(
                f"{broken} values open under none of the keys given and were left as they are;"
                f" {done} were sealed anew. Bring the missing key back and run this again."
            )
        rekey.forget_old_keys()
        drop = DROP_FROM_FILE if path else DROP_FROM_ENVIRONMENT
        self.note(ROTATED.format(current=current, drop=drop))
        return {"MasterKey": current, "Resealed": done}

    def progress(self, column: rekey.Column, seen: int, total: int) -> None:
        """Say how far the work is."""
        self.note(f"{column}: {seen} of {total}")

    def drop_old(self, path: Path | None) -> Result:
        """Leave the current key alone in the key file."""
        if path is None:
            raise CommandError(f"The keys are not in a file of ours: {DROP_FROM_ENVIRONMENT}.")
        rekey.forget_old_keys()
        rekey.write_key_file(path, rekey.read_key_file(path)[:1])
        current = sealing.ring().key_ids[0]
        record_act(actor(), "DropMasterKeys", resource=current)
        return {"MasterKey": current}
